#ifndef FVI_NATIVE_ATTENTION_H
#define FVI_NATIVE_ATTENTION_H

/* What the attention kernels share: jobs, packed keys and values, and rows of
 * weights p for a few queries at a time. */

#include "backend/native/product.h"
#include "op/attention.h"

/* Settled in prepare. A job is one head in one window of one image. */
typedef struct attend {
    fvi_attention o;
    fvi_windows queries, keys;
    int rank, threads;
    bool train;
    int64_t N, d, jobs;
    int64_t pitch[3], images[3]; /* of q, k, v: channels, tokens per image  */
    int64_t chunks, chunk;       /* of the queries of a job                 */
    panels to_keys, to_values;   /* q k and p v                             */
    int64_t S;                   /* keys, with the lanes that fill a vector */
    int64_t D;                   /* channels of a head, likewise            */
    int64_t wide[3];             /* distances by axis, to whole vectors     */
    int64_t table[3], tables;    /* words of position tables                */
    int64_t own;                 /* floats of scratch of a thread           */
    fvi_token *query, *key;      /* [window][token]                         */
    fv_tensor shape[FVI_MAX_INPUTS];
} attend;

/* A call: tensors, and position tables in scratch that all threads share. */
typedef struct frame {
    const attend *s;
    const float *x[3];    /* q, k, v from their first channel              */
    const word *table[3]; /* by axis: columns by distance                  */
    const float *numbers; /* by distance: [head][distance]                 */
    float *y, *kept;      /* [job][query]: largest score, 1/sum; or NULL   */
} frame;

/* Scratch of one thread: packed keys and values, rows of queries, of scores
 * (`row`), of weights as words, of products with the tables, of results. */
typedef struct room {
    word *k, *v, *q, *p;
    float *row, *near, *out;
} room;

typedef struct job {
    int64_t n, window, head;
} job;

static inline job job_of(const attend *s, int64_t i)
{
    int64_t heads = s->o.heads, windows = s->queries.windows;
    return (job){i / heads / windows, i / heads % windows, i % heads};
}

static inline fvi_token query_at(const attend *s, job j, int64_t t)
{
    return s->query[j.window * s->queries.tokens + t];
}

static inline fvi_token key_at(const attend *s, job j, int64_t t)
{
    return s->key[j.window * s->keys.tokens + t];
}

/* Where the head's channels of a token begin in q (0), k (1), v (2). */
static inline int64_t begin(const attend *s, job j, int which, int64_t t)
{
    int64_t at = which ? key_at(s, j, t).at : query_at(s, j, t).at;
    return (j.n * s->images[which] + at) * s->pitch[which] + j.head * s->d;
}

/* Distances along an axis with a table; 0: none. */
static inline int64_t rows_along(const attend *s, int a)
{
    bool there = s->o.position == FVI_POSITION_AXES && a >= 3 - s->rank;
    return there ? fvi_distances(s->keys.side[a]) : 0;
}

/* Floats, and where the parts begin for a thread. */
int64_t ISA(fvi_attention_room)(const attend *s, void *at, room *r);

/* Turns the tables of a call; they stand first in scratch. */
frame ISA(fvi_attention_open)(const attend *s, const fvi_call *c);

/* Tokens of k (1) or v (2) as the columns of what rows of a head's channels
 * are multiplied with; and as the rows of what rows of weights are. */
void ISA(fvi_attention_columns)(const frame *f, job j, int which, word *to);
void ISA(fvi_attention_rows)(const frame *f, job j, int which, word *to);

/* Scores of `rows` queries from t on, times log2(e), into row[ROWS][S]; those
 * of keys they do not see are -infinity. Leaves the queries in r->q, times
 * log2(e)/sqrt(d). */
void ISA(fvi_attention_score)(const frame *f, job j, int64_t t, int64_t rows,
                              const room *r, float *row);

/* The way back (not with words of two numbers): floats of scratch, and one
 * call. */
int64_t ISA(fvi_attention_way_back)(const attend *s);
void ISA(fvi_attention_backward)(const attend *s, const fvi_call *c);

/* `n` to a multiple. */
static inline int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Where token t of a window lies along its axes. */
static inline void split(const fvi_windows *w, int64_t t, int64_t at[3])
{
    at[2] = t % w->side[2];
    at[1] = t / w->side[2] % w->side[1];
    at[0] = t / w->side[2] / w->side[1];
}

/* Where the numbers for query t and the keys of row u, v begin. */
static inline int64_t first_number(const attend *s, int64_t t, int64_t u,
                                   int64_t v)
{
    const int64_t *side = s->keys.side;
    int64_t at[3];
    split(&s->keys, t, at);
    return ((side[0] - 1 - at[0] + u) * fvi_distances(side[1]) + side[1] - 1 -
            at[1] + v) *
               fvi_distances(side[2]) +
           side[2] - 1 - at[2];
}

/* All columns of the tables by axis. */
static inline int64_t all_wide(const attend *s)
{
    return s->wide[0] + s->wide[1] + s->wide[2];
}

#endif
