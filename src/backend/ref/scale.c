/*
 * y = a x,  dL/dx = a g
 */
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_number *factor = s->p.attr;
    const real a = (real)factor->value, *x = c->x[0].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (i, fv_count(s->p.y))
        y[i] = a * x[i];
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_number *factor = s->p.attr;
    const real a = (real)factor->value, *g = c->dy.data;
    real *dx = c->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR (i, fv_count(s->p.y))
        dx[i] += a * g[i];
}

const fvi_kernel REF(fvi_ref_scale) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
