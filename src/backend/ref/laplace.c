/*
 * Negative log likelihood of t under a Laplace distribution of mean m and
 * scale s, which the network answers as channels 0..C-1 and C..2C-1.
 *
 *   y = sum w (|m - t|/s + log s + log 2) / sum w
 *   dL/dm = g w sign(m - t)/s / sum w
 *   dL/ds = g w (1/s - |m - t|/s^2) / sum w
 */
#include "backend/ref/loss.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return prepare_loss(ctx, p, need, state, 2, 1);
}

/* Keeps the sum of weights for backward. */
static void forward(void *state, const fvi_call *c)
{
    const struct loss l = open_loss(state, c);
    const int64_t blocks = block_count(l.M), C = l.K / 2;
    const double log2 = 0.69314718055994530942;
    double *mass = c->keep;
    memset(l.part, 0, (size_t)(2 * blocks + 2) * sizeof *l.part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *sum = l.part + 2 * b;
        FOR_BLOCK(m, b, l.M)
        {
            const double w = weight_at(&l, m);
            const real *mean = l.pred + m * l.K, *scale = mean + C;
            const real *t = l.target + m * C;
            if (w == 0)
                continue;
            FOR (k, C) {
                double s = (double)scale[k],
                       off = (double)mean[k] - (double)t[k];
                sum[0] += w * (fabs(off) / s + log(s) + log2);
            }
            sum[1] += w * (double)C;
        }
    }
    add_blocks(l.part, blocks, 2);
    *mass = l.part[1];
    *(real *)c->y.data = (real)(*mass == 0 ? 0 : l.part[0] / *mass);
}

static void backward(void *state, const fvi_call *c)
{
    const struct loss l = open_loss(state, c);
    const double mass = *(const double *)c->keep;
    const int64_t C = l.K / 2;
    if (!c->dx[0].data || mass == 0)
        return;
    const double unit = (double)*(const real *)c->dy.data / mass;
#pragma omp parallel for schedule(static)
    FOR (m, l.M) {
        const double w = unit * weight_at(&l, m);
        const real *mean = l.pred + m * l.K, *t = l.target + m * C;
        real *dmean = (real *)c->dx[0].data + m * l.K;
        if (w == 0)
            continue;
        FOR (k, C) {
            double s = (double)mean[C + k],
                   off = (double)mean[k] - (double)t[k];
            double sign = off > 0 ? 1 : off < 0 ? -1 : 0;
            dmean[k] += (real)(w * sign / s);
            dmean[C + k] += (real)(w * (1 - fabs(off) / s) / s);
        }
    }
}

const fvi_kernel REF(fvi_ref_laplace) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
