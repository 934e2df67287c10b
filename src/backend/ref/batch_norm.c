/*
 * Batch normalization. M rows (positions of the batch) of C channels; per
 * channel, with v the batch's mean and variance while training, else the
 * running ones:
 *
 *   h = (x - mean)/sqrt(var + eps),  y = scale h + shift,  then relu if fused
 *   running <- (1 - momentum) running + momentum batch,  var by M/(M-1)
 *
 * With g = dL/dy, zero where a fused relu gave zero:
 *   dL/dshift = sum g          dL/dscale = sum g h
 *   dL/dx = scale/sqrt(var + eps) (g - sum g / M - h sum g h / M)
 * Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithm 1 and section 3.
 */
#include "backend/ref/blocks.h"
#include "backend/ref/real.h"

/* With momentum 0 the running ones also while training, and then
 *   dL/dx = scale/sqrt(var + eps) g
 * Everything by name. `mean` and `inv` = 1/sqrt(var + eps) live in keep. */
struct norm {
    int64_t M, C;
    const fvi_norm *o;
    const real *x, *scale, *shift;
    double *mean, *inv, *part;
};

static struct norm open(const fvi_ref_state *s, const fvi_call *c)
{
    struct norm n = {.C = s->x[1].dim[0], .o = s->p.attr};
    n.M = fv_count(s->p.y) / n.C;
    n.x = c->x[0].data;
    n.scale = c->x[1].data;
    n.shift = c->x[2].data;
    n.mean = c->keep;
    n.inv = n.mean + n.C;
    n.part = c->scratch;
    return n;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    const int64_t C = p->x[1].dim[0], M = fv_count(p->y) / C;
    need->keep = (size_t)(2 * C) * sizeof(double);
    if (p->train)
        need->scratch = (size_t)(2 * C * block_count(M)) * sizeof(double);
    return FV_OK;
}

static double hat(const struct norm *n, int64_t m, int64_t c)
{
    return ((double)n->x[m * n->C + c] - n->mean[c]) * n->inv[c];
}

static double affine(const struct norm *n, double h, int64_t c)
{
    return (double)n->scale[c] * h + (double)n->shift[c];
}

/* mean[c] and inv[c] (here still the biased variance) of the batch. The second
 * pass takes the mean away first, so that nothing cancels. */
static void batch_moments(const struct norm *n)
{
    const int64_t blocks = block_count(n->M), C = n->C;
    for (int pass = 0; pass < 2; pass++) {
        memset(n->part, 0, (size_t)(blocks * C) * sizeof *n->part);
#pragma omp parallel for schedule(static)
        FOR (b, blocks) {
            double *sum = n->part + b * C;
            FOR_BLOCK(m, b, n->M)
            FOR (c, C) {
                double x = (double)n->x[m * C + c];
                double d = pass ? x - n->mean[c] : 0;
                sum[c] += pass ? d * d : x;
            }
        }
        add_blocks(n->part, blocks, C);
        FOR (c, C)
            (pass ? n->inv : n->mean)[c] = n->part[c] / (double)n->M;
    }
}

/* Moves the running mean and variance toward those of the batch. */
static void move(const struct norm *n, real *mean, real *var)
{
    const double t = (double)n->o->momentum;
    const double M = (double)n->M, unbias = n->M > 1 ? M / (M - 1) : 1;
    FOR (c, n->C) {
        mean[c] = (real)((1 - t) * (double)mean[c] + t * n->mean[c]);
        var[c] = (real)((1 - t) * (double)var[c] + t * unbias * n->inv[c]);
    }
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const struct norm n = open(s, c);
    real *mean = c->x[3].data, *var = c->x[4].data, *y = c->y.data;
    if (n.M == 0)
        return;
    const bool batch = s->p.train && n.o->momentum > 0;
    if (batch) {
        batch_moments(&n);
        move(&n, mean, var);
    }
    FOR (k, n.C) {
        n.mean[k] = batch ? n.mean[k] : (double)mean[k];
        n.inv[k] = batch ? n.inv[k] : (double)var[k];
        n.inv[k] = 1 / sqrt(n.inv[k] + (double)n.o->eps);
    }
#pragma omp parallel for schedule(static)
    FOR2 (m, n.M, k, n.C) {
        double v = affine(&n, hat(&n, m, k), k);
        y[m * n.C + k] = (real)(n.o->act == FVI_ACT_RELU && v < 0 ? 0 : v);
    }
}

/* g where y passed the fused relu, else 0. */
static double arriving(const struct norm *n, const real *g, double h, int64_t m,
                       int64_t c)
{
    bool cut = n->o->act == FVI_ACT_RELU && !((real)affine(n, h, c) > 0);
    return cut ? 0 : (double)g[m * n->C + c];
}

/* part[0][c] = sum g, part[0][C+c] = sum g h. */
static void sum_gradients(const struct norm *n, const real *g)
{
    const int64_t blocks = block_count(n->M), C = n->C;
    memset(n->part, 0, (size_t)(2 * C * blocks) * sizeof *n->part);
#pragma omp parallel for schedule(static)
    FOR (b, blocks) {
        double *sum = n->part + b * 2 * C;
        FOR_BLOCK(m, b, n->M)
        FOR (c, C) {
            double h = hat(n, m, c), a = arriving(n, g, h, m, c);
            sum[c] += a;
            sum[C + c] += a * h;
        }
    }
    add_blocks(n->part, blocks, 2 * C);
}

static void backward(void *state, const fvi_call *c)
{
    const struct norm n = open(state, c);
    const real *g = c->dy.data;
    real *dx = c->dx[0].data, *dscale = c->dx[1].data, *dshift = c->dx[2].data;
    if (n.M == 0)
        return;
    sum_gradients(&n, g);
    const double *sum_g = n.part, *sum_gh = n.part + n.C;
    FOR (k, dshift ? n.C : 0)
        dshift[k] += (real)sum_g[k];
    FOR (k, dscale ? n.C : 0)
        dscale[k] += (real)sum_gh[k];
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR2 (m, n.M, k, n.C) {
        double h = hat(&n, m, k), a = arriving(&n, g, h, m, k);
        double d = n.o->momentum > 0
                       ? a - (sum_g[k] + h * sum_gh[k]) / (double)n.M
                       : a;
        dx[m * n.C + k] += (real)((double)n.scale[k] * n.inv[k] * d);
    }
}

const fvi_kernel REF(fvi_ref_batch_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
