/*
 * y = x,  dL/dx = g: only the extents differ.
 */
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    if (c->y.data != c->x[0].data)
        memcpy(c->y.data, c->x[0].data,
               (size_t)fv_count(s->p.y) * sizeof(real));
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const real *g = c->dy.data;
    real *dx = c->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR (i, fv_count(s->p.y))
        dx[i] += g[i];
}

const fvi_kernel REF(fvi_ref_reshape) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
