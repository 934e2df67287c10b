/*
 * Channel c is damped by its neighbors j, |j - c| <= size/2:
 *   S[c] = k + alpha sum_j x[j]^2,  y[c] = x[c] S[c]^-beta
 *   dL/dx[c] = g[c] S[c]^-beta
 *            - 2 alpha beta x[c] sum_j g[j] x[j] S[j]^(-beta-1)
 */
#include "backend/ref/real.h"

#include <tgmath.h>

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status == FV_OK && p->train)
        need->scratch = (size_t)fv_count(p->y) * sizeof(real);
    return status;
}

/* f(x[lo]) + ... over the neighbors of channel c; f is v or v^2. */
static real sum_near(const real *x, int64_t c, int64_t C, int64_t size,
                     bool square)
{
    int64_t lo = c - size / 2, hi = c + size / 2;
    real sum = 0;
    for (int64_t j = lo < 0 ? 0 : lo; j <= hi && j < C; j++)
        sum += square ? x[j] * x[j] : x[j];
    return sum;
}

static real strength(const fvi_response *o, const real *x, int64_t c, int64_t C)
{
    return (real)o->k + (real)o->alpha * sum_near(x, c, C, o->size, true);
}

static void forward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_response *o = s->p.attr;
    const int64_t C = fvi_dims_of(s->p.y).C, rows = fv_count(s->p.y) / C;
    const real *xs = call->x[0].data;
    real *y = call->y.data;
#pragma omp parallel for schedule(static)
    FOR (m, rows) {
        const real *x = xs + m * C;
        FOR (c, C)
            y[m * C + c] = x[c] * pow(strength(o, x, c, C), -(real)o->beta);
    }
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_ref_state *s = state;
    const fvi_response *o = s->p.attr;
    const int64_t C = fvi_dims_of(s->p.y).C, rows = fv_count(s->p.y) / C;
    const real factor = 2 * (real)o->alpha * (real)o->beta;
    if (!call->dx[0].data)
        return;
#pragma omp parallel for schedule(static)
    FOR (m, rows) {
        const real *x = (const real *)call->x[0].data + m * C;
        const real *g = (const real *)call->dy.data + m * C;
        real *dx = (real *)call->dx[0].data + m * C;
        real *part = (real *)call->scratch + m * C;
        FOR (c, C) {
            real S = strength(o, x, c, C), power = pow(S, -(real)o->beta);
            dx[c] += g[c] * power;
            part[c] = g[c] * x[c] * power / S;
        }
        FOR (c, C)
            dx[c] -= factor * x[c] * sum_near(part, c, C, o->size, false);
    }
}

const fvi_kernel REF(fvi_ref_local_response_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
