#ifndef FVI_REF_LOSS_H
#define FVI_REF_LOSS_H

/* What the losses share: a weighted mean over M positions of K channels,
 *   y = sum w term / sum w,  0 when nothing has weight. */

#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

/* Everything by name. `weight` is NULL when all weigh one. */
struct loss {
    int64_t M, K;
    const real *pred, *target, *weight;
    double *part;
};

static inline struct loss open_loss(const fvi_ref_state *s, const fvi_call *c)
{
    const fv_tensor pred = s->x[0];
    struct loss l = {.K = pred.dim[pred.ndim - 1]};
    l.M = fv_count(pred) / l.K;
    l.pred = c->x[0].data;
    l.target = c->x[1].data;
    l.weight = s->p.nx > 2 ? c->x[2].data : NULL;
    l.part = c->scratch;
    return l;
}

static inline double weight_at(const struct loss *l, int64_t m)
{
    return l->weight ? (double)l->weight[m] : 1;
}

/* `sums` sums in forward, of which `keep` doubles are for backward. */
static inline fv_status prepare_loss(fv_ctx *ctx, const fvi_problem *p,
                                     fvi_need *need, void **state, int64_t sums,
                                     int64_t keep)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    const int64_t K = p->x[0].dim[p->x[0].ndim - 1];
    const int64_t blocks = block_count(fv_count(p->x[0]) / K);
    need->scratch = (size_t)(sums * (blocks + 1)) * sizeof(double);
    need->keep = (size_t)keep * sizeof(double);
    return FV_OK;
}

#endif
