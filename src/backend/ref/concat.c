/*
 * y[m,c] = a[m,c] for c < A, else b[m,c-A];  the gradient goes back the way
 * the numbers came.
 */
#include "backend/ref/real.h"

static int64_t channels(fv_tensor t)
{
    return t.dim[t.ndim - 1];
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t A = channels(s->x[0]), B = channels(s->x[1]), C = A + B;
    const real *a = c->x[0].data, *b = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (m, fv_count(s->p.y) / C) {
        memcpy(y + m * C, a + m * A, (size_t)A * sizeof *y);
        memcpy(y + m * C + A, b + m * B, (size_t)B * sizeof *y);
    }
}

/* One input after the other: both may be the same value. */
static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t C = channels(s->p.y);
    int64_t first = 0;
    for (int input = 0; input < 2; input++) {
        const int64_t K = channels(s->x[input]);
        const real *g = (const real *)c->dy.data + first;
        real *dx = c->dx[input].data;
        first += K;
        if (!dx)
            continue;
#pragma omp parallel for schedule(static)
        FOR2 (m, fv_count(s->p.y) / C, k, K)
            dx[m * K + k] += g[m * C + k];
    }
}

const fvi_kernel REF(fvi_ref_concat) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
