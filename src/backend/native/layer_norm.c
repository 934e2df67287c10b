/* Layer normalization, a position at a time. The mean is taken twice: what the
 * first, rounded, leaves over is subtracted from deviations. */
#include "backend/native/simd.h"
#include "base/base.h"

enum {
    ROWS = 64, /* positions in a block of sums */
    AHEAD = 4  /* positions that the second cache is asked for ahead */
};

typedef struct norm {
    int64_t M, C;
    float eps;
} norm;

/* With AVX512-BF16 results can lie as products of bf16 numbers read them. */
static unsigned tiles(const fvi_problem *p)
{
#ifdef __AVX512F__
    const bool half = __builtin_cpu_supports("avx512bf16");
    return p->half && !p->train && half ? FVI_TILED_Y : 0;
#else
    (void)p;
    return 0;
#endif
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    norm *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->C = p->x[1].dim[0];
    s->M = fv_count(p->y) / s->C;
    s->eps = ((const fvi_norm *)p->attr)->eps;
    if (p->train)
        need->scratch =
            (size_t)(2 * s->C * blocks_of(s->M, ROWS)) * sizeof(float);
    need->tiled = tiles(p);
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* f for every vector of a row, v and w being those of two arrays; the last one
 * may hold fewer numbers, and zeros. */
#define OVER_ROW(C, a, b, f)                                \
    {                                                       \
        int64_t k = 0;                                      \
        for (; k + LANES <= (C); k += LANES) {              \
            const vec v = load((a) + k), w = load((b) + k); \
            const bool whole = true;                        \
            const int64_t n = LANES;                        \
            (void)v, (void)w, (void)n, (void)whole;         \
            f;                                              \
        }                                                   \
        if (k < (C)) {                                      \
            const int64_t n = (C)-k;                        \
            const vec v = load_some((a) + k, n);            \
            const vec w = load_some((b) + k, n);            \
            const bool whole = false;                       \
            (void)v, (void)w, (void)n, (void)whole;         \
            f;                                              \
        }                                                   \
    }

/* x where there are numbers: the first n of LANES. */
static inline vec only(vec x, int64_t n)
{
    float part[LANES] = {0};
    V(storeu_ps)(part, x);
    for (int64_t i = n; i < LANES; i++)
        part[i] = 0;
    return load(part);
}

/* h = (x - mean) inv - rest */
typedef struct moments {
    vec mean, inv, rest;
} moments;

static inline moments moments_of(const float *x, int64_t C, float eps)
{
    vec sum = V(setzero_ps)(), square = sum;
    OVER_ROW(C, x, x, sum += v)
    const float count = (float)C, mean = total_of(sum) / count;
    sum = V(setzero_ps)();
    OVER_ROW(C, x, x, {
        vec d = v - all(mean);
        if (!whole)
            d = only(d, n);
        sum += d;
        square += d * d;
    })
    const float rest = total_of(sum) / count;
    const float var = total_of(square) / count - rest * rest;
    const float inv = 1 / __builtin_sqrtf((var > 0 ? var : 0) + eps);
    return (moments){all(mean), all(inv), all(rest * inv)};
}

static inline vec hat(const moments *m, vec x)
{
    return (x - m->mean) * m->inv - m->rest;
}

static inline void write(float *y, vec x, int64_t n, bool whole, bool add)
{
    if (whole)
        put(y, x, add, false);
    else
        put_some(y, x, n, add);
}

#ifdef __AVX512F__
static inline vec load_first(const float *x, int64_t n)
{
    const int64_t lanes = n < 0 ? 0 : least(n, LANES);
    return _mm512_maskz_loadu_ps((__mmask16)((1U << lanes) - 1), x);
}

/* Row m in bf16, as half of the tiles (backend.h) expect it. */
__attribute__((target("avx512bf16"))) static void tiled_row(const norm *s,
                                                            const fvi_call *c,
                                                            int64_t m)
{
    const float *scale = c->x[1].data, *shift = c->x[2].data;
    const float *x = (const float *)c->x[0].data + m * s->C;
    const int64_t step = FVI_TILED * FVI_TILED;
    uint16_t *y = (uint16_t *)c->y.data +
                  m / FVI_TILED * blocks_of(s->C, FVI_TILED) * step +
                  m % FVI_TILED * FVI_TILED;
    moments q = {0};
    if (m + AHEAD < s->M)
        for (int64_t k = 0; k < s->C; k += LANES)
            __builtin_prefetch(x + AHEAD * s->C + k, 0, 2);
    if (m < s->M)
        q = moments_of(x, s->C, s->eps);
    for (int64_t k = 0; k < s->C; k += FVI_TILED, y += step) {
        vec part[2] = {0};
        for (int z = 0; z < 2 && m < s->M; z++) {
            const int64_t at = k + z * LANES, n = s->C - at;
            part[z] =
                hat(&q, load_first(x + at, n)) * load_first(scale + at, n) +
                load_first(shift + at, n);
        }
        _mm512_storeu_si512(y, (__m512i)_mm512_cvtne2ps_pbh(part[1], part[0]));
    }
}

static void forward_tiled(const norm *s, const fvi_call *c)
{
#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < blocks_of(s->M, FVI_TILED) * FVI_TILED; m++)
        tiled_row(s, c, m);
}
#endif

static void forward(void *state, const fvi_call *c)
{
    const norm *s = state;
#ifdef __AVX512F__
    if (c->tiled & FVI_TILED_Y) {
        forward_tiled(s, c);
        return;
    }
#endif
    const float *scale = c->x[1].data, *shift = c->x[2].data;
#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < s->M; m++) {
        const float *x = (const float *)c->x[0].data + m * s->C;
        float *y = (float *)c->y.data + m * s->C;
        const moments q = moments_of(x, s->C, s->eps);
        OVER_ROW(s->C, scale, shift, {
            const vec u = whole ? load(x + k) : load_some(x + k, n);
            write(y + k, hat(&q, u) * v + w, n, whole, false);
        })
    }
}

/* dL/dx of one position; the sums of g and g h grow. */
static void row_backward(const float *x, const float *scale, const float *g,
                         const norm *s, float *dx, float *sum, bool add)
{
    const moments q = moments_of(x, s->C, s->eps);
    const int64_t C = s->C;
    vec u = V(setzero_ps)(), uh = u;
    OVER_ROW(C, x, g, {
        const vec h = hat(&q, v);
        const vec a = whole ? load(scale + k) : load_some(scale + k, n);
        u += w * a;
        uh += w * a * h; /* w is zero where there is no number */
        write(sum + k, w, n, whole, true);
        write(sum + C + k, w * h, n, whole, true);
    })
    const vec mean_u = all(total_of(u) / (float)C);
    const vec mean_uh = all(total_of(uh) / (float)C);
    if (!dx)
        return;
    OVER_ROW(C, x, g, {
        const vec h = hat(&q, v);
        const vec a = whole ? load(scale + k) : load_some(scale + k, n);
        write(dx + k, q.inv * (w * a - mean_u - h * mean_uh), n, whole, add);
    })
}

/* to (+)= the sums of all blocks, in order. */
static void close_sums(const float *sum, int64_t blocks, int64_t C, float *to,
                       bool add)
{
    for (int64_t k = 0; to && k < C; k++) {
        double all_of_it = 0;
        for (int64_t b = 0; b < blocks; b++)
            all_of_it += (double)sum[b * 2 * C + k];
        to[k] = (float)all_of_it + (add ? to[k] : 0);
    }
}

static void backward(void *state, const fvi_call *c)
{
    const norm *s = state;
    const int64_t C = s->C, blocks = blocks_of(s->M, ROWS);
    const float *x = c->x[0].data, *g = c->dy.data, *scale = c->x[1].data;
    float *dx = c->dx[0].data, *sums = c->scratch;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < blocks; b++) {
        float *sum = sums + b * 2 * C;
        memset(sum, 0, (size_t)(2 * C) * sizeof *sum);
        for (int64_t m = b * ROWS; m < least((b + 1) * ROWS, s->M); m++)
            row_backward(x + m * C, scale, g + m * C, s, dx ? dx + m * C : NULL,
                         sum, !(c->fresh & 1U));
    }
    close_sums(sums + C, blocks, C, c->dx[1].data, !(c->fresh & 2U));
    close_sums(sums, blocks, C, c->dx[2].data, !(c->fresh & 4U));
}

const fvi_kernel ISA(fvi_native_layer_norm) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
