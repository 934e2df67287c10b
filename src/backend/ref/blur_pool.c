/*
 * A blur by binomial weights b[r] = (R-1 choose r)/2^(R-1), channel by
 * channel, at every t-th pixel; numbers outside x are zero.
 *   y[n,h,c]     = sum_r b[r] x[n, h*t+r-p, c]
 *   dL/dx[n,i,c] = sum_r b[r] g[n,h,c]  over h with h*t+r-p = i
 */
#include "backend/ref/window.h"

/* b[r] of a kernel of side R. */
static real binomial(int64_t R, int64_t r)
{
    double b = 1;
    FOR (i, r)
        b = b * (double)(R - 1 - i) / (double)(i + 1);
    return (real)ldexp(b, (int)(1 - R));
}

static real tap(const fvi_grid *g, int64_t q, int64_t r, int64_t s)
{
    return binomial(g->Q, q) * binomial(g->R, r) * binomial(g->S, s);
}

static void forward(void *state, const fvi_call *call)
{
    const fvi_grid g = fvi_grid_of(state, false);
    const real *x = call->x[0].data;
    real *y = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g.N, m, g.narrow_pixels) {
        fvi_at h = fvi_at_pixel(g.narrow, m);
        real *yc = y + (n * g.narrow_pixels + m) * g.C;
        FOR (c, g.C)
            yc[c] = 0;
        FOR3 (q, g.Q, r, g.R, s, g.S) {
            int64_t i = fvi_wide(&g, h, q, r, s);
            if (i < 0)
                continue;
            const real b = tap(&g, q, r, s);
            const real *xc = x + (n * g.wide_pixels + i) * g.C;
            FOR (c, g.C)
                yc[c] += b * xc[c];
        }
    }
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_grid g = fvi_grid_of(state, false);
    const real *dy = call->dy.data;
    real *dx = call->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g.N, i, g.wide_pixels) {
        fvi_at at = fvi_at_pixel(g.wide, i);
        real *dxc = dx + (n * g.wide_pixels + i) * g.C;
        FOR3 (q, g.Q, r, g.R, s, g.S) {
            int64_t m = fvi_narrow(&g, at, q, r, s);
            if (m < 0)
                continue;
            const real b = tap(&g, q, r, s);
            const real *gc = dy + (n * g.narrow_pixels + m) * g.C;
            FOR (c, g.C)
                dxc[c] += b * gc[c];
        }
    }
}

const fvi_kernel REF(fvi_ref_blur_pool) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
