/*
 * A linear layer in inference by tiles of bf16 numbers. Weights are packed
 * once. Rows and outputs are cut into jobs, sums of many inputs into stretches;
 * the latter depend on the inputs alone, so no number of threads changes a bit.
 * While a block is multiplied, the sums of the one before become outputs.
 */
#include "backend/native/linear_half.h"
#include "base/base.h"

#include <omp.h>

enum {
    SQUARE = FVI_LINEAR_SQUARE,
    PAIR_OF_TILES = FVI_LINEAR_PAIR,
    NEAR = 16,  /* steps of the weights that stay in the first cache  */
    DOWN = 16,  /* blocks of rows of a job,                           */
    LOW = 8,    /* the same where sums are cut into stretches         */
    ACROSS = 16 /* blocks of outputs                                  */
};

typedef fvi_linear_half linear;
typedef fvi_linear_factors factors;

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

static bool whole(const linear *s)
{
    return s->stretch == s->deep;
}

static int64_t down(const linear *s)
{
    return whole(s) ? DOWN : LOW;
}

/* Floats: the sums of a job, or of two blocks. */
static size_t room(const linear *s)
{
    return (whole(s) ? 2 : LOW * ACROSS) * SQUARE;
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
    s->stretch = least(s->deep, FVI_LINEAR_WHOLE);
    for (int64_t i = 0; i < s->stretch; i++)
        s->at[i] = i * PAIR_OF_TILES;
    s->bias = p->nx - s->o.added > 2;
    s->threads = omp_get_max_threads();
    s->tiler = &fvi_tiler_amx;
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
    const bool fixed = p->fixed & 2U;
    need->scratch = rows(s) * sizeof(uint16_t) +
                    (size_t)s->threads * room(s) * sizeof(float) +
                    (fixed ? 0 : weights(s) * sizeof(uint16_t));
    need->half = true;
    need->tiled = FVI_TILED_X(0) | FVI_TILED_Y;
    float *packed = NULL;
    fv_status status = FV_OK;
    if (fixed)
        status = fvi_native_pack(ctx, p, need, weights(s) * sizeof(uint16_t),
                                 &packed);
    if (status != FV_OK) {
        release(ctx, s);
        return status;
    }
    s->packed = (uint16_t *)(void *)packed;
    if (packed)
        fvi_linear_half_weights(s, p->x[1].data, s->packed, s->threads);
    *state = s;
    return FV_OK;
}

/* ---- running ---- */

/* Blocks of a job: rows from m to m_end, outputs from k to k_end. */
typedef struct job {
    int64_t m, m_end, k, k_end;
} job;

static job job_of(const linear *s, int64_t i)
{
    const int64_t across = blocks(s->wide, ACROSS);
    job j = {.m = i / across * down(s), .k = i % across * ACROSS};
    j.m_end = least(j.m + down(s), s->high);
    j.k_end = least(j.k + ACROSS, s->wide);
    return j;
}

/* Asks for the weights of the next column, and for rows of the next stretch,
 * while block m of column k is multiplied. */
static void look_ahead(const linear *s, const job *j, int64_t m, int64_t k,
                       int64_t step, fvi_linear_end *e)
{
    const int64_t steps = least(s->stretch, s->deep - step);
    const int64_t next = step + steps < s->deep ? step + steps : 0;
    const int64_t rows = j->m_end - j->m, columns = j->k_end - j->k;
    fvi_linear_ask w = {0}, x = {0};
    if (k + 1 < j->k_end) {
        w.numbers = PAIR_OF_TILES / rows;
        w.from = e->f->w + ((k + 1) * s->deep + step) * PAIR_OF_TILES +
                 (m - j->m) * w.numbers * steps;
    }
    if (!whole(s)) {
        x.numbers = PAIR_OF_TILES / columns;
        x.from = e->f->x + (m * s->deep + next) * PAIR_OF_TILES +
                 (k - j->k) * x.numbers * steps;
    }
    e->next_w = w;
    e->next_x = x;
}

/* One stretch of the sums of a column of blocks. */
static void column(const linear *s, const job *j, int64_t k, int64_t step,
                   float *sums, fvi_linear_end *e)
{
    const bool last = step + s->stretch >= s->deep;
    fvi_tiles t = {.steps = least(s->stretch, s->deep - step),
                   .at = s->at,
                   .below = FVI_TILE_SIZE,
                   .b = e->f->w + (k * s->deep + step) * PAIR_OF_TILES,
                   .step = PAIR_OF_TILES,
                   .beside = FVI_TILE_SIZE,
                   .narrow = s->K - k * FVI_BLOCK <= FVI_TILE,
                   .once = true,
                   .near = NEAR,
                   .meanwhile = fvi_linear_half_meanwhile,
                   .of = e};
    e->share = blocks(FVI_BLOCK, t.steps);
    for (int64_t m = j->m; m < j->m_end; m++) {
        float *sum = sums + ((k - j->k) * LOW + m - j->m) * SQUARE;
        if (whole(s))
            sum = e->sum == sums ? sums + SQUARE : sums;
        t.a = e->f->x + (m * s->deep + step) * PAIR_OF_TILES;
        look_ahead(s, j, m, k, step, e);
        s->tiler->multiply(&t, step > 0, sum);
        if (last)
            fvi_linear_half_wait(e, sum, m * FVI_BLOCK, k * FVI_BLOCK);
    }
}

static void run_job(const linear *s, const factors *f, int64_t i, float *sums)
{
    const job j = job_of(s, i);
    fvi_linear_end e = {.s = s, .f = f};
    for (int64_t step = 0; step < s->deep; step += s->stretch)
        for (int64_t k = j.k; k < j.k_end; k++)
            column(s, &j, k, step, sums, &e);
    fvi_linear_half_finish(&e);
}

/* Neighbors among rows go to the same thread, which has some of them near from
 * the layer before. */
static void run(const linear *s, const factors *f, const float *x,
                uint16_t *packed, float *sums, int threads)
{
    const int64_t jobs = blocks(s->high, down(s)) * blocks(s->wide, ACROSS);
#pragma omp parallel num_threads(threads)
    {
        float *own = sums + (size_t)omp_get_thread_num() * room(s);
        if (x) {
#pragma omp for schedule(static)
            for (int64_t m = 0; m < s->high; m++)
                fvi_linear_half_rows(s, m, x, packed);
        }
        s->tiler->begin();
#pragma omp for schedule(static)
        for (int64_t i = 0; i < jobs; i++)
            run_job(s, f, i, own);
        s->tiler->end();
    }
}

static void forward(void *state, const fvi_call *c)
{
    const linear *s = state;
    const int threads = fvi_native_threads(s->threads);
    const bool tiled = c->tiled & FVI_TILED_X(0);
    float *sums = c->scratch;
    uint16_t *x = (uint16_t *)(void *)(sums + (size_t)s->threads * room(s));
    uint16_t *w = x + rows(s);
    if (!s->packed)
        fvi_linear_half_weights(s, c->x[1].data, w, threads);
    const factors f = {.x = tiled ? c->x[0].data : x,
                       .w = s->packed ? s->packed : w,
                       .bias = s->bias ? c->x[2].data : NULL,
                       .added = s->o.added ? c->x[s->bias ? 3 : 2].data : NULL,
                       .y = c->y.data,
                       .tiled = c->tiled & FVI_TILED_Y};
    run(s, &f, tiled ? NULL : c->x[0].data, x, sums, threads);
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
