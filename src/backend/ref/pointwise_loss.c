/*
 * Losses that compare number with number: the mean of term(x, t) over all
 * channels of all positions, each with the weight w of its position.
 *
 *   y = sum w term / sum w        dL/dx = g w term'(x, t) / sum w
 */
#include "backend/ref/loss.h"

/* Binary cross-entropy on the logit z, written so that exp cannot overflow. */
static double bce(double z, double t)
{
    return (z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z)));
}

static double bce_slope(double z, double t)
{
    return 1 / (1 + exp(-z)) - t;
}

static double mse(double x, double t)
{
    return (x - t) * (x - t);
}

static double mse_slope(double x, double t)
{
    return 2 * (x - t);
}

static double mae(double x, double t)
{
    return fabs(x - t);
}

static double mae_slope(double x, double t)
{
    return x > t ? 1 : x < t ? -1 : 0;
}

typedef double curve(double x, double t);

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return prepare_loss(ctx, p, need, state, 2, 1);
}

/* Keeps the sum of weights for backward. */
static void forward(const struct loss *l, curve *term, real *y, double *mass)
{
    const int64_t blocks = block_count(l->M), K = l->K;
    memset(l->part, 0, (size_t)(2 * blocks + 2) * sizeof *l->part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *sum = l->part + 2 * b;
        FOR_BLOCK(m, b, l->M)
        {
            const double w = weight_at(l, m);
            const real *x = l->pred + m * K, *t = l->target + m * K;
            if (w == 0)
                continue;
            FOR (k, K)
                sum[0] += w * term((double)x[k], (double)t[k]);
            sum[1] += w * (double)K;
        }
    }
    add_blocks(l->part, blocks, 2);
    *mass = l->part[1];
    *y = (real)(*mass == 0 ? 0 : l->part[0] / *mass);
}

static void backward(const struct loss *l, curve *slope, const real *g,
                     const double *mass, real *dx)
{
    if (!dx || *mass == 0)
        return;
    const double unit = (double)*g / *mass;
    const int64_t K = l->K;
#pragma omp parallel for schedule(static)
    FOR (m, l->M) {
        const double w = unit * weight_at(l, m);
        const real *x = l->pred + m * K, *t = l->target + m * K;
        if (w == 0)
            continue;
        FOR (k, K)
            dx[m * K + k] += (real)(w * slope((double)x[k], (double)t[k]));
    }
}

#define LOSS(name)                                                      \
    static void name##_forward(void *state, const fvi_call *c)          \
    {                                                                   \
        const struct loss l = open_loss(state, c);                      \
        forward(&l, name, c->y.data, c->keep);                          \
    }                                                                   \
    static void name##_backward(void *state, const fvi_call *c)         \
    {                                                                   \
        const struct loss l = open_loss(state, c);                      \
        backward(&l, name##_slope, c->dy.data, c->keep, c->dx[0].data); \
    }                                                                   \
    const fvi_kernel REF(fvi_ref_##name) = {                            \
        .prepare = prepare,                                             \
        .forward = name##_forward,                                      \
        .backward = name##_backward,                                    \
        .release = fvi_ref_release,                                     \
    };
LOSS(bce)
LOSS(mse)
LOSS(mae)
