/*
 * Layer normalization over the C channels of each of M positions.
 *
 *   h = (x - mean x)/sqrt(var x + eps),  y[c] = scale[c] h[c] + shift[c]
 *
 * With g = dL/dy and u[c] = g[c] scale[c]:
 *   dL/dx = (u - mean u - h mean(u h))/sqrt(var x + eps)
 *   dL/dscale[c] = sum_m g h[c],  dL/dshift[c] = sum_m g[c]
 * Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), equation 3.
 */
#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

/* Of one position: what takes x to h = (x - mean) inv. */
struct moments {
    double mean, inv;
};

static struct moments moments(const real *x, int64_t C, double eps)
{
    double mean = 0, var = 0;
    FOR (c, C)
        mean += (double)x[c];
    mean /= (double)C;
    FOR (c, C) {
        double d = (double)x[c] - mean;
        var += d * d;
    }
    return (struct moments){mean, 1 / sqrt(var / (double)C + eps)};
}

static double hat(struct moments q, real x)
{
    return ((double)x - q.mean) * q.inv;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    const int64_t C = p->x[1].dim[0], M = fv_count(p->y) / C;
    if (p->train)
        need->scratch = (size_t)(2 * C * block_count(M)) * sizeof(double);
    return FV_OK;
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
    const int64_t C = s->x[1].dim[0];
    const real *scale = c->x[1].data, *shift = c->x[2].data;
#pragma omp parallel for schedule(static)
    FOR (m, fv_count(s->p.y) / C) {
        const real *x = (const real *)c->x[0].data + m * C;
        real *y = (real *)c->y.data + m * C;
        const struct moments q = moments(x, C, (double)o->eps);
        FOR (k, C)
            y[k] = (real)((double)scale[k] * hat(q, x[k]) + (double)shift[k]);
    }
}

/* The gradients of one position: adds into dx (unless NULL) and into the sums
 * of g and g h. */
static void backward_row(const real *x, const real *scale, const real *g,
                         int64_t C, double eps, real *dx, double *sum)
{
    const struct moments q = moments(x, C, eps);
    double mean_u = 0, mean_uh = 0;
    FOR (k, C) {
        double h = hat(q, x[k]), u = (double)g[k] * (double)scale[k];
        mean_u += u / (double)C;
        mean_uh += u * h / (double)C;
        sum[k] += (double)g[k];
        sum[C + k] += (double)g[k] * h;
    }
    FOR (k, dx ? C : 0) {
        double h = hat(q, x[k]), u = (double)g[k] * (double)scale[k];
        dx[k] += (real)(q.inv * (u - mean_u - h * mean_uh));
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
    const int64_t C = s->x[1].dim[0], M = fv_count(s->p.y) / C;
    const int64_t blocks = block_count(M);
    const real *x = c->x[0].data, *g = c->dy.data, *scale = c->x[1].data;
    real *dx = c->dx[0].data, *dscale = c->dx[1].data, *dshift = c->dx[2].data;
    double *part = c->scratch;
    if (M == 0)
        return;

    memset(part, 0, (size_t)(2 * C * blocks) * sizeof *part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        FOR_BLOCK(m, b, M)
        backward_row(x + m * C, scale, g + m * C, C, (double)o->eps,
                     dx ? dx + m * C : NULL, part + b * 2 * C);
    }
    add_blocks(part, blocks, 2 * C);
    FOR (k, dshift ? C : 0)
        dshift[k] += (real)part[k];
    FOR (k, dscale ? C : 0)
        dscale[k] += (real)part[C + k];
}

const fvi_kernel REF(fvi_ref_layer_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
