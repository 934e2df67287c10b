/*
 * Softmax cross-entropy. t is the class of a position, w its weight times the
 * weight of its class; a negative t has weight 0.
 *
 *   y = sum w (log sum_k exp x[k] - x[t]) / sum w
 *   dL/dx[k] = g w (softmax(x)[k] - [k = t]) / sum w
 */
#include "backend/ref/loss.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return prepare_loss(ctx, p, need, state, 2, 1);
}

/* The class of position m and its weight: 0 when ignored, NaN when the target
 * is no class number, so that the mistake is seen. */
static double class_at(const struct loss *l, const fvi_class_weights *o,
                       int64_t m, int64_t *t)
{
    const double w = weight_at(l, m), v = (double)l->target[m];
    *t = 0;
    if (w == 0 || v < 0)
        return 0;
    if (!(v < (double)l->K))
        return (double)NAN;
    *t = (int64_t)v;
    return o->used ? w * (double)o->weight[*t] : w;
}

/* log sum_k exp x[k] - top, with top = max x */
static double log_sum_exp(const real *x, int64_t K, double *top)
{
    double sum = 0;
    *top = (double)x[0];
    FOR (k, K)
        *top = (double)x[k] > *top ? (double)x[k] : *top;
    FOR (k, K)
        sum += exp((double)x[k] - *top);
    return log(sum);
}

/* Keeps the sum of weights for backward. */
static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const struct loss l = open_loss(s, c);
    const int64_t blocks = block_count(l.M);
    double *mass = c->keep;
    memset(l.part, 0, (size_t)(2 * blocks + 2) * sizeof *l.part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *sum = l.part + 2 * b, top;
        FOR_BLOCK(m, b, l.M)
        {
            int64_t t;
            const double w = class_at(&l, s->p.attr, m, &t);
            const real *x = l.pred + m * l.K;
            if (w == 0)
                continue;
            const double rest = log_sum_exp(x, l.K, &top);
            sum[0] += w * (rest - ((double)x[t] - top));
            sum[1] += w;
        }
    }
    add_blocks(l.part, blocks, 2);
    *mass = l.part[1];
    *(real *)c->y.data = (real)(*mass == 0 ? 0 : l.part[0] / *mass);
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const struct loss l = open_loss(s, c);
    const double mass = *(const double *)c->keep;
    const double g = (double)*(const real *)c->dy.data;
    if (!c->dx[0].data || mass == 0)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, l.M) {
        int64_t t;
        const double w = g / mass * class_at(&l, s->p.attr, m, &t);
        const real *x = l.pred + m * l.K;
        real *dx = (real *)c->dx[0].data + m * l.K;
        if (w == 0)
            continue;
        double top, rest = log_sum_exp(x, l.K, &top);
        FOR (k, l.K) {
            double p = exp((double)x[k] - top - rest);
            dx[k] += (real)(w * (p - (k == t ? 1 : 0)));
        }
    }
}

const fvi_kernel REF(fvi_ref_cross_entropy) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
