/*
 * The loss of a network for stars. At every position z is the logit of the
 * probability p, and d_k, t_k are the distances said and true along K rays;
 * <v> is the mean sum w v / sum w over the positions of the whole batch:
 *
 *   y = <bce(z,p)> + a (<p D>/<p> + b <(1-p) E>)
 *   D = mean_k |d_k - t_k|,  E = mean_k |d_k|
 *
 *   dL/dz   = g w (1/(1 + exp(-z)) - p)/sum w
 *   dL/dd_k = g a/K (w p sign(d_k - t_k)/sum w p + b w (1-p) sign(d_k)/sum w)
 *
 * Source: Schmidt et al. 2018 (arXiv:1806.03535), section 2.2; the weight p of
 * the distances and the second term as in the StarDist package.
 */
#include "backend/ref/loss.h"

enum { BCE, NEAR, FAR, MASS, CENTRAL, SUMS }; /* with MASS and CENTRAL kept */

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return prepare_loss(ctx, p, need, state, SUMS, 2);
}

static double sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* What position m adds to the sums. */
static void add_position(const struct loss *l, int64_t m, double *sum)
{
    const double w = weight_at(l, m);
    const real *x = l->pred + m * l->K, *t = l->target + m * l->K;
    const double z = (double)x[0], p = (double)t[0];
    double near = 0, far = 0;
    if (w == 0)
        return;
    for (int64_t k = 1; k < l->K; k++) {
        near += fabs((double)x[k] - (double)t[k]);
        far += fabs((double)x[k]);
    }
    sum[BCE] += w * ((z > 0 ? z : 0) - z * p + log1p(exp(-fabs(z))));
    sum[NEAR] += w * p * near / (double)(l->K - 1);
    sum[FAR] += w * (1 - p) * far / (double)(l->K - 1);
    sum[MASS] += w;
    sum[CENTRAL] += w * p;
}

/* Keeps the sums of w and of w p for backward. */
static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_star_loss *o = s->p.attr;
    const struct loss l = open_loss(s, c);
    const int64_t blocks = block_count(l.M);
    memset(l.part, 0, (size_t)(SUMS * (blocks + 1)) * sizeof *l.part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks)
        FOR_BLOCK(m, b, l.M)
    add_position(&l, m, l.part + SUMS * b);
    add_blocks(l.part, blocks, SUMS);
    const double *sum = l.part;
    double mass = sum[MASS], y = 0;
    if (mass != 0)
        y = sum[BCE] / mass +
            (double)o->distance * (double)o->background * sum[FAR] / mass;
    if (sum[CENTRAL] != 0)
        y += (double)o->distance * sum[NEAR] / sum[CENTRAL];
    memcpy(c->keep, &sum[MASS], 2 * sizeof *sum);
    *(real *)c->y.data = (real)y;
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_star_loss *o = s->p.attr;
    const struct loss l = open_loss(s, c);
    const double *keep = c->keep, g = (double)*(const real *)c->dy.data;
    const double mass = keep[0], central = keep[1];
    const double unit = g * (double)o->distance / (double)(l.K - 1);
    real *dx = c->dx[0].data;
    if (!dx || mass == 0)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, l.M) {
        const double w = weight_at(&l, m);
        const real *x = l.pred + m * l.K, *t = l.target + m * l.K;
        const double z = (double)x[0], p = (double)t[0];
        if (w == 0)
            continue;
        double near = central == 0 ? 0 : unit * w * p / central;
        double far = unit * (double)o->background * w * (1 - p) / mass;
        real *to = dx + m * l.K;
        to[0] += (real)(g * w * (1 / (1 + exp(-z)) - p) / mass);
        for (int64_t k = 1; k < l.K; k++)
            to[k] += (real)(near * sign((double)x[k] - (double)t[k]) +
                            far * sign((double)x[k]));
    }
}

const fvi_kernel REF(fvi_ref_star) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
