/* Largest number and mean under a window, any rank, by oneDNN. */
#include "backend/onednn/node.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_dn_kind kind,
                         fvi_need *need, void **state)
{
    fvi_dn_spec spec = {.kind = kind};
    spec.src = fvi_dn_activation(p->x[0]);
    spec.dst = fvi_dn_activation(p->y);
    fvi_dn_window(p->attr, &spec);
    return fvi_dn_prepare(ctx, p, &spec, need, state);
}

static fv_status prepare_max(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                             void **state)
{
    return prepare(ctx, p, FVI_DN_MAX_POOL, need, state);
}

static fv_status prepare_avg(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                             void **state)
{
    return prepare(ctx, p, FVI_DN_AVG_POOL, need, state);
}

const fvi_kernel fvi_onednn_max_pool = {
    .prepare = prepare_max,
    .forward = fvi_dn_forward,
    .backward = fvi_dn_backward,
    .release = fvi_dn_release,
    .fresh = true,
};

const fvi_kernel fvi_onednn_avg_pool = {
    .prepare = prepare_avg,
    .forward = fvi_dn_forward,
    .backward = fvi_dn_backward,
    .release = fvi_dn_release,
    .fresh = true,
};
