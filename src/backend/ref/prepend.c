/*
 * y[n,t,c] = p[t,c] for t < K, else x[n,t-K,c]
 *   dL/dx[n,t,c] = g[n,t+K,c],  dL/dp[t,c] = sum_n g[n,t,c]
 */
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t own = fv_count(s->x[1]), all = s->p.y.dim[1] * s->p.y.dim[2];
    const real *x = c->x[0].data, *p = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (n, s->p.y.dim[0]) {
        memcpy(y + n * all, p, (size_t)own * sizeof *y);
        memcpy(y + n * all + own, x + n * (all - own),
               (size_t)(all - own) * sizeof *y);
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t own = fv_count(s->x[1]), all = s->p.y.dim[1] * s->p.y.dim[2];
    const int64_t N = s->p.y.dim[0];
    const real *g = c->dy.data;
    real *dx = c->dx[0].data, *dp = c->dx[1].data;
#pragma omp parallel for schedule(static)
    FOR2 (n, dx ? N : 0, i, all - own)
        dx[n * (all - own) + i] += g[n * all + own + i];
    FOR (i, dp ? own : 0) {
        double sum = 0;
        FOR (n, N)
            sum += (double)g[n * all + i];
        dp[i] += (real)sum;
    }
}

const fvi_kernel REF(fvi_ref_prepend) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
