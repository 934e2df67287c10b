/*
 * Means over a grid of I parts: part i of H pixels is P(i), those from
 * floor(i H/I) up to ceil((i+1) H/I), so that parts may share pixels.
 *   y[n,i,c]     = mean of x[n,h,c] over h in P(i)
 *   dL/dx[n,h,c] = sum of g[n,i,c] / |P(i)| over i with h in P(i)
 */
#include "backend/ref/real.h"

enum { CHUNK = 16 }; /* channels that one thread owns in backward */

typedef struct part { /* lo <= pixel < hi along D, H, W */
    int64_t lo[3], hi[3];
    real share;
} part;

static part part_at(fvi_dims x, fvi_dims y, int64_t m)
{
    const int64_t wide[3] = {x.D, x.H, x.W}, narrow[3] = {y.D, y.H, y.W};
    const int64_t at[3] = {m / y.W / y.H, m / y.W % y.H, m % y.W};
    part p = {.share = 1};
    FOR (a, 3) {
        p.lo[a] = at[a] * wide[a] / narrow[a];
        p.hi[a] = ((at[a] + 1) * wide[a] + narrow[a] - 1) / narrow[a];
        p.share /= (real)(p.hi[a] - p.lo[a]);
    }
    return p;
}

#define FOR_PART(i, p, x)                                           \
    for (int64_t d_ = (p).lo[0]; d_ < (p).hi[0]; d_++)              \
        for (int64_t h_ = (p).lo[1]; h_ < (p).hi[1]; h_++)          \
            for (int64_t i = (d_ * (x).H + h_) * (x).W + (p).lo[2], \
                         end_ = i + (p).hi[2] - (p).lo[2];          \
                 i < end_; i++)

static void forward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_dims x = fvi_dims_of(s->p.x[0]), y = fvi_dims_of(s->p.y);
    const int64_t pixels = x.D * x.H * x.W, parts = y.D * y.H * y.W, C = x.C;
    const real *xs = call->x[0].data;
    real *ys = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, x.N, m, parts) {
        part p = part_at(x, y, m);
        real *yc = ys + (n * parts + m) * C;
        FOR (c, C)
            yc[c] = 0;
        FOR_PART(i, p, x)
        FOR (c, C)
            yc[c] += xs[(n * pixels + i) * C + c];
        FOR (c, C)
            yc[c] *= p.share;
    }
}

/* Parts may overlap, so a thread owns channels rather than pixels. */
static void backward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_dims x = fvi_dims_of(s->p.x[0]), y = fvi_dims_of(s->p.y);
    const int64_t pixels = x.D * x.H * x.W, parts = y.D * y.H * y.W, C = x.C;
    const int64_t chunks = (C + CHUNK - 1) / CHUNK;
    const real *dy = call->dy.data;
    real *dx = call->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, x.N, chunk, chunks)
        FOR (m, parts) {
            part p = part_at(x, y, m);
            const real *gc = dy + (n * parts + m) * C;
            int64_t end = (chunk + 1) * CHUNK < C ? (chunk + 1) * CHUNK : C;
            FOR_PART(i, p, x)
            for (int64_t c = chunk * CHUNK; c < end; c++)
                dx[(n * pixels + i) * C + c] += p.share * gc[c];
        }
}

const fvi_kernel REF(fvi_ref_adaptive_avg_pool) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
