/*
 * The same P numbers for each of N rows:
 *   y[n,i] = x[n,i] + p[i],  dL/dx = g,         dL/dp[i] = sum_n g[n,i]
 *   y[n,i] = x[n,i] p[i],    dL/dx = g[n,i] p[i],  dL/dp[i] = sum_n g x[n,i]
 */
#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t P = fv_count(s->x[1]);
    const bool product = s->p.op == FVI_OP_multiply_each;
    const real *x = c->x[0].data, *p = c->x[1].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (n, fv_count(s->p.y) / P)
        FOR (i, P)
            y[n * P + i] = product ? x[n * P + i] * p[i] : x[n * P + i] + p[i];
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    const int64_t P = fv_count(p->x[1]), N = fv_count(p->y) / P;
    if (status == FV_OK && p->train)
        need->scratch = (size_t)(P * block_count(N)) * sizeof(double);
    return status;
}

static void input_gradient(int64_t N, int64_t P, const real *g, const real *p,
                           real *dx)
{
#pragma omp parallel for schedule(static)
    FOR (n, N)
        FOR (i, P)
            dx[n * P + i] += p ? g[n * P + i] * p[i] : g[n * P + i];
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const bool product = s->p.op == FVI_OP_multiply_each;
    const int64_t P = fv_count(s->x[1]), N = fv_count(s->p.y) / P;
    const int64_t blocks = block_count(N);
    const real *g = c->dy.data, *x = c->x[0].data;
    real *dp = c->dx[1].data;
    double *part = c->scratch;
    if (c->dx[0].data)
        input_gradient(N, P, g, product ? c->x[1].data : NULL, c->dx[0].data);
    if (!dp || N == 0)
        return;
    memset(part, 0, (size_t)(P * blocks) * sizeof *part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        FOR_BLOCK(n, b, N)
        FOR (i, P)
            part[b * P + i] +=
                (double)g[n * P + i] * (product ? (double)x[n * P + i] : 1);
    }
    add_blocks(part, blocks, P);
    FOR (i, P)
        dp[i] += (real)part[i];
}

const fvi_kernel REF(fvi_ref_add_each) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};

const fvi_kernel REF(fvi_ref_multiply_each) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
