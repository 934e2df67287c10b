/*
 * y = a b,  dL/da = g b,  dL/db = g a
 *
 * When b holds one number per image and channel, P positions share it:
 *   y[n,p,c] = a[n,p,c] b[n,c],  dL/db[n,c] = sum_p g[n,p,c] a[n,p,c]
 */
#include "backend/ref/real.h"

enum { CHUNK = 16 }; /* channels that one thread owns in a sum over p */

typedef struct spread { /* row m of a meets row m/P of b */
    int64_t rows, P, C;
} spread;

static spread spread_of(const fvi_ref_state *s)
{
    const fvi_dims d = fvi_dims_of(s->p.y);
    const int64_t all = fv_count(s->p.y), each = fv_count(s->p.x[1]);
    return (spread){all ? all / d.C : 0, each ? all / each : 1, d.C};
}

static void forward(void *state, const fvi_call *c)
{
    const spread s = spread_of(state);
    const real *a = c->x[0].data, *b = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (m, s.rows) {
        const real *bk = b + m / s.P * s.C;
        FOR (k, s.C)
            y[m * s.C + k] = a[m * s.C + k] * bk[k];
    }
}

static void to_a(const spread *s, const real *g, const real *b, real *da)
{
#pragma omp parallel for schedule(static)
    FOR (m, s->rows) {
        const real *bk = b + m / s->P * s->C;
        FOR (k, s->C)
            da[m * s->C + k] += g[m * s->C + k] * bk[k];
    }
}

static void to_b(const spread *s, const real *g, const real *a, real *db)
{
    int64_t chunks = (s->C + CHUNK - 1) / CHUNK;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, s->rows / s->P, chunk, chunks) {
        int64_t lo = chunk * CHUNK;
        int64_t hi = lo + CHUNK < s->C ? lo + CHUNK : s->C;
        double sum[CHUNK] = {0};
        for (int64_t m = n * s->P; m < (n + 1) * s->P; m++)
            for (int64_t k = lo; k < hi; k++)
                sum[k - lo] +=
                    (double)g[m * s->C + k] * (double)a[m * s->C + k];
        for (int64_t k = lo; k < hi; k++)
            db[n * s->C + k] += (real)sum[k - lo];
    }
}

/* One input after the other: both may be the same value. */
static void backward(void *state, const fvi_call *c)
{
    const spread s = spread_of(state);
    const real *g = c->dy.data;
    if (c->dx[0].data)
        to_a(&s, g, c->x[1].data, c->dx[0].data);
    if (c->dx[1].data)
        to_b(&s, g, c->x[0].data, c->dx[1].data);
}

const fvi_kernel REF(fvi_ref_multiply) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
