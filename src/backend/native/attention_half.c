/*
 * Attention in inference by tiles of bf16 numbers: all tokens see each other,
 * and positions are in what they say. Keys and values of a head are packed
 * once; 32 queries at a time meet the keys a chunk after the other, and what
 * was summed is scaled down whenever a score exceeds all before. The order is
 * that of the keys: no number of threads changes a bit. Source of the running
 * largest score and sum: Milakov, Gimelshein 2018 (arXiv:1805.02867),
 * algorithm 3; of values summed on the way: Dao et al. 2022
 * (arXiv:2205.14135), algorithm 1.
 */
#include "backend/native/half.h"
#include "base/base.h"
#include "op/attention.h"

#include <math.h>
#include <omp.h>

enum {
    SQUARE = FVI_BLOCK * FVI_BLOCK,
    PAIR_OF_TILES = 2 * FVI_TILE_SIZE,
    CHUNK = 8,  /* blocks of keys                        */
    DEEPEST = 8 /* blocks of channels that a head may have */
};

typedef struct attend {
    fvi_attention o;
    int64_t N, d, queries, keys;
    int64_t pitch[3];         /* channels of q, k, v                      */
    int64_t deep, high, wide; /* blocks of channels, queries, keys     */
    int64_t parts;            /* of the queries of a head                 */
    int64_t at[CHUNK];
    int threads;
    const fvi_tiler *tiler;
} attend;

typedef struct room {
    float *scores, *out; /* [key/32][query][32], [c/32][query][32] */
    uint16_t *p, *q;     /* in tiles: [key/32], [c/32]             */
    uint16_t *k, *v;     /* [key/32][c/32], [c/32][key/32]         */
    float top[FVI_BLOCK], sum[FVI_BLOCK];
} room;

static int64_t blocks(int64_t n, int64_t of)
{
    return (n + of - 1) / of;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- preparing ---- */

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    const fvi_attention *o = p->attr;
    if (p->train || !p->half)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "bf16 is not wanted, or not while training");
    if (o->window || o->position != FVI_POSITION_NONE ||
        o->channels / o->heads > DEEPEST * FVI_BLOCK)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "attention by AMX is for heads of up to %d channels "
                        "without windows or tables of positions",
                        DEEPEST * FVI_BLOCK);
    if (fv_count(p->y) == 0 || fv_count(p->x[1]) == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    if (!__builtin_cpu_supports("avx512bf16"))
        return fvi_fail(ctx, FV_ENOTSUP, "the processor has no AVX512-BF16");
    return fvi_amx_open(ctx);
}

static int64_t tokens(fv_tensor x)
{
    return fv_count(x) / x.dim[0] / x.dim[x.ndim - 1];
}

/* Floats of scratch of a thread. */
static int64_t floats(const attend *s)
{
    return (CHUNK + s->deep) * SQUARE +
           (CHUNK + s->deep + 2 * s->wide * s->deep) * PAIR_OF_TILES / 2;
}

static room room_at(const attend *s, float *at)
{
    room r = {.scores = at, .out = at + CHUNK * SQUARE};
    r.p = (uint16_t *)(void *)(r.out + s->deep * SQUARE);
    r.q = r.p + CHUNK * PAIR_OF_TILES;
    r.k = r.q + s->deep * PAIR_OF_TILES;
    r.v = r.k + s->wide * s->deep * PAIR_OF_TILES;
    return r;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    FV_TRY(check(ctx, p));
    attend *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->o = *(const fvi_attention *)p->attr;
    s->N = p->y.dim[0];
    s->d = s->o.channels / s->o.heads;
    s->queries = tokens(p->x[0]);
    s->keys = tokens(p->x[1]);
    for (int i = 0; i < 3; i++)
        s->pitch[i] = p->x[i].dim[p->x[i].ndim - 1];
    s->deep = blocks(s->d, FVI_BLOCK);
    s->high = blocks(s->queries, FVI_BLOCK);
    s->wide = blocks(s->keys, FVI_BLOCK);
    s->threads = omp_get_max_threads();
    s->parts = least(blocks(4 * s->threads, s->N * s->o.heads), s->high);
    for (int64_t i = 0; i < CHUNK; i++)
        s->at[i] = i * PAIR_OF_TILES;
    s->tiler = &fvi_tiler_amx;
    need->scratch = (size_t)(s->threads * floats(s)) * sizeof(float);
    need->half = true;
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* ---- packing ---- */

/* 32 channels of a token, from c on; zeros where x is NULL. */
static inline __m512i channels(const attend *s, const float *x, int64_t c)
{
    const int64_t n = x ? s->d - c : 0;
    x = x ? x + c : NULL;
    return line(load_n(x, n), n > FVI_TILE ? load_n(x + FVI_TILE, n - FVI_TILE)
                                           : _mm512_setzero_ps());
}

static void pack_queries(const attend *s, const float *q, int64_t t,
                         uint16_t *to)
{
    for (int64_t c = 0; c < s->deep; c++)
        for (int64_t i = t; i < t + FVI_BLOCK; i++, to += FVI_TILE_DEPTH)
            _mm512_storeu_si512(
                to, channels(s, i < s->queries ? q + i * s->pitch[0] : NULL,
                             c * FVI_BLOCK));
}

static void pack_keys(const attend *s, const float *k, uint16_t *to)
{
    for (int64_t t = 0; t < s->wide * FVI_BLOCK; t += FVI_BLOCK)
        for (int64_t c = 0; c < s->deep; c++)
            for (int64_t z = t; z < t + FVI_BLOCK; z += FVI_TILE) {
                __m512i r[FVI_TILE];
                for (int64_t i = 0; i < FVI_TILE; i++)
                    r[i] = channels(
                        s, z + i < s->keys ? k + (z + i) * s->pitch[1] : NULL,
                        c * FVI_BLOCK);
                turn(r);
                for (int64_t i = 0; i < FVI_TILE; i++, to += FVI_TILE_DEPTH)
                    _mm512_storeu_si512(to, r[i]);
            }
}

static void pack_values(const attend *s, const float *v, uint16_t *to)
{
    for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK)
        for (int64_t t = 0; t < s->wide * FVI_BLOCK; t += FVI_BLOCK)
            for (int64_t z = c; z < c + FVI_BLOCK; z += FVI_TILE)
                for (int64_t i = t; i < t + FVI_BLOCK;
                     i += 2, to += FVI_TILE_DEPTH) {
                    const float *row = v + i * s->pitch[2] + z;
                    const int64_t left = s->keys - i;
                    const __m512i both = pairs(
                        load_n(row, left > 0 ? s->d - z : 0),
                        load_n(row + s->pitch[2], left > 1 ? s->d - z : 0));
                    _mm512_storeu_si512(to, both);
                }
}

/* ---- weights ---- */

/* 2^x for x <= 0, from its nearest whole number by the polynomial of
 * curves.h. */
static inline vec power(vec x)
{
    const vec r = _mm512_reduce_ps(x, 0);
    vec sum = _mm512_set1_ps(0x1.5c08ccp-10F);
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.3d0c52p-7F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.c6b6e6p-5F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.ebf918p-3F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.62e428p-1F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.000002p+0F));
    return _mm512_scalef_ps(sum, _mm512_sub_ps(x, r));
}

/* Keys after the last one, in its block, get no weight. */
static void mask(const attend *s, float *block)
{
    const int64_t n = s->keys - (s->wide - 1) * FVI_BLOCK;
    for (int64_t i = 0; i < FVI_BLOCK; i++)
        for (int64_t k = n; k < FVI_BLOCK; k++)
            block[i * FVI_BLOCK + k] = -INFINITY;
}

static void scale_out(const attend *s, room *r, int64_t i, float by)
{
    const vec factor = _mm512_set1_ps(by);
    for (int64_t c = 0; c < s->deep; c++)
        for (int64_t z = 0; z < FVI_BLOCK; z += FVI_TILE) {
            float *at = r->out + c * SQUARE + i * FVI_BLOCK + z;
            _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
        }
}

/* Query i: its scores of a chunk of n blocks become weights. */
static void weigh(const attend *s, room *r, int64_t i, int64_t n, bool first)
{
    const float *row = r->scores + i * FVI_BLOCK;
    const float unit = (float)(M_LOG2E / sqrt((double)s->d));
    vec most = _mm512_load_ps(row), sum = _mm512_setzero_ps();
    for (int64_t b = 0; b < n; b++) {
        most = _mm512_max_ps(most, _mm512_load_ps(row + b * SQUARE));
        most = _mm512_max_ps(most, _mm512_load_ps(row + b * SQUARE + FVI_TILE));
    }
    float top = unit * _mm512_reduce_max_ps(most);
    if (!first && !(top > r->top[i]))
        top = r->top[i];
    const vec less = _mm512_set1_ps(-top), units = _mm512_set1_ps(unit);
    uint16_t *to = r->p + i * FVI_TILE_DEPTH;
    for (int64_t b = 0; b < n; b++, row += SQUARE, to += PAIR_OF_TILES) {
        const vec low = _mm512_load_ps(row);
        const vec high = _mm512_load_ps(row + FVI_TILE);
        const vec p = power(_mm512_fmadd_ps(low, units, less));
        const vec q = power(_mm512_fmadd_ps(high, units, less));
        sum = _mm512_add_ps(sum, _mm512_add_ps(p, q));
        _mm512_storeu_si512(to, line(p, q));
    }
    const float total = _mm512_reduce_add_ps(sum);
    if (first) {
        r->sum[i] = total;
    } else if (top > r->top[i]) {
        const float by = exp2f(r->top[i] - top);
        scale_out(s, r, i, by);
        r->sum[i] = r->sum[i] * by + total;
    } else {
        r->sum[i] += total;
    }
    r->top[i] = top;
}

/* ---- running ---- */

/* Keys of n blocks from b on. */
static void chunk(const attend *s, room *r, int64_t b, int64_t n)
{
    fvi_tiles t = {.steps = s->deep,
                   .at = s->at,
                   .below = FVI_TILE_SIZE,
                   .a = r->q,
                   .step = PAIR_OF_TILES,
                   .beside = FVI_TILE_SIZE};
    for (int64_t i = 0; i < n; i++) {
        t.b = r->k + (b + i) * s->deep * PAIR_OF_TILES;
        s->tiler->multiply(&t, false, r->scores + i * SQUARE);
    }
    if (b + n == s->wide)
        mask(s, r->scores + (n - 1) * SQUARE);
    for (int64_t i = 0; i < FVI_BLOCK; i++)
        weigh(s, r, i, n, b == 0);
    t.a = r->p;
    t.steps = n;
    for (int64_t c = 0; c < s->deep; c++) {
        t.b = r->v + (c * s->wide + b) * PAIR_OF_TILES;
        t.narrow = s->d - c * FVI_BLOCK <= FVI_TILE;
        s->tiler->multiply(&t, b > 0, r->out + c * SQUARE);
    }
}

/* The results of the queries from t on; y begins at the head's first. */
static void write_rows(const attend *s, const room *r, int64_t t, float *y)
{
    for (int64_t i = 0; i < FVI_BLOCK && t + i < s->queries; i++) {
        const vec inverse = _mm512_set1_ps(1 / r->sum[i]);
        for (int64_t c = 0; c < s->d; c += FVI_TILE) {
            const vec v = _mm512_load_ps(r->out + c / FVI_BLOCK * SQUARE +
                                         i * FVI_BLOCK + c % FVI_BLOCK);
            _mm512_mask_storeu_ps(y + (t + i) * s->o.channels + c,
                                  lanes(s->d - c), _mm512_mul_ps(v, inverse));
        }
    }
}

/* A part of the queries of a head of an image. */
static void attend_part(const attend *s, const fvi_call *c, int64_t unit,
                        room *r)
{
    const int64_t part = unit % s->parts, head = unit / s->parts % s->o.heads;
    const int64_t n = unit / s->parts / s->o.heads;
    const float *x[3];
    for (int i = 0; i < 3; i++) {
        const int64_t at = n * (i ? s->keys : s->queries) * s->pitch[i];
        x[i] = (const float *)c->x[i].data + at + s->o.at[i] + head * s->d;
    }
    float *y =
        (float *)c->y.data + n * s->queries * s->o.channels + head * s->d;
    pack_keys(s, x[1], r->k);
    pack_values(s, x[2], r->v);
    const int64_t end = (part + 1) * s->high / s->parts;
    for (int64_t q = part * s->high / s->parts; q < end; q++) {
        pack_queries(s, x[0], q * FVI_BLOCK, r->q);
        for (int64_t b = 0; b < s->wide; b += CHUNK)
            chunk(s, r, b, least(CHUNK, s->wide - b));
        write_rows(s, r, q * FVI_BLOCK, y);
    }
}

static void forward(void *state, const fvi_call *c)
{
    const attend *s = state;
    const int threads = fvi_native_threads(s->threads);
#pragma omp parallel num_threads(threads)
    {
        float *own = (float *)c->scratch + omp_get_thread_num() * floats(s);
        room r = room_at(s, own);
        s->tiler->begin();
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < s->N * s->o.heads * s->parts; i++)
            attend_part(s, c, i, &r);
        s->tiler->end();
    }
}

/* prepare declines to train */
static void backward(void *state, const fvi_call *c)
{
    (void)state, (void)c;
}

const fvi_kernel fvi_native_attention_amx = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
