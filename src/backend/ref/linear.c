/*
 * A linear layer over the rows m of x, whatever axes they come from:
 *   y[m,k] = b[k] + sum_c x[m,c] w[c,k]
 * or, joined with what follows in inference, f(y[m,k]) + a[m,k].
 * With g = dL/dy:
 *   dL/db[k]   = sum_m g[m,k]
 *   dL/dw[c,k] = sum_m x[m,c] g[m,k]
 *   dL/dx[m,c] = sum_k g[m,k] w[c,k]
 */
#include "backend/ref/sum.h"
#include "backend/ref/weight.h"

#include <tgmath.h>

/* y = f(y) + added for a row; `added` may be NULL. */
static void finish(const fvi_linear *o, const real *added, int64_t K, real *y)
{
    const real sqrt_half = (real)0.70710678118654752440;
    if (o->act == FVI_ACT_GELU)
        FOR (k, K)
            y[k] = y[k] * erfc(-y[k] * sqrt_half) / 2;
    else
        fvi_activate(y, K, o->act, o->slope);
    for (int64_t k = 0; k < K && added; k++)
        y[k] += added[k];
}

static void forward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_linear *o = s->p.attr;
    int64_t K = o->channels, M = fv_count(s->p.y) / K;
    int64_t C = s->p.x[1].dim[0];
    const real *x = call->x[0].data, *w = call->x[1].data;
    const int bias = s->p.nx - o->added > 2;
    const real *b = bias ? call->x[2].data : NULL;
    const real *added = o->added ? call->x[2 + bias].data : NULL;
    real *y = call->y.data;
#pragma omp parallel for schedule(static)
    FOR (m, M) {
        fvi_start(y + m * K, b, K);
        fvi_add_product(y + m * K, x + m * C, w, C, K);
        finish(o, added ? added + m * K : NULL, K, y + m * K);
    }
}

static void input_gradient(int64_t M, int64_t C, int64_t K, const real *g,
                           const real *w, real *dx)
{
#pragma omp parallel for schedule(static)
    FOR2 (m, M, c, C)
        dx[m * C + c] += fvi_dot(g + m * K, w + c * K, K);
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_linear *o = s->p.attr;
    int64_t K = o->channels, M = fv_count(s->p.y) / K;
    int64_t C = s->p.x[1].dim[0];
    const real *g = call->dy.data;
    const int64_t one[3] = {1, 1, 1}, zero[3] = {0, 0, 0};
    fvi_grid rows = {.N = 1,
                     .C = C,
                     .K = K,
                     .Q = 1,
                     .R = 1,
                     .S = 1,
                     .wide_pixels = M,
                     .narrow_pixels = M,
                     .wide = {1, 1, M},
                     .narrow = {1, 1, M},
                     .stride = one,
                     .dilation = one,
                     .pad = zero};
    if (call->dx[0].data)
        input_gradient(M, C, K, g, call->x[1].data, call->dx[0].data);
    if (call->dx[1].data)
        REF(fvi_ref_weight_gradient)
    (&rows, false, call->x[0].data, g, call->dx[1].data);
    if (s->p.nx > 2 && call->dx[2].data)
        REF(fvi_ref_bias_gradient)(M, K, g, call->dx[2].data);
}

const fvi_kernel REF(fvi_ref_linear) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
