/*
 * The way back through attention, a head in a window at a time, BLOCK queries
 * at a time. Weights are computed again from the scores, the largest of them
 * and their sum, which forward kept. With p, g = dL/dy and e = dL/da as in the
 * reference, everything is a product of small matrices:
 *   dP = g v',  e = p (dP - sum_s p dP),  dq = e k,  dk += e' q,  dv += p' g
 * and, for tables by axis, with n[t,i] the sum of e over the keys at distance
 * i:  dq += n R,  dR += n' q.
 * Sums of all jobs into a table are added in order at the end.
 */
#include "backend/native/attention.h"
#include "backend/native/curves.h"

#include <math.h>
#include <omp.h>

enum { BLOCK = 4 * ROWS };

/* Scratch of one thread beside that of forward. */
typedef struct place {
    room r;
    float *values, *rows; /* v as columns, k as rows, packed                 */
    float *p, *e;         /* weights and gradients of scores, [BLOCK][S]     */
    float *dk, *dv;       /* [S][D]                                          */
    float *q, *g, *dq;    /* [BLOCK][D]; q and g packed                      */
    float *near;          /* n, [BLOCK][columns of the tables]               */
} place;

/* A call, unpacked. */
typedef struct way {
    const attend *s;
    frame f;
    const float *g, *kept;
    float *dx[3]; /* from the first channel; NULL: unwanted        */
    float *R[3];  /* tables by axis as packed rows, times sqrt(d)  */
    float *sums;  /* [job][sums_of]                                */
} way;

/* Floats; with at == NULL only counts. */
static int64_t cut_place(const attend *s, float *at, place *p)
{
    float *none = NULL;
    float **const part[] = {&none, &p->values, &p->rows, &p->p,
                            &p->e, &p->dk,     &p->dv,   &p->q,
                            &p->g, &p->dq,     &p->near};
    const int64_t size[] = {ISA(fvi_attention_room)(s, at, &p->r),
                            s->to_keys.depth * s->S,
                            s->to_values.depth * s->D,
                            BLOCK * s->S,
                            BLOCK * s->S,
                            s->S * s->D,
                            s->S * s->D,
                            BLOCK * s->D,
                            BLOCK * s->D,
                            BLOCK * s->D,
                            BLOCK * all_wide(s)};
    int64_t used = 0;
    for (int i = 0; i < 11; i++) {
        *part[i] = at ? at + used : NULL;
        used += up(size[i], 16);
    }
    return used;
}

/* Numbers of gradients of tables that a job sums: [column][D] or [distance]. */
static int64_t sums_of(const attend *s)
{
    if (s->o.position == FVI_POSITION_TABLE)
        return fvi_distances_in(&s->keys);
    return all_wide(s) * s->D;
}

int64_t ISA(fvi_attention_way_back)(const attend *s)
{
    place p;
    return up(s->tables, 64) + all_wide(s) * s->D +
           up(s->jobs * sums_of(s), 64) + s->threads * cut_place(s, NULL, &p);
}

/* The columns that forward multiplies with, as rows. */
static void turn_back(const attend *s, int a, const word *from, float *to)
{
    const panels columns = {s->to_keys.depth, s->wide[a] / LANES};
    const panels rows = {s->wide[a], s->D / LANES};
    memset(to, 0, (size_t)(s->wide[a] * s->D) * sizeof *to);
    for (int64_t x = 0; x < panel_count(&columns); x++)
        for (int64_t i = panel_start(&columns, x) * LANES;
             i < panel_start(&columns, x + 1) * LANES; i++)
            for (int64_t y = 0; y < panel_count(&rows); y++)
                for (int64_t c = panel_start(&rows, y) * LANES;
                     c < least(s->d, panel_start(&rows, y + 1) * LANES); c++)
                    to[panel_word(&rows, y, i, c)] =
                        from[panel_word(&columns, x, c, i)];
}

static way open_way(const attend *s, const fvi_call *c)
{
    way w = {.s = s,
             .f = ISA(fvi_attention_open)(s, c),
             .g = c->dy.data,
             .kept = c->keep};
    float *next = (float *)c->scratch + up(s->tables, 64);
    for (int i = 0; i < 3; i++)
        w.dx[i] = c->dx[i].data ? (float *)c->dx[i].data + s->o.at[i] : NULL;
    for (int a = 0; a < 3; a++) {
        w.R[a] = next;
        turn_back(s, a, w.f.table[a], next);
        next += s->wide[a] * s->D;
    }
    w.sums = next;
    return w;
}

/* ---- a block of queries ---- */

static void pack_row_of(const attend *s, const float *x, int64_t rows,
                        int64_t row, float *to)
{
    const panels p = {rows, s->D / LANES};
    for (int64_t i = 0; i < panel_count(&p); i++)
        for (int64_t c = panel_start(&p, i) * LANES;
             c < panel_start(&p, i + 1) * LANES; c++)
            to[panel_word(&p, i, row, c)] = c < s->d ? x[c] : 0;
}

/* p = 2^(a - largest)/sum,  e = p (dP - sum p dP) for a row. */
static void weigh(float *p, float *e, int64_t S, const float kept[2])
{
    vec mean = V(setzero_ps)();
    for (int64_t i = 0; i < S; i += LANES) {
        const vec weight = exp2_(load(p + i) - all(kept[0])) * all(kept[1]);
        V(storeu_ps)(p + i, weight);
        mean += weight * load(e + i);
    }
    mean = all(total_of(mean));
    for (int64_t i = 0; i < S; i += LANES)
        V(storeu_ps)(e + i, load(p + i) * (load(e + i) - mean));
}

/* Weights p and gradients e of a few queries, and their q and g packed. */
static void take_rows(const way *w, job j, int64_t index, int64_t t,
                      int64_t row, int64_t count, int64_t rows, place *l)
{
    const attend *s = w->s;
    float *p = l->p + row * s->S, *e = l->e + row * s->S;
    ISA(fvi_attention_score)(&w->f, j, t, count, &l->r, p);
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = j.n * s->images[0] + query_at(s, j, t + i).at;
        const float *g = w->g + at * s->o.channels + j.head * s->d;
        pack_row_of(s, l->r.q + i * s->to_keys.depth, rows, row + i, l->q);
        pack_row_of(s, g, rows, row + i, l->g);
        memcpy(l->r.out + i * s->D, g, (size_t)s->d * sizeof *g);
    }
    multiply(&s->to_keys, count, l->r.out, s->D, 1, l->values, e, s->S, false);
    for (int64_t i = 0; i < count; i++)
        weigh(p + i * s->S, e + i * s->S, s->S,
              w->kept + 2 * (index * s->queries.tokens + t + i));
}

/* y[i] += sum of x[row][i] b[row] over the rows, for i < n. */
static void add_turned(const attend *s, const float *x, int64_t pitch,
                       int64_t rows, const float *b, int64_t n, float *y)
{
    const panels p = {rows, s->D / LANES};
    for (int64_t i = 0; i < n; i += ROWS)
        multiply(&p, least(ROWS, n - i), x + i, 1, pitch, b, y + i * s->D, s->D,
                 true);
}

/* n[t,i] of one query: e summed over the other axes. */
static void sum_axes(const attend *s, int64_t t, const float *e, float *near)
{
    float spare[3] = {0};
    float *by[3];
    int64_t at[3];
    split(&s->keys, t, at);
    memset(near, 0, (size_t)all_wide(s) * sizeof *near);
    for (int a = 0; a < 3; a++) {
        by[a] = s->wide[a] ? near + s->keys.side[a] - 1 - at[a] : spare + a;
        near += s->wide[a];
    }
    for (int64_t u = 0; u < s->keys.side[0]; u++)
        for (int64_t v = 0; v < s->keys.side[1]; v++, e += s->keys.side[2]) {
            float total = 0;
            for (int64_t k = 0; k < s->keys.side[2]; k++) {
                by[2][k] += e[k];
                total += e[k];
            }
            by[0][u] += total;
            by[1][v] += total;
        }
}

/* Tables by axis: n from e, its share of dq and of the sums. */
static void through_axes(const way *w, int64_t t, int64_t rows, place *l,
                         float *sum)
{
    const attend *s = w->s;
    const int64_t pitch = all_wide(s);
    float *near = l->near;
    for (int64_t i = 0; i < rows; i++)
        sum_axes(s, t + i, l->e + i * s->S, l->near + i * pitch);
    for (int a = 0; a < 3; a++) {
        const panels p = {s->wide[a], s->D / LANES};
        for (int64_t i = 0; i < rows && s->wide[a]; i += ROWS)
            multiply(&p, least(ROWS, rows - i), near + i * pitch, pitch, 1,
                     w->R[a], l->dq + i * s->D, s->D, true);
        add_turned(s, near, pitch, rows, l->q, s->wide[a], sum);
        sum += s->wide[a] * s->D;
        near += s->wide[a];
    }
}

/* Numbers by distance: e as it is, where forward read them. */
static void through_numbers(const attend *s, int64_t t, int64_t rows,
                            const place *l, float *sum)
{
    const int64_t *side = s->keys.side;
    for (int64_t i = 0; i < rows; i++) {
        const float *e = l->e + i * s->S;
        for (int64_t u = 0; u < side[0]; u++)
            for (int64_t v = 0; v < side[1]; v++, e += side[2]) {
                float *to = sum + first_number(s, t + i, u, v);
                for (int64_t k = 0; k < side[2]; k++)
                    to[k] += e[k];
            }
    }
}

static void add_scaled(float *to, const float *x, int64_t n, float scale)
{
    for (int64_t c = 0; c < n; c++)
        to[c] += scale * x[c];
}

static void block_back(const way *w, job j, int64_t index, int64_t t,
                       int64_t rows, place *l)
{
    const attend *s = w->s;
    float *sum = w->sums + index * sums_of(s);
    for (int64_t i = 0; i < rows; i += ROWS)
        take_rows(w, j, index, t + i, i, least(ROWS, rows - i), rows, l);
    for (int64_t i = 0; i < rows; i += ROWS)
        multiply(&s->to_values, least(ROWS, rows - i), l->e + i * s->S, s->S, 1,
                 l->rows, l->dq + i * s->D, s->D, false);
    add_turned(s, l->e, s->S, rows, l->q, s->S, l->dk);
    add_turned(s, l->p, s->S, rows, l->g, s->S, l->dv);
    if (s->o.position == FVI_POSITION_AXES)
        through_axes(w, t, rows, l, sum);
    if (s->o.position == FVI_POSITION_TABLE)
        through_numbers(s, t, rows, l, sum);
    for (int64_t i = 0; i < rows && w->dx[0]; i++)
        add_scaled(w->dx[0] + begin(s, j, 0, t + i), l->dq + i * s->D, s->d,
                   1 / sqrtf((float)s->d));
}

/* ---- a job, and all of them ---- */

static void job_back(const way *w, int64_t index, place *l)
{
    const attend *s = w->s;
    const job j = job_of(s, index);
    const size_t area = (size_t)(s->S * s->D) * sizeof(float);
    ISA(fvi_attention_columns)(&w->f, j, 1, l->r.k);
    ISA(fvi_attention_columns)(&w->f, j, 2, l->values);
    ISA(fvi_attention_rows)(&w->f, j, 1, l->rows);
    memset(l->dk, 0, area);
    memset(l->dv, 0, area);
    memset(w->sums + index * sums_of(s), 0, (size_t)sums_of(s) * sizeof(float));
    for (int64_t t = 0; t < s->queries.tokens; t += BLOCK)
        block_back(w, j, index, t, least(BLOCK, s->queries.tokens - t), l);
    for (int64_t t = 0; t < s->keys.tokens; t++) {
        if (w->dx[1]) /* q was times log2(e)/sqrt(d) */
            add_scaled(w->dx[1] + begin(s, j, 1, t), l->dk + t * s->D, s->d,
                       (float)M_LN2);
        if (w->dx[2])
            add_scaled(w->dx[2] + begin(s, j, 2, t), l->dv + t * s->D, s->d, 1);
    }
}

/* Column i of a table by axis is distance n-1-i; q was times
 * log2(e)/sqrt(d). */
static void close_axis(const way *w, int a, int64_t from, fv_tensor dR)
{
    const attend *s = w->s;
    const int64_t n = rows_along(s, a);
    float *to = dR.data;
    for (int64_t i = 0; i < n && to; i++) {
        const fvi_between b = fvi_table_row(n - 1 - i, dR.dim[0], n);
        for (int64_t c = 0; c < s->d; c++) {
            double sum = 0;
            for (int64_t j = 0; j < s->jobs; j++)
                sum += (double)w->sums[j * sums_of(s) + from + i * s->D + c];
            sum *= sqrt((double)s->d) * M_LN2;
            to[b.lo * s->d + c] += (float)((1 - b.part) * sum);
            to[b.hi * s->d + c] += (float)(b.part * sum);
        }
    }
}

static void close_numbers(const way *w, float *to)
{
    const attend *s = w->s;
    const int64_t n = sums_of(s), heads = s->o.heads;
    for (int64_t i = 0; i < n && to; i++)
        for (int64_t h = 0; h < heads; h++) {
            double sum = 0;
            for (int64_t j = h; j < s->jobs; j += heads)
                sum += (double)w->sums[j * n + i];
            to[(n - 1 - i) * heads + h] += (float)sum;
        }
}

/* Gradients that hold no number yet, unless an input before is the same. */
static void clear_fresh(const attend *s, const fvi_call *c)
{
    for (int i = 0; i < FVI_MAX_INPUTS && c->fresh >> i; i++) {
        bool fresh = (c->fresh >> i & 1U) && c->dx[i].data;
        for (int k = 0; k < i; k++)
            fresh = fresh && c->dx[k].data != c->dx[i].data;
        if (fresh)
            memset(c->dx[i].data, 0,
                   (size_t)fv_count(s->shape[i]) * sizeof(float));
    }
}

void ISA(fvi_attention_backward)(const attend *s, const fvi_call *c)
{
    clear_fresh(s, c);
    const way w = open_way(s, c);
    const int threads = fvi_native_threads(s->threads);
    float *places = w.sums + up(s->jobs * sums_of(s), 64);
    place none;
    const int64_t own = cut_place(s, NULL, &none);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < s->jobs; i++) {
        place l;
        cut_place(s, places + omp_get_thread_num() * own, &l);
        job_back(&w, i, &l);
    }
    int64_t from = 0;
    for (int a = 0; a < 3; a++) {
        if (rows_along(s, a))
            close_axis(&w, a, from, c->dx[a + s->rank]);
        from += s->wide[a] * s->D;
    }
    if (s->o.position == FVI_POSITION_TABLE)
        close_numbers(&w, c->dx[3].data);
}
