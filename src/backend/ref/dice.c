/*
 * Dice loss. Per channel k, over all positions m with weight w:
 *
 *   I = sum w p t,  S = sum w p + sum w t,  y = mean_k 1 - (2I + 1)/(S + 1)
 *   dL/dp = g/K w ((2I + 1)/(S + 1)^2 - 2t/(S + 1))
 * Source: Milletari et al. 2016 (arXiv:1606.04797), section 3, with linear
 * sums in the denominator.
 */
#include "backend/ref/loss.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const int64_t K = p->x[0].dim[p->x[0].ndim - 1];
    return prepare_loss(ctx, p, need, state, 2 * K, 2 * K);
}

/* Keeps I[K] and S[K] for backward. */
static void forward(void *state, const fvi_call *c)
{
    const struct loss l = open_loss(state, c);
    const int64_t K = l.K, blocks = block_count(l.M);
    double *keep = c->keep, y = 0;
    memset(l.part, 0, (size_t)(2 * K * (blocks + 1)) * sizeof *l.part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *I = l.part + 2 * K * b, *S = I + K;
        FOR_BLOCK(m, b, l.M)
        {
            const double w = weight_at(&l, m);
            const real *p = l.pred + m * K, *t = l.target + m * K;
            FOR (k, w == 0 ? 0 : K) {
                I[k] += w * (double)p[k] * (double)t[k];
                S[k] += w * ((double)p[k] + (double)t[k]);
            }
        }
    }
    add_blocks(l.part, blocks, 2 * K);
    memcpy(keep, l.part, (size_t)(2 * K) * sizeof *keep);
    FOR (k, K)
        y += 1 - (2 * keep[k] + 1) / (keep[K + k] + 1);
    *(real *)c->y.data = (real)(y / (double)K);
}

static void backward(void *state, const fvi_call *c)
{
    const struct loss l = open_loss(state, c);
    const int64_t K = l.K;
    const double *I = c->keep, *S = I + K;
    const double unit = (double)*(const real *)c->dy.data / (double)K;
    real *dx = c->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, l.M) {
        const double w = unit * weight_at(&l, m);
        FOR (k, w == 0 ? 0 : K) {
            const double t = (double)l.target[m * K + k], s = S[k] + 1;
            const double d = ((2 * I[k] + 1) / s - 2 * t) / s;
            dx[m * K + k] += (real)(w * d);
        }
    }
}

const fvi_kernel REF(fvi_ref_dice) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
