/*
 * The C channels of each of M positions, made 1 long:
 *   y = x/|x|,  dL/dx = (g - y (y.g))/|x|
 * and 0 where x is 0.
 */
#include "backend/ref/real.h"

/* 1/|x|, or 0. */
static double inverse(const real *x, int64_t C)
{
    double square = 0;
    FOR (c, C)
        square += (double)x[c] * (double)x[c];
    return square > 0 ? 1 / sqrt(square) : 0;
}

static int64_t channels(const fvi_ref_state *s)
{
    return s->p.y.dim[s->p.y.ndim - 1];
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t C = channels(s);
#pragma omp parallel for schedule(static)
    FOR (m, fv_count(s->p.y) / C) {
        const real *x = (const real *)c->x[0].data + m * C;
        real *y = (real *)c->y.data + m * C;
        const double inv = inverse(x, C);
        FOR (k, C)
            y[k] = (real)((double)x[k] * inv);
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t C = channels(s);
    if (!c->dx[0].data)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, fv_count(s->p.y) / C) {
        const real *x = (const real *)c->x[0].data + m * C;
        const real *g = (const real *)c->dy.data + m * C;
        real *dx = (real *)c->dx[0].data + m * C;
        const double inv = inverse(x, C);
        double along = 0;
        FOR (k, C)
            along += (double)x[k] * inv * (double)g[k];
        FOR (k, C)
            dx[k] += (real)(inv * ((double)g[k] - (double)x[k] * inv * along));
    }
}

const fvi_kernel REF(fvi_ref_l2_norm) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
