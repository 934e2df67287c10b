/*
 * Root mean square normalization over the C channels of each of M positions.
 *
 *   h = x/sqrt(mean x^2 + eps),  y[c] = scale[c] h[c]
 *
 * With g = dL/dy and u[c] = g[c] scale[c]:
 *   dL/dx = (u - h mean(u h))/sqrt(mean x^2 + eps)
 *   dL/dscale[c] = sum_m g h[c]
 * Source: Zhang & Sennrich 2019 (arXiv:1910.07467), equation 4.
 */
#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

/* 1/sqrt(mean x^2 + eps) of one position. */
static double inverse(const real *x, int64_t C, float eps)
{
    double square = 0;
    FOR (c, C)
        square += (double)x[c] * (double)x[c];
    return 1 / sqrt(square / (double)C + (double)eps);
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    const int64_t C = p->x[1].dim[0], M = fv_count(p->y) / C;
    if (p->train)
        need->scratch = (size_t)(C * block_count(M)) * sizeof(double);
    return FV_OK;
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
    const int64_t C = s->x[1].dim[0];
    const real *scale = c->x[1].data;
#pragma omp parallel for schedule(static)
    FOR (m, fv_count(s->p.y) / C) {
        const real *x = (const real *)c->x[0].data + m * C;
        real *y = (real *)c->y.data + m * C;
        const double inv = inverse(x, C, o->eps);
        FOR (k, C)
            y[k] = (real)((double)scale[k] * (double)x[k] * inv);
    }
}

/* The gradients of one position: adds into dx (unless NULL) and into the sum
 * of g h. */
static void backward_row(const real *x, const real *scale, const real *g,
                         int64_t C, float eps, real *dx, double *sum)
{
    const double inv = inverse(x, C, eps);
    double mean_uh = 0;
    FOR (k, C) {
        double gh = (double)g[k] * (double)x[k] * inv;
        mean_uh += gh * (double)scale[k] / (double)C;
        sum[k] += gh;
    }
    FOR (k, dx ? C : 0) {
        double h = (double)x[k] * inv, u = (double)g[k] * (double)scale[k];
        dx[k] += (real)(inv * (u - h * mean_uh));
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
    const int64_t C = s->x[1].dim[0], M = fv_count(s->p.y) / C;
    const int64_t blocks = block_count(M);
    const real *x = c->x[0].data, *g = c->dy.data, *scale = c->x[1].data;
    real *dx = c->dx[0].data, *dscale = c->dx[1].data;
    double *part = c->scratch;
    if (M == 0)
        return;

    memset(part, 0, (size_t)(C * blocks) * sizeof *part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        FOR_BLOCK(m, b, M)
        backward_row(x + m * C, scale, g + m * C, C, o->eps,
                     dx ? dx + m * C : NULL, part + b * C);
    }
    add_blocks(part, blocks, C);
    FOR (k, dscale ? C : 0)
        dscale[k] += (real)part[k];
}

const fvi_kernel REF(fvi_ref_rms_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
