/*
 * Softmax cross-entropy. t is the class of a position, w its weight, c[k] that
 * of class k, s the smoothing; a negative t has weight 0.
 *
 *   q[k] = c[k] ((1 - s) [k = t] + s/K)
 *   y = sum w sum_k q[k] (log sum_j exp x[j] - x[k]) / sum w c[t]
 *   dL/dx[k] = g w (softmax(x)[k] sum_j q[j] - q[k]) / sum w c[t]
 */
#include "backend/ref/loss.h"

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return prepare_loss(ctx, p, need, state, 2, 1);
}

/* The class of position m and its weight: 0 when ignored, NaN when the target
 * is no class number, so that the mistake is seen. */
static double class_at(const struct loss *l, int64_t m, int64_t *t)
{
    const double v = (double)l->target[m];
    *t = 0;
    if (v < 0)
        return 0;
    if (!(v < (double)l->K))
        return weight_at(l, m) == 0 ? 0 : (double)NAN;
    *t = (int64_t)v;
    return weight_at(l, m);
}

static double class_weight(const fvi_class_weights *o, int64_t k)
{
    return o->used ? (double)o->weight[k] : 1;
}

/* q[k] of a position of class t */
static double share(const fvi_class_weights *o, int64_t K, int64_t k, int64_t t)
{
    const double s = (double)o->smoothing;
    return class_weight(o, k) * ((k == t ? 1 - s : 0) + s / (double)K);
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

/* sum_k q[k] (log sum_j exp x[j] - x[k]) */
static double term(const fvi_class_weights *o, const real *x, int64_t K,
                   int64_t t)
{
    double top, rest = log_sum_exp(x, K, &top), sum = 0;
    if (o->smoothing == 0)
        return class_weight(o, t) * (rest - ((double)x[t] - top));
    FOR (k, K)
        sum += share(o, K, k, t) * (rest - ((double)x[k] - top));
    return sum;
}

/* Keeps the sum of weights for backward. */
static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_class_weights *o = s->p.attr;
    const struct loss l = open_loss(s, c);
    const int64_t blocks = block_count(l.M);
    double *mass = c->keep;
    memset(l.part, 0, (size_t)(2 * blocks + 2) * sizeof *l.part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *sum = l.part + 2 * b;
        FOR_BLOCK(m, b, l.M)
        {
            int64_t t;
            const double w = class_at(&l, m, &t);
            if (w == 0)
                continue;
            sum[0] += w * term(o, l.pred + m * l.K, l.K, t);
            sum[1] += w * class_weight(o, t);
        }
    }
    add_blocks(l.part, blocks, 2);
    *mass = l.part[1];
    *(real *)c->y.data = (real)(*mass == 0 ? 0 : l.part[0] / *mass);
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_class_weights *o = s->p.attr;
    const struct loss l = open_loss(s, c);
    const double mass = *(const double *)c->keep;
    const double g = (double)*(const real *)c->dy.data;
    if (!c->dx[0].data || mass == 0)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, l.M) {
        int64_t t;
        const double w = g / mass * class_at(&l, m, &t);
        const real *x = l.pred + m * l.K;
        real *dx = (real *)c->dx[0].data + m * l.K;
        if (w == 0)
            continue;
        double top, rest = log_sum_exp(x, l.K, &top), all = 0;
        FOR (k, l.K)
            all += share(o, l.K, k, t);
        FOR (k, l.K) {
            double p = exp((double)x[k] - top - rest);
            dx[k] += (real)(w * (all * p - share(o, l.K, k, t)));
        }
    }
}

const fvi_kernel REF(fvi_ref_cross_entropy) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
