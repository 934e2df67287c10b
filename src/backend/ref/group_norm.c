/*
 * Group normalization: over the P positions of an image and the W = C/G
 * channels of a group.
 *
 *   h = (x - mean x)/sqrt(var x + eps),  y = scale[c] h + shift[c]
 *
 * With g = dL/dy and u = g scale[c]:
 *   dL/dx = (u - mean u - h mean(u h))/sqrt(var x + eps)
 *   dL/dscale[c] = sum g h,  dL/dshift[c] = sum g
 * Source: Wu & He 2018 (arXiv:1803.08494), equations 1 and 7.
 */
#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

/* One group of one image, from its first channel. */
typedef struct group {
    int64_t P, W, C, first;
    const real *x, *scale;
    double mean, inv;
} group;

static group open_group(const fvi_ref_state *s, const fvi_call *c, int64_t i)
{
    const fvi_norm *o = s->p.attr;
    group q = {.C = s->x[1].dim[0], .scale = c->x[1].data};
    const int64_t N = s->p.y.dim[0], n = i / o->groups;
    q.P = fv_count(s->p.y) / q.C / N;
    q.W = q.C / o->groups;
    q.first = n * q.P * q.C + i % o->groups * q.W;
    q.scale += i % o->groups * q.W;
    q.x = (const real *)c->x[0].data + q.first;
    const double count = (double)(q.P * q.W);
    double var = 0;
    FOR2 (p, q.P, k, q.W)
        q.mean += (double)q.x[p * q.C + k];
    q.mean /= count;
    FOR2 (p, q.P, k, q.W) {
        double d = (double)q.x[p * q.C + k] - q.mean;
        var += d * d;
    }
    q.inv = 1 / sqrt(var / count + (double)o->eps);
    return q;
}

static double hat(const group *q, int64_t i)
{
    return ((double)q->x[i] - q->mean) * q->inv;
}

static int64_t group_count(const fvi_ref_state *s)
{
    const fvi_norm *o = s->p.attr;
    return fv_count(s->p.y) ? s->p.y.dim[0] * o->groups : 0;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status == FV_OK && p->train)
        need->scratch =
            (size_t)(2 * p->x[1].dim[0] * p->y.dim[0]) * sizeof(double);
    return status;
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
#pragma omp parallel for schedule(static)
    FOR (i, group_count(s)) {
        const group q = open_group(s, c, i);
        const real *shift = (const real *)c->x[2].data + i % o->groups * q.W;
        real *y = (real *)c->y.data + q.first;
        FOR2 (p, q.P, k, q.W)
            y[p * q.C + k] = (real)((double)q.scale[k] * hat(&q, p * q.C + k) +
                                    (double)shift[k]);
    }
}

/* sum: [W] of g, and C further on of g h. */
static void backward_group(const group *q, const real *g, real *dx, double *sum)
{
    const double count = (double)(q->P * q->W);
    double mean_u = 0, mean_uh = 0;
    FOR2 (p, q->P, k, q->W) {
        const int64_t i = p * q->C + k;
        const double h = hat(q, i), u = (double)g[i] * (double)q->scale[k];
        mean_u += u / count;
        mean_uh += u * h / count;
        sum[k] += (double)g[i];
        sum[q->C + k] += (double)g[i] * h;
    }
    FOR2 (p, dx ? q->P : 0, k, q->W) {
        const int64_t i = p * q->C + k;
        const double h = hat(q, i), u = (double)g[i] * (double)q->scale[k];
        dx[q->first + i] += (real)(q->inv * (u - mean_u - h * mean_uh));
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const fvi_norm *o = s->p.attr;
    const int64_t C = s->x[1].dim[0], N = s->p.y.dim[0];
    real *dscale = c->dx[1].data, *dshift = c->dx[2].data;
    double *part = c->scratch;
    if (N == 0)
        return;
    memset(part, 0, (size_t)(2 * C * N) * sizeof *part);
#pragma omp parallel for schedule(static)
    FOR (i, group_count(s)) {
        const group q = open_group(s, c, i);
        backward_group(&q, (const real *)c->dy.data + q.first, c->dx[0].data,
                       part + i / o->groups * 2 * C + i % o->groups * q.W);
    }
    add_blocks(part, N, 2 * C);
    FOR (k, dshift ? C : 0)
        dshift[k] += (real)part[k];
    FOR (k, dscale ? C : 0)
        dscale[k] += (real)part[C + k];
}

const fvi_kernel REF(fvi_ref_group_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
