/*
 * y = a + b,  dL/da = g,  dL/db = g
 */
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const real *a = c->x[0].data, *b = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (i, fv_count(s->p.y))
        y[i] = a[i] + b[i];
}

/* One input after the other: both may be the same value. */
static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const real *g = c->dy.data;
    for (int input = 0; input < 2; input++) {
        real *dx = c->dx[input].data;
        if (!dx)
            continue;
#pragma omp parallel for schedule(static)
        FOR (i, fv_count(s->p.y))
            dx[i] += g[i];
    }
}

const fvi_kernel REF(fvi_ref_add) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
