/*
 * A linear layer in inference by tiles of bf16 numbers. Weights are packed
 * once. Rows and outputs are cut into jobs, sums of many inputs into stretches;
 * the latter depend on the inputs alone, so no number of threads changes a bit.
 */
#include "backend/native/half.h"
#include "base/base.h"

#include <omp.h>

enum {
    SQUARE = FVI_BLOCK * FVI_BLOCK,
    PAIR_OF_TILES = 2 * FVI_TILE_SIZE,
    WHOLE = 32,   /* steps of a sum taken at once; longer ones in     */
    STRETCH = 16, /* these, with the sums of a job near               */
    DOWN = 16,    /* blocks of rows of a job                          */
    ACROSS = 16   /* blocks of outputs                                */
};

typedef struct linear {
    fvi_linear o;
    int64_t M, C, K;
    int64_t high, deep, wide; /* blocks of 32 of rows, inputs, outputs */
    int64_t stretch;          /* steps                                 */
    int64_t at[WHOLE];
    int threads;
    bool bias;
    const fvi_tiler *tiler;
    uint16_t *packed; /* NULL: packed in every call */
} linear;

/* ---- sizes ---- */

static int64_t blocks(int64_t n, int64_t of)
{
    return (n + of - 1) / of;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t weights(const linear *s)
{
    return (size_t)(s->wide * s->deep * PAIR_OF_TILES);
}

static size_t rows(const linear *s)
{
    return (size_t)(s->high * s->deep * PAIR_OF_TILES);
}

/* Floats: the sums of a job, or of two blocks. */
static size_t room(const linear *s)
{
    return s->stretch < s->deep ? DOWN * ACROSS * SQUARE : 2 * SQUARE;
}

/* ---- packing ---- */

/* Block k of the outputs: [c/32][k/16][c/2][k][2]. */
static void pack_weights(const linear *s, int64_t k, const float *w,
                         uint16_t *to)
{
    to += k * s->deep * PAIR_OF_TILES;
    for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK)
        for (int64_t z = k * FVI_BLOCK; z < (k + 1) * FVI_BLOCK; z += FVI_TILE)
            for (int64_t i = c; i < c + FVI_BLOCK; i += 2, to += 2 * FVI_TILE) {
                const float *row = w + i * s->K + z;
                const __m512i both =
                    pairs(load_n(row, i < s->C ? s->K - z : 0),
                          load_n(row + s->K, i + 1 < s->C ? s->K - z : 0));
                _mm512_storeu_si512(to, both);
            }
}

static void pack_all(const linear *s, const float *w, uint16_t *to, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < s->wide; k++)
        pack_weights(s, k, w, to);
}

/* Block m of the rows: [c/32][row][32]. */
static void pack_rows(const linear *s, int64_t m, const float *x, uint16_t *to)
{
    to += m * s->deep * PAIR_OF_TILES;
    for (int64_t i = 0; i < FVI_BLOCK; i++) {
        const int64_t at = m * FVI_BLOCK + i;
        const float *row = x + at * s->C;
        for (int64_t c = 0; c < s->deep; c++) {
            const int64_t n = at < s->M ? s->C - c * FVI_BLOCK : 0;
            const float *from = row + c * FVI_BLOCK;
            _mm512_storeu_si512(
                to + c * PAIR_OF_TILES + i * FVI_TILE_DEPTH,
                line(load_n(from, n), load_n(from + FVI_TILE, n - FVI_TILE)));
        }
    }
}

/* ---- preparing ---- */

static void release(fv_ctx *ctx, void *state)
{
    linear *s = state;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    if (p->train)
        return fvi_fail(ctx, FV_ENOTSUP, "own linear layers do not train");
    if (!p->half)
        return fvi_fail(ctx, FV_ENOTSUP, "bf16 is not wanted");
    if (!__builtin_cpu_supports("avx512bf16"))
        return fvi_fail(ctx, FV_ENOTSUP, "the processor has no AVX512-BF16");
    if (fv_count(p->y) == 0 || p->x[1].dim[0] == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    return FV_OK;
}

static void size_up(linear *s, const fvi_problem *p)
{
    s->o = *(const fvi_linear *)p->attr;
    s->C = p->x[1].dim[0];
    s->K = s->o.channels;
    s->M = fv_count(p->y) / s->K;
    s->high = blocks(s->M, FVI_BLOCK);
    s->deep = blocks(s->C, FVI_BLOCK);
    s->wide = blocks(s->K, FVI_BLOCK);
    s->stretch = s->deep > WHOLE ? STRETCH : s->deep;
    for (int64_t i = 0; i < s->stretch; i++)
        s->at[i] = i * PAIR_OF_TILES;
    s->bias = p->nx > 2;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    FV_TRY(check(ctx, p));
    FV_TRY(fvi_amx_open(ctx));
    linear *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    size_up(s, p);
    s->threads = omp_get_max_threads();
    s->tiler = &fvi_tiler_amx;
    const bool fixed = (p->fixed & 2U) && p->x[1].data;
    need->scratch = rows(s) * sizeof(uint16_t) +
                    (size_t)s->threads * room(s) * sizeof(float) +
                    (fixed ? 0 : weights(s) * sizeof(uint16_t));
    need->half = true;
    if (fixed) {
        s->packed = fvi_alloc(ctx, weights(s) * sizeof *s->packed);
        if (!s->packed) {
            release(ctx, s);
            return FV_ENOMEM;
        }
        pack_all(s, p->x[1].data, s->packed, s->threads);
    }
    *state = s;
    return FV_OK;
}

/* ---- results ---- */

static inline vec activate(const fvi_linear *o, vec y)
{
    const vec zero = _mm512_setzero_ps();
    if (o->act == FVI_ACT_RELU)
        return _mm512_max_ps(zero, y); /* NaN stays */
    if (o->act == FVI_ACT_LEAKY)
        return _mm512_mask_mul_ps(y, _mm512_cmp_ps_mask(y, zero, _CMP_LT_OQ), y,
                                  _mm512_set1_ps(o->slope));
    return y;
}

/* A block of sums becomes the outputs of rows m on, from k on. */
static void finish(const linear *s, const float *sum, const float *bias,
                   int64_t m, int64_t k, float *y)
{
    const int64_t left = least(FVI_BLOCK, s->M - m);
    for (int64_t z = 0; z < FVI_BLOCK && k + z < s->K; z += FVI_TILE) {
        const int64_t n = s->K - k - z;
        const vec b = load_n(bias ? bias + k + z : NULL, bias ? n : 0);
        float *to = y + m * s->K + k + z;
        for (int64_t i = 0; i < left; i++, to += s->K) {
            const vec v = _mm512_load_ps(sum + i * FVI_BLOCK + z);
            _mm512_mask_storeu_ps(to, lanes(n),
                                  activate(&s->o, _mm512_add_ps(v, b)));
        }
    }
}

/* ---- running ---- */

typedef struct factors {
    const uint16_t *x, *w;
    const float *b;
    float *y;
} factors;

/* Blocks of a job: rows from m to m_end, outputs from k to k_end. */
typedef struct job {
    int64_t m, m_end, k, k_end;
} job;

static job job_of(const linear *s, int64_t i)
{
    const int64_t across = blocks(s->wide, ACROSS);
    job j = {.m = i / across * DOWN, .k = i % across * ACROSS};
    j.m_end = least(j.m + DOWN, s->high);
    j.k_end = least(j.k + ACROSS, s->wide);
    return j;
}

/* Asks for share i of the next weights. */
static inline void fetch(const uint16_t *w, int64_t numbers, int64_t i,
                         int64_t shares)
{
    const int64_t line_of = 32;
    for (int64_t at = i * numbers / shares; at < (i + 1) * numbers / shares;
         at += line_of)
        __builtin_prefetch(w + at, 0, 2);
}

/* One stretch of the sums of a column of blocks. */
static void column(const linear *s, const factors *f, const job *j, int64_t k,
                   int64_t step, float *sums)
{
    const bool whole = s->stretch == s->deep;
    const bool last = step + s->stretch >= s->deep;
    fvi_tiles t = {.steps = least(s->stretch, s->deep - step),
                   .at = s->at,
                   .below = FVI_TILE_SIZE,
                   .b = f->w + (k * s->deep + step) * PAIR_OF_TILES,
                   .step = PAIR_OF_TILES,
                   .beside = FVI_TILE_SIZE,
                   .narrow = s->K - k * FVI_BLOCK <= FVI_TILE,
                   .once = true};
    const uint16_t *next = t.b + s->deep * PAIR_OF_TILES;
    const float *before = NULL;
    for (int64_t m = j->m; m < j->m_end; m++) {
        const int64_t i = whole ? m % 2 : (k - j->k) * DOWN + m - j->m;
        t.a = f->x + (m * s->deep + step) * PAIR_OF_TILES;
        if (k + 1 < j->k_end)
            fetch(next, t.steps * PAIR_OF_TILES, m - j->m, j->m_end - j->m);
        s->tiler->multiply(&t, step > 0, sums + i * SQUARE);
        /* one block behind: its sums have left the store buffers by then */
        if (last && before)
            finish(s, before, f->b, (m - 1) * FVI_BLOCK, k * FVI_BLOCK, f->y);
        before = sums + i * SQUARE;
    }
    if (last)
        finish(s, before, f->b, (j->m_end - 1) * FVI_BLOCK, k * FVI_BLOCK,
               f->y);
}

static void run(const linear *s, const factors *f, const float *x,
                uint16_t *packed, float *sums, int threads)
{
    const int64_t jobs = blocks(s->high, DOWN) * blocks(s->wide, ACROSS);
#pragma omp parallel num_threads(threads)
    {
        float *own = sums + (size_t)omp_get_thread_num() * room(s);
#pragma omp for schedule(static)
        for (int64_t m = 0; m < s->high; m++)
            pack_rows(s, m, x, packed);
        s->tiler->begin();
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < jobs; i++) {
            const job j = job_of(s, i);
            for (int64_t step = 0; step < s->deep; step += s->stretch)
                for (int64_t k = j.k; k < j.k_end; k++)
                    column(s, f, &j, k, step, own);
        }
        s->tiler->end();
    }
}

static void forward(void *state, const fvi_call *c)
{
    const linear *s = state;
    const int threads = fvi_native_threads(s->threads);
    float *sums = c->scratch;
    uint16_t *x = (uint16_t *)(void *)(sums + (size_t)s->threads * room(s));
    uint16_t *w = x + rows(s);
    if (!s->packed)
        pack_all(s, c->x[1].data, w, threads);
    const factors f = {.x = x,
                       .w = s->packed ? s->packed : w,
                       .b = s->bias ? c->x[2].data : NULL,
                       .y = c->y.data};
    run(s, &f, c->x[0].data, x, sums, threads);
}

/* prepare declines to train */
static void backward(void *state, const fvi_call *c)
{
    (void)state, (void)c;
}

const fvi_kernel fvi_native_linear_amx = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
