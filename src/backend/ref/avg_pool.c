/*
 * The mean under a window of A pixels, channel by channel:
 *   y[n,h,c]     = 1/A sum_r x[n, h*t+r, c]
 *   dL/dx[n,i,c] = 1/A sum of g[n,h,c] over windows h that cover i
 */
#include "backend/ref/window.h"

static void forward(void *state, const fvi_call *call)
{
    const fvi_grid g = fvi_grid_of(state, false);
    const real *x = call->x[0].data;
    const real share = 1 / (real)(g.Q * g.R * g.S);
    real *y = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g.N, m, g.narrow_pixels) {
        fvi_at h = fvi_at_pixel(g.narrow, m);
        real *yc = y + (n * g.narrow_pixels + m) * g.C;
        FOR (c, g.C)
            yc[c] = 0;
        FOR3 (q, g.Q, r, g.R, s, g.S) {
            int64_t i = fvi_wide(&g, h, q, r, s);
            const real *xc = x + (n * g.wide_pixels + i) * g.C;
            FOR (c, g.C)
                yc[c] += xc[c];
        }
        FOR (c, g.C)
            yc[c] *= share;
    }
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_grid g = fvi_grid_of(state, false);
    const real *dy = call->dy.data;
    const real share = 1 / (real)(g.Q * g.R * g.S);
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
            const real *gc = dy + (n * g.narrow_pixels + m) * g.C;
            FOR (c, g.C)
                dxc[c] += share * gc[c];
        }
    }
}

const fvi_kernel REF(fvi_ref_avg_pool) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
