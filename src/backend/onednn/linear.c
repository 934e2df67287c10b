/* A linear layer over the channels of every position, by oneDNN. */
#include "backend/onednn/node.h"

#include "base/base.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const fvi_linear *o = p->attr;
    fvi_dn_spec spec = {.kind = FVI_DN_LINEAR};
    if (o->act == FVI_ACT_GELU || o->added)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "oneDNN's linear layers are not joined with what "
                        "follows but rectifiers");
    spec.src = fvi_dn_rows(p->x[0]);
    spec.weight = fvi_dn_filters(p->x[1]);
    if (p->nx > 2)
        spec.bias = fvi_dn_vector(p->x[2]);
    spec.dst = fvi_dn_rows(p->y);
    spec.act = o->act;
    spec.slope = o->slope;
    for (int a = 0; a < 3; a++)
        spec.dilation[a] = 1;
    spec.half = p->half && !p->train && fvi_dn_has_half();
    FV_TRY(fvi_dn_prepare(ctx, p, &spec, need, state));
    need->half = spec.half;
    return FV_OK;
}

const fvi_kernel fvi_onednn_linear = {
    .prepare = prepare,
    .forward = fvi_dn_forward,
    .backward = fvi_dn_backward,
    .release = fvi_dn_release,
    .fresh = true,
};
