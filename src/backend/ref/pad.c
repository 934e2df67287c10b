/*
 * Maps that share their near corner: y is x where both are, and zero where x
 * is not (pad). The gradient is g where both are.
 */
#include "backend/ref/real.h"

/* to (+)= from on the rows both have; to = 0 elsewhere unless `add`. */
static void overlay(fv_tensor from, fv_tensor to, bool add)
{
    const fvi_dims f = fvi_dims_of(from), t = fvi_dims_of(to);
    const real *x = from.data;
    real *y = to.data;
#pragma omp parallel for schedule(static)
    FOR (row, t.N * t.D * t.H) {
        const int64_t n = row / t.H / t.D, d = row / t.H % t.D, h = row % t.H;
        const bool there = d < f.D && h < f.H;
        const int64_t W = there ? (f.W < t.W ? f.W : t.W) : 0;
        const real *a = x + ((n * f.D + d) * f.H + h) * f.W * f.C;
        real *b = y + row * t.W * t.C;
        FOR (i, W * t.C)
            b[i] = a[i] + (add ? b[i] : 0);
        for (int64_t i = W * t.C; i < t.W * t.C && !add; i++)
            b[i] = 0;
    }
}

static fv_tensor with(fv_tensor shape, void *data)
{
    shape.data = data;
    return shape;
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    overlay(with(s->x[0], c->x[0].data), with(s->p.y, c->y.data), false);
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    if (c->dx[0].data)
        overlay(with(s->p.y, c->dy.data), with(s->x[0], c->dx[0].data), true);
}

const fvi_kernel REF(fvi_ref_pad) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};

const fvi_kernel REF(fvi_ref_crop) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
