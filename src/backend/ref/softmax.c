/*
 * Softmax over the channels of each position; the largest is subtracted first,
 * which changes nothing but keeps exp within range.
 *
 *   y[c]     = exp(x[c] - max x) / sum_k exp(x[k] - max x)
 *   dL/dx[c] = y[c] (g[c] - sum_k g[k] y[k])
 */
#include "backend/ref/real.h"

#include <tgmath.h>

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t C = s->p.y.dim[s->p.y.ndim - 1];
    const int64_t M = fv_count(s->p.y) / C;
#pragma omp parallel for schedule(static)
    FOR (m, M) {
        const real *x = (const real *)c->x[0].data + m * C;
        real *y = (real *)c->y.data + m * C;
        real top = x[0];
        FOR (k, C)
            top = x[k] > top ? x[k] : top;

        double sum = 0;
        FOR (k, C) {
            y[k] = exp(x[k] - top);
            sum += (double)y[k];
        }
        FOR (k, C)
            y[k] = (real)((double)y[k] / sum);
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t C = s->p.y.dim[s->p.y.ndim - 1];
    const int64_t M = fv_count(s->p.y) / C;
    if (!c->dx[0].data)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, M) {
        const real *y = (const real *)c->y.data + m * C;
        const real *g = (const real *)c->dy.data + m * C;
        real *dx = (real *)c->dx[0].data + m * C;
        double mean = 0;
        FOR (k, C)
            mean += (double)g[k] * (double)y[k];
        FOR (k, C)
            dx[k] += y[k] * (g[k] - (real)mean);
    }
}

const fvi_kernel REF(fvi_ref_softmax) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
