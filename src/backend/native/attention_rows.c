/*
 * The part of attention that forward and backward share: keys and values packed
 * once for all queries of a job, and the scores of a few queries at a time, in
 * units of log 2.
 */
#include "backend/native/attention.h"

#include <math.h>

/* ---- tables of positions ---- */

/* Number c of the vector for distance i, from a table of any length. */
static float table_at(const attend *s, fv_tensor from, int64_t i, int64_t n,
                      int64_t c)
{
    const fvi_between b = fvi_table_row(i, from.dim[0], n);
    const float *rows = from.data, part = (float)b.part;
    return c < s->d ? (1 - part) * rows[b.lo * s->d + c] +
                          part * rows[b.hi * s->d + c]
                    : 0;
}

/* Vectors for all distances as the columns of what queries are multiplied
 * with, the other way round: for a query at t, keys 0, 1, 2, ... find theirs
 * from column E-1-t on. Times sqrt(d), which the queries are divided by. */
static void turn_table(const attend *s, int a, fv_tensor from, word *to)
{
    const int64_t n = rows_along(s, a);
    const panels p = {s->to_keys.depth, s->wide[a] / LANES};
    const float root = sqrtf((float)s->d);
    memset(to, 0, (size_t)s->table[a] * sizeof *to);
    for (int64_t x = 0; x < panel_count(&p); x++)
        for (int64_t i = panel_start(&p, x) * LANES;
             i < least(n, panel_start(&p, x + 1) * LANES); i++)
            for (int64_t k = 0; k < p.depth; k++) {
                float pair[2] = {0};
                for (int h = 0; h < PAIR; h++)
                    pair[h] =
                        root * table_at(s, from, n - 1 - i, n, PAIR * k + h);
                to[panel_word(&p, x, k, i)] = word_of(pair, PAIR);
            }
}

/* Numbers for every distance, by head, the other way round, in units of the
 * scores. */
static void turn_numbers(const attend *s, const float *from, float *to)
{
    const int64_t n = fvi_distances_in(&s->keys), heads = s->o.heads;
    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < n; i++)
            to[h * n + i] = (float)M_LOG2E * from[(n - 1 - i) * heads + h];
}

frame ISA(fvi_attention_open)(const attend *s, const fvi_call *c)
{
    frame f = {.s = s, .y = c->y.data};
    float *to = c->scratch;
    for (int i = 0; i < 3; i++)
        f.x[i] = (const float *)c->x[i].data + s->o.at[i];
    for (int a = 0; a < 3; a++) {
        f.table[a] = (const word *)to;
        if (rows_along(s, a)) {
            fv_tensor t = s->shape[a + s->rank];
            t.data = c->x[a + s->rank].data;
            turn_table(s, a, t, (word *)to);
        }
        to += s->table[a];
    }
    if (s->o.position == FVI_POSITION_TABLE)
        turn_numbers(s, c->x[3].data, c->scratch);
    f.numbers = c->scratch;
    return f;
}

/* ---- packing ---- */

void ISA(fvi_attention_columns)(const frame *f, job j, int which, word *to)
{
    const attend *s = f->s;
    const panels *p = &s->to_keys;
    for (int64_t i = 0; i < panel_count(p); i++) {
        const int64_t lo = panel_start(p, i) * LANES;
        const int64_t hi = panel_start(p, i + 1) * LANES, wide = hi - lo;
        for (int64_t t = lo; t < hi; t++) {
            const bool there = t < s->keys.tokens;
            const float *x =
                there ? f->x[which] + begin(s, j, which, t) : f->x[which];
            word part[64], *column = to + lo * p->depth + t - lo;
            for (int64_t k = 0; k < p->depth; k += 64) {
                const int64_t n = least(64, p->depth - k);
                pack_words(x + PAIR * k, there ? s->d - PAIR * k : 0, part, n);
                for (int64_t w = 0; w < n; w++)
                    column[(k + w) * wide] = part[w];
            }
        }
    }
}

/* One row of words from PAIR tokens; those after the last are zero. */
static void pack_row(const frame *f, job j, int which, int64_t t, int64_t lo,
                     int64_t hi, word *to)
{
    const attend *s = f->s;
    const int64_t count = least(hi, s->d) - lo;
    const float *row[PAIR];
    for (int h = 0; h < PAIR; h++)
        row[h] = t + h < s->keys.tokens
                     ? f->x[which] + begin(s, j, which, t + h) + lo
                     : NULL;
    int64_t c = 0;
#ifdef FV_HALF
    for (; c + LANES <= count && row[1]; c += LANES)
        interleave(load(row[0] + c), load(row[1] + c), to + c);
#endif
    for (; c < count; c++) {
        float pair[PAIR];
        for (int h = 0; h < PAIR; h++)
            pair[h] = row[h] ? row[h][c] : 0;
        to[c] = word_of(pair, PAIR);
    }
    for (; c < hi - lo; c++)
        to[c] = 0;
}

void ISA(fvi_attention_rows)(const frame *f, job j, int which, word *to)
{
    const panels *p = &f->s->to_values;
    for (int64_t i = 0; i < panel_count(p); i++) {
        const int64_t lo = panel_start(p, i) * LANES;
        const int64_t hi = panel_start(p, i + 1) * LANES;
        word *panel = to + lo * p->depth;
        for (int64_t k = 0; k < p->depth; k++)
            pack_row(f, j, which, PAIR * k, lo, hi, panel + k * (hi - lo));
    }
}

/* Rows of queries, times log2(e)/sqrt(d). */
static void take_queries(const frame *f, job j, int64_t t, int64_t rows,
                         const room *r)
{
    const attend *s = f->s;
    const float scale = (float)(M_LOG2E / sqrt((double)s->d));
    for (int64_t i = 0; i < rows; i++) {
        const float *q = f->x[0] + begin(s, j, 0, t + i);
        float *scaled = r->out; /* not yet needed */
        for (int64_t c = 0; c < s->d; c++)
            scaled[c] = scale * q[c];
        pack_words(scaled, s->d, r->q + i * s->to_keys.depth, s->to_keys.depth);
    }
}

/* ---- scores ---- */

/* near: q R for all distances along the axes, one axis after the other. */
static void multiply_tables(const frame *f, int64_t rows, const room *r)
{
    const attend *s = f->s;
    float *to = r->near;
    for (int a = 0; a < 3; a++) {
        const panels p = {s->to_keys.depth, s->wide[a] / LANES};
        if (p.vectors)
            multiply(&p, rows, r->q, s->to_keys.depth, 1, f->table[a], to,
                     all_wide(s), false);
        to += s->wide[a];
    }
}

static void add_axes(const attend *s, int64_t t, const float *near, float *row)
{
    static const float none[1];
    const int64_t *side = s->keys.side;
    const float *by[3] = {none, none, none};
    int64_t at[3];
    split(&s->keys, t, at);
    for (int a = 0; a < 3; a++) {
        if (s->wide[a])
            by[a] = near + side[a] - 1 - at[a];
        near += s->wide[a];
    }
    for (int64_t u = 0; u < side[0]; u++)
        for (int64_t v = 0; v < side[1]; v++, row += side[2]) {
            const float same = by[0][u] + by[1][v];
            for (int64_t w = 0; w < side[2]; w++)
                row[w] += same + by[2][w];
        }
}

static void add_numbers(const frame *f, job j, int64_t t, float *row)
{
    const int64_t *side = f->s->keys.side;
    const float *b = f->numbers + j.head * fvi_distances_in(&f->s->keys);
    for (int64_t u = 0; u < side[0]; u++)
        for (int64_t v = 0; v < side[1]; v++, row += side[2]) {
            const int64_t from = first_number(f->s, t, u, v);
            for (int64_t w = 0; w < side[2]; w++)
                row[w] += b[from + w];
        }
}

/* Keys of other parts, and lanes that hold none, get no weight. */
static void mask(const frame *f, job j, int64_t t, float *row)
{
    const attend *s = f->s;
    const int part = query_at(s, j, t).part;
    for (int64_t u = 0; s->o.shift && u < s->keys.tokens; u++)
        if (key_at(s, j, u).part != part)
            row[u] = -INFINITY;
    for (int64_t u = s->keys.tokens; u < s->S; u++)
        row[u] = -INFINITY;
}

void ISA(fvi_attention_score)(const frame *f, job j, int64_t t, int64_t rows,
                              const room *r, float *row)
{
    const attend *s = f->s;
    take_queries(f, j, t, rows, r);
    multiply(&s->to_keys, rows, r->q, s->to_keys.depth, 1, r->k, row, s->S,
             false);
    multiply_tables(f, rows, r);
    for (int64_t i = 0; i < rows; i++, row += s->S) {
        if (s->o.position == FVI_POSITION_AXES)
            add_axes(s, t + i, r->near + i * all_wide(s), row);
        if (s->o.position == FVI_POSITION_TABLE)
            add_numbers(f, j, t + i, row);
        mask(f, j, t + i, row);
    }
}
