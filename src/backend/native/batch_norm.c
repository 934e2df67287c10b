/*
 * Batch normalization, with the ReLU after it: two passes over the batch
 * forward (moments, then numbers) and two backward (sums, then gradients).
 * Sums are taken over blocks of rows, whose moments are joined in order.
 * Source of the joining: Chan, Golub & LeVeque 1979 (Stanford STAN-CS-79-773).
 */
#include "backend/native/simd.h"
#include "base/base.h"

#include <math.h>

enum { BLOCK = 512 };

typedef struct norm {
    fvi_norm o;
    int64_t M, C, blocks;
    bool train;
} norm;

/* Per channel: what forward needs, and from keep what backward needs again. */
typedef struct channel {
    float *mean, *factor, *shift, *inv;
} channel;

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    norm *n = fvi_calloc(ctx, 1, sizeof *n);
    if (!n)
        return FV_ENOMEM;
    n->o = *(const fvi_norm *)p->attr;
    n->C = p->x[0].dim[p->x[0].ndim - 1];
    n->M = n->C ? fv_count(p->x[0]) / n->C : 0;
    n->blocks = blocks_of(n->M, BLOCK);
    n->train = p->train && n->o.momentum > 0;
    size_t row = (size_t)n->C * sizeof(float);
    need->keep = 4 * row;
    need->scratch = (size_t)(n->blocks + 1) * 2 * (size_t)n->C * sizeof(double);
    *state = n;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

static channel channels_in(float *keep, int64_t C)
{
    return (channel){keep, keep + C, keep + 2 * C, keep + 3 * C};
}

/* Mean and sum of squares about it of N vectors of channels over `rows`. */
static inline __attribute__((always_inline)) void block_moments(
    int N, const float *x, int64_t C, int64_t rows, double *mean,
    double *square)
{
    vec first[4], sum[4], sum2[4];
    for (int v = 0; v < N; v++) {
        first[v] = load(x + v * LANES);
        sum[v] = sum2[v] = V(setzero_ps)();
    }
    for (int64_t m = 1; m < rows; m++)
        for (int v = 0; v < N; v++) {
            vec d = load(x + m * C + v * LANES) - first[v];
            sum[v] += d;
            sum2[v] += d * d;
        }
    for (int v = 0; v < N; v++)
        for (int l = 0; l < LANES; l++) {
            double s = (double)sum[v][l], n = (double)rows;
            mean[v * LANES + l] = (double)first[v][l] + s / n;
            square[v * LANES + l] = (double)sum2[v][l] - s * s / n;
        }
}

/* The same for one channel. */
static void single_moments(const float *x, int64_t C, int64_t rows,
                           double *mean, double *square)
{
    float sum = 0, sum2 = 0;
    for (int64_t m = 1; m < rows; m++) {
        float d = x[m * C] - x[0];
        sum += d;
        sum2 += d * d;
    }
    *mean = (double)x[0] + (double)sum / (double)rows;
    *square = (double)sum2 - (double)sum * (double)sum / (double)rows;
}

static void row_moments(const norm *n, const float *x, int64_t rows,
                        double *part)
{
    int64_t c = 0, C = n->C;
    for (; c + 4 * LANES <= C; c += 4 * LANES)
        block_moments(4, x + c, C, rows, part + c, part + C + c);
    for (; c + 2 * LANES <= C; c += 2 * LANES)
        block_moments(2, x + c, C, rows, part + c, part + C + c);
    for (; c + LANES <= C; c += LANES)
        block_moments(1, x + c, C, rows, part + c, part + C + c);
    for (; c < C; c++)
        single_moments(x + c, C, rows, part + c, part + C + c);
}

/* Mean and variance of the batch into the first part. */
static void batch_moments(const norm *n, const float *x, double *part)
{
    const int64_t C = n->C, M = n->M;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < n->blocks; b++)
        row_moments(n, x + b * BLOCK * C, least(BLOCK, M - b * BLOCK),
                    part + b * 2 * C);
    for (int64_t c = 0; c < C; c++) {
        double mean = part[c], square = part[C + c];
        for (int64_t b = 1; b < n->blocks; b++) {
            double before = (double)(b * BLOCK);
            double here = (double)least(BLOCK, M - b * BLOCK);
            double d = part[b * 2 * C + c] - mean;
            mean += d * here / (before + here);
            square += part[b * 2 * C + C + c] +
                      d * d * before * here / (before + here);
        }
        part[c] = mean;
        part[C + c] = square > 0 ? square / (double)M : 0;
    }
}

/* Running values move toward those of the batch, variance unbiased. */
static void move_running(const norm *n, const double *part, float *mean,
                         float *var)
{
    double a = (double)n->o.momentum, M = (double)n->M;
    for (int64_t c = 0; c < n->C; c++) {
        double unbiased = part[n->C + c] * (M > 1 ? M / (M - 1) : 1);
        mean[c] = (float)((1 - a) * (double)mean[c] + a * part[c]);
        var[c] = (float)((1 - a) * (double)var[c] + a * unbiased);
    }
}

/* Rows lo..hi of y = (x - mean) factor + shift, then the ReLU. */
static void normalize(const norm *n, channel k, const float *x, float *y,
                      int64_t lo, int64_t hi, bool past)
{
    const int64_t C = n->C;
    const bool cut = n->o.act == FVI_ACT_RELU;
    for (int64_t m = lo; m < hi; m++) {
        const float *from = x + m * C;
        float *to = y + m * C;
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            vec v = (load(from + c) - load(k.mean + c)) * load(k.factor + c) +
                    load(k.shift + c);
            store(to + c, cut ? relu(v) : v, past);
        }
        for (; c < C; c++) {
            float v = (from[c] - k.mean[c]) * k.factor[c] + k.shift[c];
            to[c] = cut && v < 0 ? 0 : v;
        }
    }
}

static void forward(void *state, const fvi_call *call)
{
    const norm *n = state;
    const int64_t C = n->C;
    const float *scale = call->x[1].data, *shift = call->x[2].data;
    float *mean = call->x[3].data, *var = call->x[4].data, *y = call->y.data;
    double *part = call->scratch;
    channel k = channels_in(call->keep, C);
    if (n->M == 0)
        return;
    if (n->train) {
        batch_moments(n, call->x[0].data, part);
        move_running(n, part, mean, var);
    }
    for (int64_t c = 0; c < C; c++) {
        double v = n->train ? part[C + c] : (double)var[c];
        k.mean[c] = n->train ? (float)part[c] : mean[c];
        k.inv[c] = (float)(1 / sqrt(v + (double)n->o.eps));
        k.factor[c] = scale[c] * k.inv[c];
        k.shift[c] = shift[c];
    }
    const bool past = write_past(y, n->M * C, C);
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < n->blocks; b++) {
        normalize(n, k, call->x[0].data, y, b * BLOCK,
                  least((b + 1) * BLOCK, n->M), past);
        _mm_sfence();
    }
}

/* sum g and sum g (x - mean) of N vectors of channels, g where y > 0. */
static inline __attribute__((always_inline)) void block_sums(
    int N, bool cut, channel k, int64_t c, const float *x, const float *dy,
    int64_t C, int64_t rows, double *part)
{
    vec mean[4], factor[4], shift[4], sum[4], sum2[4];
    for (int v = 0; v < N; v++) {
        mean[v] = load(k.mean + c + v * LANES);
        factor[v] = load(k.factor + c + v * LANES);
        shift[v] = load(k.shift + c + v * LANES);
        sum[v] = sum2[v] = V(setzero_ps)();
    }
    for (int64_t m = 0; m < rows; m++)
        for (int v = 0; v < N; v++) {
            vec d = load(x + m * C + c + v * LANES) - mean[v];
            vec g = load(dy + m * C + c + v * LANES);
            if (cut)
                g = where_positive(d * factor[v] + shift[v], g);
            sum[v] += g;
            sum2[v] += g * d;
        }
    for (int v = 0; v < N; v++)
        for (int l = 0; l < LANES; l++) {
            part[c + v * LANES + l] = (double)sum[v][l];
            part[C + c + v * LANES + l] = (double)sum2[v][l];
        }
}

static void single_sums(bool cut, channel k, int64_t c, const float *x,
                        const float *dy, int64_t C, int64_t rows, double *part)
{
    float sum = 0, sum2 = 0;
    for (int64_t m = 0; m < rows; m++) {
        float d = x[m * C + c] - k.mean[c], g = dy[m * C + c];
        if (cut && !(d * k.factor[c] + k.shift[c] > 0))
            g = 0;
        sum += g;
        sum2 += g * d;
    }
    part[c] = (double)sum;
    part[C + c] = (double)sum2;
}

#define ROW_SUMS(cut)                                   \
    for (; c + 2 * LANES <= C; c += 2 * LANES)          \
        block_sums(2, cut, k, c, x, dy, C, rows, part); \
    for (; c + LANES <= C; c += LANES)                  \
        block_sums(1, cut, k, c, x, dy, C, rows, part); \
    for (; c < C; c++)                                  \
        single_sums(cut, k, c, x, dy, C, rows, part);

static void row_sums(bool cut, channel k, const float *x, const float *dy,
                     int64_t C, int64_t rows, double *part)
{
    int64_t c = 0;
    if (cut) {
        ROW_SUMS(true)
    } else {
        ROW_SUMS(false)
    }
}

static void sum_gradients(const norm *n, channel k, const float *x,
                          const float *dy, double *part)
{
    const int64_t C = n->C;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < n->blocks; b++)
        row_sums(n->o.act == FVI_ACT_RELU, k, x + b * BLOCK * C,
                 dy + b * BLOCK * C, C, least(BLOCK, n->M - b * BLOCK),
                 part + b * 2 * C);
    for (int64_t b = 1; b < n->blocks; b++)
        for (int64_t c = 0; c < 2 * C; c++)
            part[c] += part[b * 2 * C + c];
}

/* dx = factor g + slope (x - mean) + level, g where y > 0. */
static void spread(const norm *n, channel k, const float *slope,
                   const float *level, const float *x, const float *dy,
                   float *dx, int64_t m, bool add, bool past)
{
    const int64_t C = n->C;
    const bool cut = n->o.act == FVI_ACT_RELU;
    const float *xm = x + m * C, *gm = dy + m * C;
    float *to = dx + m * C;
    int64_t c = 0;
    for (; c + LANES <= C; c += LANES) {
        vec d = load(xm + c) - load(k.mean + c), g = load(gm + c);
        vec factor = load(k.factor + c);
        if (cut)
            g = where_positive(d * factor + load(k.shift + c), g);
        put(to + c, factor * g + load(slope + c) * d + load(level + c), add,
            past);
    }
    for (; c < C; c++) {
        float d = xm[c] - k.mean[c], g = gm[c];
        if (cut && !(d * k.factor[c] + k.shift[c] > 0))
            g = 0;
        float v = k.factor[c] * g + slope[c] * d + level[c];
        to[c] = add ? to[c] + v : v;
    }
}

static void spread_all(const norm *n, channel k, const float *slope,
                       const float *level, const fvi_call *call)
{
    const bool add = !(call->fresh & 1U);
    float *dx = call->dx[0].data;
    const bool past = !add && write_past(dx, n->M * n->C, n->C);
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < n->blocks; b++) {
        for (int64_t m = b * BLOCK; m < least((b + 1) * BLOCK, n->M); m++)
            spread(n, k, slope, level, call->x[0].data, call->dy.data, dx, m,
                   add, past);
        _mm_sfence();
    }
}

static void add_or_set(float *y, double x, bool fresh)
{
    *y = fresh ? (float)x : *y + (float)x;
}

static void backward(void *state, const fvi_call *call)
{
    const norm *n = state;
    const int64_t C = n->C;
    double *part = call->scratch;
    float *dscale = call->dx[1].data, *dshift = call->dx[2].data;
    channel k = channels_in(call->keep, C);
    if (n->M == 0)
        return;
    sum_gradients(n, k, call->x[0].data, call->dy.data, part);
    /* the second part is done with: its place holds slope and level */
    float *slope = (float *)(part + 2 * C), *level = slope + C;
    for (int64_t c = 0; c < C; c++) {
        double inv = (double)k.inv[c], factor = (double)k.factor[c];
        if (dscale)
            add_or_set(dscale + c, part[C + c] * inv, call->fresh & 2U);
        if (dshift)
            add_or_set(dshift + c, part[c], call->fresh & 4U);
        slope[c] = (float)(-factor * inv * inv * part[C + c] / (double)n->M);
        level[c] = (float)(-factor * part[c] / (double)n->M);
        if (!n->train)
            slope[c] = level[c] = 0;
    }
    if (call->dx[0].data)
        spread_all(n, k, slope, level, call);
}

const fvi_kernel ISA(fvi_native_batch_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
