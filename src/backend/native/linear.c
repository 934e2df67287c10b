/*
 * A linear layer in inference: weights packed once, a tile of rows and outputs
 * at a time. Every output sums its inputs in their order whatever the number
 * of threads, which cut rows and outputs only. With fewer rows than fill the
 * registers weights are read where they are; very many weights are packed
 * panel by panel in every call, so that they are not in memory twice.
 */
#include "backend/native/gelu.h"
#include "backend/native/product.h"
#include "base/base.h"

#include <omp.h>

enum {
    TILE = 32 * ROWS, /* rows of a tile            */
    DEPTH = 512,      /* words of a sum at a time  */
    STREAM = 1024,    /* outputs of a thin product */
    HUGE = 64 << 20   /* words that are not kept packed */
};

typedef struct linear {
    fvi_linear o;
    int64_t M, C, K;
    panels p;
    int threads;
    bool bias;
    word *packed; /* NULL: a panel at a time in every call */
} linear;

/* ---- packing ---- */

/* Panel i of the weights, to where it begins. */
static void pack_panel(const linear *s, int64_t i, const float *w, word *at)
{
    const int64_t lo = panel_start(&s->p, i) * LANES;
    const int64_t hi = panel_start(&s->p, i + 1) * LANES;
    for (int64_t k = 0; k < s->p.depth; k++)
        for (int64_t c = lo; c < hi; c++) {
            float pair[PAIR] = {0};
            for (int h = 0; h < PAIR && PAIR * k + h < s->C && c < s->K; h++)
                pair[h] = w[(PAIR * k + h) * s->K + c];
            *at++ = word_of(pair, PAIR);
        }
}

static void pack(const linear *s, const float *w, word *to, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < panel_count(&s->p); i++)
        pack_panel(s, i, w, to + panel_start(&s->p, i) * LANES * s->p.depth);
}

static size_t packed_words(const linear *s)
{
    return (size_t)(s->p.depth * s->p.vectors * LANES);
}

static bool thin(const linear *s)
{
    return s->M < ROWS && PAIR == 1;
}

static size_t panel_words(const linear *s)
{
    return (size_t)(s->p.depth * WIDE * LANES);
}

/* Words of the rows of x, where those are not floats as they are. */
static size_t row_words(const linear *s)
{
    return PAIR == 1 ? 0 : (size_t)(s->M * s->p.depth);
}

/* ---- preparing ---- */

static void release(fv_ctx *ctx, void *state)
{
    linear *s = state;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    if (p->train)
        return fvi_fail(ctx, FV_ENOTSUP, "own linear layers do not train");
#ifdef FV_HALF
    if (!p->half || !__builtin_cpu_supports("avx512bf16"))
        return fvi_fail(ctx, FV_ENOTSUP,
                        "bf16 is not wanted, or not multiplied here");
#endif
    if (fv_count(p->y) == 0 || p->x[1].dim[0] == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    linear *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->o = *(const fvi_linear *)p->attr;
    s->C = p->x[1].dim[0];
    s->K = s->o.channels;
    s->M = fv_count(p->y) / s->K;
    s->p = (panels){blocks_of(s->C, PAIR), blocks_of(s->K, LANES)};
    s->threads = omp_get_max_threads();
    s->bias = p->nx - s->o.added > 2;
    const bool keep = (p->fixed & 2U) && packed_words(s) < HUGE && !thin(s);
    size_t words = (size_t)s->threads * TILE * WIDE * LANES + row_words(s);
    if (!thin(s) && !keep)
        words += (size_t)s->threads * panel_words(s);
    need->scratch = words * sizeof(word);
    need->half = PAIR == 2;
    fv_status status = FV_OK;
    float *packed = NULL;
    if (keep)
        status = fvi_native_pack(ctx, p, need, packed_words(s) * sizeof(word),
                                 &packed);
    if (status != FV_OK) {
        release(ctx, s);
        return status;
    }
    *state = s;
    s->packed = (word *)packed;
    if (packed)
        pack(s, p->x[1].data, s->packed, s->threads);
    return FV_OK;
}

/* ---- running ---- */

static inline float activate(const fvi_linear *o, float x)
{
    const float low = o->act == FVI_ACT_LEAKY ? o->slope : 0;
    return o->act == FVI_ACT_NONE || !(x < 0) ? x : low > 0 ? low * x : 0;
}

static void gelu_of(float *y, int64_t n)
{
    int64_t c = 0;
    for (; c + LANES <= n; c += LANES)
        put(y + c, gelu(load(y + c)), false, false);
    if (c < n)
        put_some(y + c, gelu(load_some(y + c, n - c)), n - c, false);
}

/* y = f(sum + b) + added for n outputs. */
static void finish(const fvi_linear *o, const float *sum, const float *b,
                   const float *added, int64_t n, float *y)
{
    for (int64_t c = 0; c < n; c++)
        y[c] = sum[c] + (b ? b[c] : 0);
    if (o->act == FVI_ACT_GELU)
        gelu_of(y, n);
    else
        for (int64_t c = 0; c < n && o->act != FVI_ACT_NONE; c++)
            y[c] = activate(o, y[c]);
    for (int64_t c = 0; c < n && added; c++)
        y[c] += added[c];
}

typedef struct factors {
    const word *x;
    const float *rows;      /* the same as floats */
    const float *b, *added; /* or NULL */
    float *y;
    int64_t row; /* words from one row of x to the next */
} factors;

/* Rows lo to hi of the outputs of panel i, which is `w`. */
static void tile(const linear *s, const factors *f, int64_t i, const word *w,
                 int64_t lo, int64_t hi, float *sum)
{
    const int64_t start = panel_start(&s->p, i),
                  end = panel_start(&s->p, i + 1);
    const int64_t first = start * LANES, wide = (end - start) * LANES;
    for (int64_t k = 0; k < s->p.depth; k += DEPTH)
        for (int64_t m = lo; m < hi; m += ROWS)
            products[least(ROWS, hi - m) - 1][end - start - 1](
                f->x + m * f->row + k, f->row, 1, w + k * wide,
                least(DEPTH, s->p.depth - k), sum + (m - lo) * wide, wide,
                k > 0);
    for (int64_t m = lo; m < hi; m++) {
        const int64_t at = m * s->K + first;
        finish(&s->o, sum + (m - lo) * wide, f->b ? f->b + first : NULL,
               f->added ? f->added + at : NULL, least(wide, s->K - first),
               f->y + at);
    }
}

static float *sums(float *room)
{
    return room + omp_get_thread_num() * TILE * WIDE * LANES;
}

static void tiles(const linear *s, const factors *f, float *room, int threads)
{
    const int64_t down = blocks_of(s->M, TILE);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < panel_count(&s->p) * down; t++) {
        const int64_t i = t / down, lo = t % down * TILE;
        tile(s, f, i, s->packed + panel_start(&s->p, i) * LANES * s->p.depth,
             lo, least(lo + TILE, s->M), sums(room));
    }
}

/* A panel is packed for all rows, then forgotten; `packed` has room for one
 * panel of each thread. */
static void panels_in_turn(const linear *s, const factors *f, const float *w,
                           word *packed, float *room, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < panel_count(&s->p); i++) {
        word *panel = packed + (size_t)omp_get_thread_num() * panel_words(s);
        pack_panel(s, i, w, panel);
        for (int64_t lo = 0; lo < s->M; lo += TILE)
            tile(s, f, i, panel, lo, least(lo + TILE, s->M), sums(room));
    }
}

#ifdef FV_HALF
static void pack_rows(const linear *s, const float *x, word *to, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t m = 0; m < s->M; m++)
        pack_words(x + m * s->C, s->C, to + m * s->p.depth, s->p.depth);
}
#endif

/* Outputs lo to hi of row m. */
static void thin_row(const linear *s, const factors *f, const float *w,
                     int64_t m, int64_t lo, int64_t hi)
{
    const float *x = f->rows + m * s->C;
    float *y = f->y + m * s->K;
    memset(y + lo, 0, (size_t)(hi - lo) * sizeof *y);
    for (int64_t k = 0; k < s->C; k++) {
        const float *row = w + k * s->K;
        int64_t c = lo;
        for (; c + LANES <= hi; c += LANES)
            V(storeu_ps)
        (y + c, V(fmadd_ps)(all(x[k]), load(row + c), load(y + c)));
        for (; c < hi; c++)
            y[c] += x[k] * row[c];
    }
    finish(&s->o, y + lo, f->b ? f->b + lo : NULL,
           f->added ? f->added + m * s->K + lo : NULL, hi - lo, y + lo);
}

static void thin_rows(const linear *s, const factors *f, const float *w,
                      int threads)
{
    const int64_t parts = blocks_of(s->K, STREAM);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < parts * s->M; t++) {
        const int64_t m = t % s->M, lo = t / s->M * STREAM;
        thin_row(s, f, w, m, lo, least(lo + STREAM, s->K));
    }
}

static void forward(void *state, const fvi_call *c)
{
    const linear *s = state;
    const int threads = fvi_native_threads(s->threads);
    float *room = c->scratch;
    word *rows = (word *)(room + (int64_t)s->threads * TILE * WIDE * LANES);
    factors f = {.x = c->x[0].data,
                 .rows = c->x[0].data,
                 .b = s->bias ? c->x[2].data : NULL,
                 .added = s->o.added ? c->x[s->bias ? 3 : 2].data : NULL,
                 .y = c->y.data,
                 .row = s->p.depth};
    if (thin(s)) {
        thin_rows(s, &f, c->x[1].data, threads);
        return;
    }
#ifdef FV_HALF
    pack_rows(s, c->x[0].data, rows, threads);
    f.x = rows;
#endif
    if (s->packed)
        tiles(s, &f, room, threads);
    else
        panels_in_turn(s, &f, c->x[1].data, rows + row_words(s), room, threads);
}

/* prepare declines to train */
static void backward(void *state, const fvi_call *c)
{
    (void)state, (void)c;
}

const fvi_kernel ISA(fvi_native_linear) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
