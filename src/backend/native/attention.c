/*
 * Attention, a head in a window at a time: keys and values are packed once,
 * then a few queries at a time get their row of scores, in units of log 2, turn
 * it into weights and those into a mean of the values. Only those rows are ever
 * held. The order of every sum is that of the keys: no number of threads
 * changes it.
 */
#include "backend/native/attention.h"
#include "backend/native/curves.h"
#include "base/base.h"

#include <math.h>
#include <omp.h>

/* ---- preparing ---- */

static void size_tables(attend *s)
{
    for (int a = 0; a < 3; a++) {
        s->wide[a] = up(rows_along(s, a), LANES);
        s->table[a] = blocks_of(s->d, PAIR) * s->wide[a];
        s->tables += s->table[a];
    }
    if (s->o.position == FVI_POSITION_TABLE)
        s->tables = s->table[0] = s->o.heads * fvi_distances_in(&s->keys);
}

static void size_room(attend *s)
{
    room r;
    s->S = up(s->keys.tokens, PAIR * LANES);
    s->D = up(s->d, LANES);
    s->to_keys = (panels){blocks_of(s->d, PAIR), s->S / LANES};
    s->to_values = (panels){s->S / PAIR, s->D / LANES};
    s->own = ISA(fvi_attention_room)(s, NULL, &r);
}

/* With at == NULL only counts. */
int64_t ISA(fvi_attention_room)(const attend *s, void *at, room *r)
{
    const int64_t queries = up(s->to_keys.depth, LANES);
    const int64_t size[] = {s->to_keys.depth * s->S,
                            s->to_values.depth * s->D,
                            ROWS * queries,
                            ROWS * s->S,
                            PAIR == 1 ? 0 : ROWS * s->S / PAIR,
                            ROWS * all_wide(s),
                            ROWS * s->D};
    int64_t begin_of[8] = {0};
    for (int i = 0; i < 7; i++)
        begin_of[i + 1] = begin_of[i] + up(size[i], 16);
    if (at) {
        word *words = at;
        float *floats = at;
        r->k = words;
        r->v = words + begin_of[1];
        r->q = words + begin_of[2];
        r->row = floats + begin_of[3];
        r->p = words + begin_of[PAIR == 1 ? 3 : 4];
        r->near = floats + begin_of[5];
        r->out = floats + begin_of[6];
    }
    return begin_of[7];
}

/* Jobs are enough work for all threads, or their queries are cut. */
static void cut_queries(attend *s)
{
    int64_t wanted = s->jobs ? blocks_of(4 * s->threads, s->jobs) : 1;
    s->chunk = up(blocks_of(s->queries.tokens, wanted), ROWS);
    s->chunks = blocks_of(s->queries.tokens, s->chunk ? s->chunk : 1);
    if (s->jobs % s->threads == 0 || s->jobs > 8 * s->threads) {
        s->chunk = s->queries.tokens;
        s->chunks = 1;
    }
}

static fvi_token *list(fv_ctx *ctx, const fvi_windows *w)
{
    fvi_token *all_of_them = fvi_calloc(
        ctx, (size_t)(w->windows * w->tokens) + 1, sizeof *all_of_them);
    for (int64_t i = 0; all_of_them && i < w->windows * w->tokens; i++)
        all_of_them[i] = fvi_token_of(w, i / w->tokens, i % w->tokens);
    return all_of_them;
}

static void release(fv_ctx *ctx, void *state)
{
    attend *s = state;
    fvi_free(ctx, s->query);
    fvi_free(ctx, s->key);
    fvi_free(ctx, s);
}

static int64_t way_back(const attend *s)
{
#ifdef FV_HALF
    (void)s;
    return 0; /* prepare declines */
#else
    return ISA(fvi_attention_way_back)(s);
#endif
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
#ifdef FV_HALF
    if (!p->half || p->train || !__builtin_cpu_supports("avx512bf16"))
        return fvi_fail(ctx, FV_ENOTSUP,
                        "bf16 is not wanted, or not multiplied here");
#endif
    attend *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->o = *(const fvi_attention *)p->attr;
    s->queries = fvi_windows_of(&s->o, p->x[0]);
    s->keys = fvi_windows_of(&s->o, p->x[1]);
    s->train = p->train;
    s->rank = p->y.ndim - 2;
    s->threads = omp_get_max_threads();
    s->N = p->y.dim[0];
    s->d = s->o.channels / s->o.heads;
    s->jobs = s->N * s->queries.windows * s->o.heads;
    for (int i = 0; i < 3; i++) {
        const fvi_windows *w = i ? &s->keys : &s->queries;
        s->pitch[i] = p->x[i].dim[s->rank + 1];
        s->images[i] = w->windows * w->tokens;
    }
    for (int i = 0; i < p->nx; i++)
        s->shape[i] = p->x[i];
    size_tables(s);
    size_room(s);
    cut_queries(s);
    s->query = list(ctx, &s->queries);
    s->key = list(ctx, &s->keys);
    if (!s->query || !s->key) {
        release(ctx, s);
        return FV_ENOMEM;
    }
    int64_t most = up(s->tables, 64) + s->threads * s->own;
    if (p->train) {
        int64_t back = way_back(s);
        most = most > back ? most : back;
        need->keep = (size_t)(2 * s->jobs * s->queries.tokens) * sizeof(float);
    }
    need->scratch = (size_t)most * sizeof(float);
    need->half = PAIR == 2;
    *state = s;
    return FV_OK;
}

/* ---- weights ---- */

/* row[s] = 2^(row[s] - top); returns the sum, and top. */
static float raise_row(float *row, int64_t S, float *top)
{
    vec most = load(row), sum = V(setzero_ps)();
    for (int64_t s = LANES; s < S; s += LANES)
        most = V(max_ps)(most, load(row + s));
    float part[LANES];
    V(storeu_ps)(part, most);
    *top = part[0];
    for (int i = 1; i < LANES; i++)
        *top = part[i] > *top ? part[i] : *top;
    for (int64_t s = 0; s < S; s += LANES) {
        const vec p = exp2_(load(row + s) - all(*top));
        V(storeu_ps)(row + s, p);
        sum += p;
    }
    return total_of(sum);
}

/* ---- forward ---- */

static void write_rows(const frame *f, job j, int64_t t, int64_t rows,
                       const room *r, const float *inverse)
{
    const attend *s = f->s;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t at = j.n * s->images[0] + query_at(s, j, t + i).at;
        float *y = f->y + at * s->o.channels + j.head * s->d;
        for (int64_t c = 0; c < s->d; c++)
            y[c] = r->out[i * s->D + c] * inverse[i];
    }
}

static void attend_rows(const frame *f, int64_t index, int64_t t, int64_t rows,
                        const room *r)
{
    const attend *s = f->s;
    const job j = job_of(s, index);
    float inverse[ROWS], top;
    ISA(fvi_attention_score)(f, j, t, rows, r, r->row);
    for (int64_t i = 0; i < rows; i++) {
        float *row = r->row + i * s->S;
        inverse[i] = 1 / raise_row(row, s->S, &top);
        if (f->kept) {
            float *kept = f->kept + 2 * (index * s->queries.tokens + t + i);
            kept[0] = top;
            kept[1] = inverse[i];
        }
        if (PAIR == 2)
            pack_words(row, s->S, r->p + i * s->S / PAIR, s->S / PAIR);
    }
    multiply(&s->to_values, rows, r->p, s->S / PAIR, 1, r->v, r->out, s->D,
             false);
    write_rows(f, j, t, rows, r, inverse);
}

static void forward(void *state, const fvi_call *c)
{
    const attend *s = state;
    frame f = ISA(fvi_attention_open)(s, c);
    f.kept = s->train ? c->keep : NULL;
    const int threads = fvi_native_threads(s->threads);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t u = 0; u < s->jobs * s->chunks; u++) {
        room r;
        float *own = (float *)c->scratch + up(s->tables, 64);
        ISA(fvi_attention_room)(s, own + omp_get_thread_num() * s->own, &r);
        const job j = job_of(s, u / s->chunks);
        const int64_t lo = u % s->chunks * s->chunk;
        const int64_t hi = least(lo + s->chunk, s->queries.tokens);
        ISA(fvi_attention_columns)(&f, j, 1, r.k);
        ISA(fvi_attention_rows)(&f, j, 2, r.v);
        for (int64_t t = lo; t < hi; t += ROWS)
            attend_rows(&f, u / s->chunks, t, least(ROWS, hi - t), &r);
    }
}

static void backward(void *state, const fvi_call *c)
{
#ifdef FV_HALF
    (void)state, (void)c; /* prepare declines */
#else
    ISA(fvi_attention_backward)(state, c);
#endif
}

const fvi_kernel ISA(fvi_native_attention) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
};
