/*
 * The largest number under a window, channel by channel:
 *   y[n,h,c] = max_r x[n, h*t+r-p, c]
 * over what lies inside x; there is something, as p is less than the side.
 * The gradient goes to the place it came from; the first one among equals:
 *   dL/dx[n,i,c] = sum of g[n,h,c] over windows h whose largest number is at i
 */
#include "backend/ref/window.h"

enum { CHUNK = 16 }; /* channels that one thread owns in backward */

/* The wide pixel of the first largest number under narrow pixel h. */
static int64_t largest(const fvi_grid *g, const real *x, fvi_at h)
{
    int64_t best = -1;
    FOR3 (q, g->Q, r, g->R, s, g->S) {
        int64_t i = fvi_wide(g, h, q, r, s);
        if (i >= 0 && (best < 0 || x[i * g->C] > x[best * g->C]))
            best = i;
    }
    return best;
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
        bool first = true;
        FOR3 (q, g.Q, r, g.R, s, g.S) {
            int64_t i = fvi_wide(&g, h, q, r, s);
            if (i < 0)
                continue;
            const real *xc = x + (n * g.wide_pixels + i) * g.C;
            FOR (c, g.C)
                yc[c] = first || xc[c] > yc[c] ? xc[c] : yc[c];
            first = false;
        }
    }
}

/* Windows may overlap, so a thread owns channels rather than pixels. */
static void backward(void *state, const fvi_call *call)
{
    const fvi_grid g = fvi_grid_of(state, false);
    const real *x = call->x[0].data, *dy = call->dy.data;
    real *dx = call->dx[0].data;
    int64_t chunks = (g.C + CHUNK - 1) / CHUNK;
    if (!dx)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g.N, chunk, chunks)
        FOR (m, g.narrow_pixels) {
            fvi_at h = fvi_at_pixel(g.narrow, m);
            int64_t image = n * g.wide_pixels * g.C;
            for (int64_t c = chunk * CHUNK; c < g.C && c < (chunk + 1) * CHUNK;
                 c++) {
                int64_t i = largest(&g, x + image + c, h);
                dx[image + i * g.C + c] +=
                    dy[(n * g.narrow_pixels + m) * g.C + c];
            }
        }
}

const fvi_kernel REF(fvi_ref_max_pool) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
