/*
 * Row m of the map belongs to image m/P, for P positions:
 *   y[m,c] = a[m,c] + b[m/P,c],  dL/da = g,  dL/db[n,c] = sum_m g[m,c]
 */
#include "backend/ref/real.h"

enum { CHUNK = 16 }; /* channels that one thread owns in a sum over m */

static int64_t positions(const fvi_ref_state *s)
{
    const int64_t each = fv_count(s->x[1]);
    return each ? fv_count(s->p.y) / each : 0;
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t P = positions(s), N = s->x[1].dim[0], C = s->x[1].dim[1];
    const real *a = c->x[0].data, *b = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (m, N * P) {
        const real *of = b + m / P * C;
        FOR (k, C)
            y[m * C + k] = a[m * C + k] + of[k];
    }
}

static void sum(const real *g, int64_t P, int64_t C, int64_t lo, real *db)
{
    double part[CHUNK] = {0};
    const int64_t count = C - lo < CHUNK ? C - lo : CHUNK;
    FOR (m, P)
        FOR (k, count)
            part[k] += (double)g[m * C + lo + k];
    FOR (k, count)
        db[lo + k] += (real)part[k];
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t P = positions(s), N = s->x[1].dim[0], C = s->x[1].dim[1];
    const real *g = c->dy.data;
    real *da = c->dx[0].data, *db = c->dx[1].data;
    if (da) {
#pragma omp parallel for schedule(static)
        FOR (i, N * P * C)
            da[i] += g[i];
    }
    if (!db)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, N, chunk, (C + CHUNK - 1) / CHUNK)
        sum(g + n * P * C, P, C, chunk * CHUNK, db + n * C);
}

const fvi_kernel REF(fvi_ref_add_channels) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
