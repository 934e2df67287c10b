/*
 * y[m,k] = x[m,lo+k];  dL/dx[m,lo+k] = g[m,k], zero elsewhere
 */
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_slice *o = s->p.attr;
    const int64_t C = s->x[0].dim[s->x[0].ndim - 1], K = o->hi - o->lo;
    const real *x = (const real *)c->x[0].data + o->lo;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR2 (m, fv_count(s->p.y) / K, k, K)
        y[m * K + k] = x[m * C + k];
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_slice *o = s->p.attr;
    const int64_t C = s->x[0].dim[s->x[0].ndim - 1], K = o->hi - o->lo;
    const real *g = c->dy.data;
    if (!c->dx[0].data)
        return;
    real *dx = (real *)c->dx[0].data + o->lo;
#pragma omp parallel for schedule(static)
    FOR2 (m, fv_count(s->p.y) / K, k, K)
        dx[m * C + k] += g[m * K + k];
}

const fvi_kernel REF(fvi_ref_slice) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
