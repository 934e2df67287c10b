/*
 * The mean over the M positions of an image, channel by channel:
 *   y[n,c]       = 1/M sum_m x[n,m,c]
 *   dL/dx[n,m,c] = 1/M g[n,c]
 */
#include "backend/ref/real.h"

enum { CHUNK = 32, PART = 64 }; /* channels per thread, pixels per part */

/* Parts keep the rounding error of long sums small. */
static void mean(const real *x, int64_t M, int64_t C, int64_t count, real *y)
{
    real sum[CHUNK] = {0};
    for (int64_t m0 = 0; m0 < M; m0 += PART) {
        real part[CHUNK] = {0};
        for (int64_t m = m0; m < M && m < m0 + PART; m++)
            FOR (c, count)
                part[c] += x[m * C + c];
        FOR (c, count)
            sum[c] += part[c];
    }
    FOR (c, count)
        y[c] = sum[c] / (real)M;
}

static void forward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    fvi_dims d = fvi_dims_of(s->p.x[0]);
    int64_t M = d.D * d.H * d.W, chunks = (d.C + CHUNK - 1) / CHUNK;
    const real *x = call->x[0].data;
    real *y = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, d.N, chunk, chunks) {
        int64_t c = chunk * CHUNK;
        int64_t count = d.C - c < CHUNK ? d.C - c : CHUNK;
        mean(x + n * M * d.C + c, M, d.C, count, y + n * d.C + c);
    }
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    fvi_dims d = fvi_dims_of(s->p.x[0]);
    int64_t M = d.D * d.H * d.W;
    const real *g = call->dy.data;
    real *dx = call->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, d.N, m, M)
        FOR (c, d.C)
            dx[(n * M + m) * d.C + c] += g[n * d.C + c] / (real)M;
}

const fvi_kernel REF(fvi_ref_global_avg_pool) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
