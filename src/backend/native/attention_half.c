/*
 * Attention in inference by tiles of bf16 numbers: all tokens see each other,
 * and positions are in what they say. Keys and values of a head are packed
 * once; 32 queries at a time meet the keys a chunk after the other, and what
 * was summed is scaled down whenever a score exceeds all before. Queries are
 * columns: largest scores and sums are taken without leaving a lane. While the
 * scores of a chunk are multiplied, those of the one before become weights. The
 * order is that of the keys: no number of threads changes a bit. Source of the
 * running largest score and sum: Milakov, Gimelshein 2018 (arXiv:1805.02867),
 * algorithm 3; of values summed on the way: Dao et al. 2022
 * (arXiv:2205.14135), algorithm 1.
 */
#include "backend/native/attention_half.h"
#include "base/base.h"

#include <math.h>
#include <omp.h>

typedef fvi_attend_half attend;
typedef fvi_attend_room room;

/* ---- preparing ---- */

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    const fvi_attention *o = p->attr;
    if (p->train || !p->half)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "bf16 is not wanted, or not while training");
    if (o->window || o->position != FVI_POSITION_NONE ||
        o->channels / o->heads > FVI_DEEPEST * FVI_BLOCK)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "attention by AMX is for heads of up to %d channels "
                        "without windows or tables of positions",
                        FVI_DEEPEST * FVI_BLOCK);
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

/* Tensors whose blocks are whole in every head and image. */
static unsigned tiled(const attend *s)
{
    unsigned bits = 0;
    if (s->d % FVI_BLOCK)
        return 0;
    for (int i = 0; i < 3; i++) {
        const int64_t images = s->N > 1 ? (i ? s->keys : s->queries) : 0;
        if ((s->o.at[i] | images) % FVI_BLOCK == 0)
            bits |= FVI_TILED_X(i);
    }
    return bits | (s->N == 1 || s->queries % FVI_BLOCK == 0 ? FVI_TILED_Y : 0);
}

static void size_up(attend *s, const fvi_problem *p)
{
    s->o = *(const fvi_attention *)p->attr;
    s->N = p->y.dim[0];
    s->d = s->o.channels / s->o.heads;
    s->queries = tokens(p->x[0]);
    s->keys = tokens(p->x[1]);
    for (int i = 0; i < 3; i++)
        s->pitch[i] = p->x[i].dim[p->x[i].ndim - 1];
    s->deep = fvi_blocks(s->d);
    s->high = fvi_blocks(s->queries);
    s->wide = fvi_blocks(s->keys);
    s->chunks = (s->wide + FVI_CHUNK - 1) / FVI_CHUNK;
    s->threads = omp_get_max_threads();
    const int64_t heads = s->N * s->o.heads, want = 4 * s->threads;
    s->parts = (want + heads - 1) / heads;
    s->parts = s->parts < s->high ? s->parts : s->high;
    s->unit = (float)(M_LOG2E / sqrt((double)s->d));
    for (int64_t i = 0; i < FVI_DEEPEST; i++)
        s->at[i] = i * FVI_PAIR;
    s->tiler = &fvi_tiler_amx;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    FV_TRY(check(ctx, p));
    attend *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    size_up(s, p);
    need->scratch = (size_t)(s->threads * fvi_attend_floats(s)) * sizeof(float);
    need->half = true;
    need->tiled = tiled(s);
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* ---- running ---- */

/* A chunk of keys that 32 queries meet. */
typedef struct meeting {
    int64_t query;  /* block                  */
    int64_t key, n; /* blocks: the first, how many */
    bool last;
} meeting;

static meeting meeting_of(const attend *s, int64_t first, int64_t u)
{
    meeting m = {.query = first + u / s->chunks,
                 .key = u % s->chunks * FVI_CHUNK};
    m.n = s->wide - m.key < FVI_CHUNK ? s->wide - m.key : FVI_CHUNK;
    m.last = m.key + m.n == s->wide;
    return m;
}

/* Shares of work for so many steps. */
static fvi_attend_work work_of(const attend *s, room *r, const float *scores,
                               int64_t items, int64_t steps)
{
    return (fvi_attend_work){.s = s,
                             .r = r,
                             .scores = scores,
                             .end = items,
                             .share =
                                 steps ? (items + steps - 1) / steps : items};
}

static void finish(fvi_attend_work *w, void (*some)(void *of, int64_t step))
{
    w->share = w->end;
    some(w, 0);
}

/* The scores of a chunk; meanwhile those of the one before become weights. */
static void score(const attend *s, room *r, const meeting *m, float *scores,
                  fvi_attend_work *before)
{
    fvi_tiles t = {.steps = s->deep,
                   .at = s->at,
                   .below = FVI_TILE_SIZE,
                   .b = r->q,
                   .step = FVI_PAIR,
                   .beside = FVI_TILE_SIZE,
                   .once = true,
                   .near = s->deep,
                   .meanwhile = fvi_attend_weigh,
                   .of = before};
    for (int64_t b = 0; b < m->n; b++) {
        t.a = r->k + (m->key + b) * s->deep * FVI_PAIR;
        s->tiler->multiply(&t, false, scores + b * FVI_SQUARE);
    }
}

/* The values of a chunk times the weights; meanwhile the largest of the scores
 * after them are found. */
static void add_values(const attend *s, room *r, const meeting *m,
                       fvi_attend_work *after)
{
    fvi_tiles t = {.steps = m->n,
                   .at = s->at,
                   .below = FVI_TILE_SIZE,
                   .b = r->p,
                   .step = FVI_PAIR,
                   .beside = FVI_TILE_SIZE,
                   .once = true,
                   .near = m->n,
                   .meanwhile = fvi_attend_top,
                   .of = after};
    for (int64_t c = 0; c < s->deep; c++) {
        t.a = r->v + (c * s->wide + m->key) * FVI_PAIR;
        s->tiler->multiply(&t, m->key > 0, r->out + c * FVI_SQUARE);
    }
}

/* One chunk meets its queries (n may be 0), the one before is done with. */
static void meet(const attend *s, room *r, const meeting *now,
                 const meeting *before, float *scores, const float *old)
{
    fvi_attend_work weights =
        work_of(s, r, old, 2 * before->n, now->n * s->deep);
    fvi_attend_work largest =
        work_of(s, r, scores, now->n, before->n * s->deep);
    if (before->n)
        fvi_attend_raise(s, r, before->key > 0);
    score(s, r, now, scores, &weights);
    finish(&weights, fvi_attend_weigh);
    if (now->n && now->last)
        fvi_attend_mask(s, scores + (now->n - 1) * FVI_SQUARE);
    if (before->n)
        add_values(s, r, before, &largest);
    finish(&largest, fvi_attend_top);
}

/* A part of the queries of a head of an image. */
static void attend_part(const attend *s, const fvi_call *c, int64_t unit,
                        room *r)
{
    const int64_t part = unit % s->parts;
    const fvi_head h = {.image = unit / s->parts / s->o.heads,
                        .head = unit / s->parts % s->o.heads};
    const int64_t first = part * s->high / s->parts;
    const int64_t end = (part + 1) * s->high / s->parts;
    const int64_t units = (end - first) * s->chunks;
    fvi_attend_pack(s, c, h, r);
    for (int64_t u = 0; u <= units; u++) {
        meeting now = {0}, before = {0};
        float *scores[2] = {r->scores, r->scores + FVI_CHUNK * FVI_SQUARE};
        if (u < units)
            now = meeting_of(s, first, u);
        if (u > 0)
            before = meeting_of(s, first, u - 1);
        if (u < units && now.key == 0)
            fvi_attend_pack_queries(s, c, h, now.query, r);
        meet(s, r, &now, &before, scores[u % 2], scores[(u + 1) % 2]);
        if (before.last)
            fvi_attend_write(s, c, h, before.query, r);
    }
}

static void forward(void *state, const fvi_call *c)
{
    const attend *s = state;
    const int threads = fvi_native_threads(s->threads);
#pragma omp parallel num_threads(threads)
    {
        float *own =
            (float *)c->scratch + omp_get_thread_num() * fvi_attend_floats(s);
        room r = fvi_attend_room_at(s, own);
        s->tiler->begin();
#pragma omp for schedule(static)
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
