/*
 * Attention among the tokens t, s of a window, in one head of d channels:
 *   a[t,s] = q[t].k[s]/sqrt(d) + b[t,s]
 *   p[t,s] = exp(a[t,s]) / sum_u exp(a[t,u]),   y[t] = sum_s p[t,s] v[s]
 * where b is nothing; or the number of the table for the distance t - s and
 * the head; or, with a table R of vectors for each axis, the sum over the axes
 * of q[t].R[t - s]. With g = dL/dy and e = dL/da:
 *   e[t,s]   = p[t,s] (g[t].v[s] - sum_u p[t,u] g[t].v[u])
 *   dL/dv[s] = sum_t p[t,s] g[t],  dL/dk[s] = sum_t e[t,s] q[t]/sqrt(d)
 *   dL/dq[t] = sum_s e[t,s] (k[s]/sqrt(d) + R[t - s] + ...)
 *   dL/dR[i] = sum over t - s = i of e[t,s] q[t],  dL/db[i] likewise of e
 * Only one row of p is held at a time, in backward as in forward.
 */
#include "op/attention.h"
#include "backend/ref/sum.h"

#include <tgmath.h>

/* A call, unpacked. What a * stands at lies in scratch. */
typedef struct frame {
    const fvi_attention *o;
    int rank;
    fvi_windows queries, keys;
    int64_t N, d, jobs;
    const real *x[3]; /* q, k, v from their first channel              */
    real *dx[3];      /* NULL: unwanted                                */
    int64_t pitch[3]; /* channels of those tensors                     */
    fvi_token *at[2]; /* * [window][token] of queries and of keys      */
    real *row;        /* * [job][wide]: p, e, near                     */
    real *R[3];       /* * by axis: [distance][d]                      */
    double *sum;      /* * [job][table]: gradients of the tables       */
    int64_t wide, table;
    const real *bias; /* [distance][head], or NULL                     */
} frame;

/* Distances in the table of axis `a`; 0: there is none. */
static int64_t rows_of(const frame *f, int a)
{
    bool there = f->o->position == FVI_POSITION_AXES && a >= 3 - f->rank;
    return there ? fvi_distances(f->keys.side[a]) : 0;
}

static frame sizes(const fvi_ref_state *s)
{
    const fvi_attention *o = s->p.attr;
    frame f = {.o = o,
               .rank = s->x[0].ndim - 2,
               .queries = fvi_windows_of(o, s->x[0]),
               .keys = fvi_windows_of(o, s->x[1]),
               .N = s->x[0].dim[0],
               .d = o->channels / o->heads};
    f.jobs = f.N * f.queries.windows * o->heads;
    f.wide = 2 * f.keys.tokens;
    for (int a = 0; a < 3; a++) {
        f.wide += f.keys.side[a];
        f.table += rows_of(&f, a) * f.d;
    }
    if (o->position == FVI_POSITION_TABLE)
        f.table = fvi_distances_in(&f.keys);
    return f;
}

static int64_t places(const fvi_windows *w)
{
    return w->windows * w->tokens;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    const frame f = sizes(*state);
    const int64_t tokens = places(&f.queries) + places(&f.keys);
    const int64_t sums = p->train ? f.jobs * f.table : 0;
    need->scratch = (size_t)tokens * sizeof(fvi_token) +
                    (size_t)sums * sizeof(double) +
                    (size_t)(f.jobs * f.wide + f.table) * sizeof(real);
    return FV_OK;
}

static void list_tokens(const fvi_windows *w, fvi_token *to)
{
    FOR2 (b, w->windows, t, w->tokens)
        to[b * w->tokens + t] = fvi_token_of(w, b, t);
}

/* The vectors for every distance, from a table of any length. */
static void read_table(const frame *f, int a, fv_tensor table)
{
    const real *from = table.data;
    FOR (i, rows_of(f, a)) {
        fvi_between b = fvi_table_row(i, table.dim[0], rows_of(f, a));
        FOR (c, f->d)
            f->R[a][i * f->d + c] =
                (real)((1 - b.part) * (double)from[b.lo * f->d + c] +
                       b.part * (double)from[b.hi * f->d + c]);
    }
}

static frame open_frame(const fvi_ref_state *s, const fvi_call *c)
{
    frame f = sizes(s);
    for (int i = 0; i < 3; i++) {
        f.pitch[i] = s->x[i].dim[f.rank + 1];
        f.x[i] = (const real *)c->x[i].data + f.o->at[i];
    }
    f.at[0] = c->scratch;
    f.at[1] = f.at[0] + places(&f.queries);
    f.sum = (double *)(f.at[1] + places(&f.keys));
    f.row = (real *)(f.sum + (s->p.train ? f.jobs * f.table : 0));
    list_tokens(&f.queries, f.at[0]);
    list_tokens(&f.keys, f.at[1]);
    real *next = f.row + f.jobs * f.wide;
    for (int a = 0; a < 3; a++) {
        f.R[a] = next;
        next += rows_of(&f, a) * f.d;
        if (rows_of(&f, a))
            read_table(&f, a, c->x[a + f.rank]);
    }
    if (f.o->position == FVI_POSITION_TABLE)
        f.bias = c->x[3].data;
    return f;
}

/* ---- one head in one window of one image ---- */

typedef struct job {
    int64_t n, window, head;
    real *p, *e, *near[3]; /* of the row in work; near: q[t].R[t - s] */
    double *sum;
} job;

static job job_of(const frame *f, int64_t i)
{
    int64_t heads = f->o->heads, windows = f->queries.windows;
    job j = {.n = i / heads / windows,
             .window = i / heads % windows,
             .head = i % heads,
             .p = f->row + i * f->wide,
             .sum = f->sum + i * f->table};
    j.e = j.p + f->keys.tokens;
    j.near[0] = j.e + f->keys.tokens;
    j.near[1] = j.near[0] + f->keys.side[0];
    j.near[2] = j.near[1] + f->keys.side[1];
    return j;
}

static fvi_token token(const frame *f, const job *j, int which, int64_t t)
{
    const fvi_windows *w = which ? &f->keys : &f->queries;
    return f->at[which != 0][j->window * w->tokens + t];
}

/* Where the head's channels of token t begin in q (0), k (1) or v (2). */
static int64_t begin(const frame *f, const job *j, int which, int64_t t)
{
    int64_t tokens = places(which ? &f->keys : &f->queries);
    return (j->n * tokens + token(f, j, which, t).at) * f->pitch[which] +
           j->head * f->d;
}

static void split(const fvi_windows *w, int64_t t, int64_t at[3])
{
    at[2] = t % w->side[2];
    at[1] = t / w->side[2] % w->side[1];
    at[0] = t / w->side[2] / w->side[1];
}

/* t - s along axis `a`, counted from 0. */
static int64_t distance(const frame *f, int a, int64_t t, int64_t s)
{
    return t - s + f->keys.side[a] - 1;
}

static int64_t distance_in(const frame *f, const int64_t t[3],
                           const int64_t s[3])
{
    int64_t i = 0;
    for (int a = 0; a < 3; a++)
        i = i * fvi_distances(f->keys.side[a]) + distance(f, a, t[a], s[a]);
    return i;
}

/* a[t,s] += b[t,s] */
static void add_position(const frame *f, const job *j, int64_t t, real *a)
{
    const real *q = f->x[0] + begin(f, j, 0, t);
    const int64_t *side = f->keys.side;
    int64_t at[3];
    split(&f->keys, t, at);
    for (int x = 0; x < 3; x++)
        FOR (i, side[x])
            j->near[x][i] =
                rows_of(f, x)
                    ? fvi_dot(q, f->R[x] + distance(f, x, at[x], i) * f->d,
                              f->d)
                    : 0;
    FOR3 (u, side[0], v, side[1], w, side[2]) {
        const int64_t s[3] = {u, v, w};
        *a++ += f->bias ? f->bias[distance_in(f, at, s) * f->o->heads + j->head]
                        : j->near[0][u] + j->near[1][v] + j->near[2][w];
    }
}

/* p[t,s] for all s. */
static void weigh(const frame *f, const job *j, int64_t t)
{
    const int64_t S = f->keys.tokens;
    const real *q = f->x[0] + begin(f, j, 0, t);
    const real scale = (real)(1 / sqrt((double)f->d));
    const int part = token(f, j, 0, t).part;
    real *p = j->p, top = (real)-INFINITY;
    FOR (s, S)
        p[s] = scale * fvi_dot(q, f->x[1] + begin(f, j, 1, s), f->d);
    if (f->o->position != FVI_POSITION_NONE)
        add_position(f, j, t, p);
    FOR (s, S) {
        if (token(f, j, 1, s).part != part)
            p[s] = (real)-INFINITY;
        top = p[s] > top ? p[s] : top;
    }
    double sum = 0;
    FOR (s, S) {
        p[s] = exp(p[s] - top);
        sum += (double)p[s];
    }
    FOR (s, S)
        p[s] = (real)((double)p[s] / sum);
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const frame f = open_frame(s, c);
#pragma omp parallel for schedule(static)
    FOR (i, f.jobs) {
        const job j = job_of(&f, i);
        FOR (t, f.queries.tokens) {
            int64_t at = j.n * places(&f.queries) + token(&f, &j, 0, t).at;
            real *y = (real *)c->y.data + at * f.o->channels + j.head * f.d;
            weigh(&f, &j, t);
            memset(y, 0, (size_t)f.d * sizeof *y);
            FOR (u, f.keys.tokens) {
                const real *v = f.x[2] + begin(&f, &j, 2, u);
                FOR (k, f.d)
                    y[k] += j.p[u] * v[k];
            }
        }
    }
}

/* ---- backward ---- */

/* y += a x, unless y is unwanted. */
static void add_times(real *y, int64_t at, real a, const real *x, int64_t d)
{
    FOR (k, y ? d : 0)
        y[at + k] += a * x[k];
}

/* The gradients of b: into the sums of the tables, and dq. */
static void position_backward(const frame *f, const job *j, int64_t t)
{
    const real *q = f->x[0] + begin(f, j, 0, t);
    int64_t at[3], s[3];
    split(&f->keys, t, at);
    FOR (i, f->keys.tokens) {
        split(&f->keys, i, s);
        double *sum = j->sum;
        if (f->bias)
            sum[distance_in(f, at, s)] += (double)j->e[i];
        for (int x = 0; x < 3; x++) {
            int64_t row = distance(f, x, at[x], s[x]) * f->d;
            if (!rows_of(f, x))
                continue;
            FOR (k, f->d)
                sum[row + k] += (double)(j->e[i] * q[k]);
            add_times(f->dx[0], begin(f, j, 0, t), j->e[i], f->R[x] + row,
                      f->d);
            sum += rows_of(f, x) * f->d;
        }
    }
}

static void row_backward(const frame *f, const job *j, int64_t t, const real *g)
{
    const int64_t S = f->keys.tokens, q_at = begin(f, j, 0, t);
    const real scale = (real)(1 / sqrt((double)f->d));
    double mean = 0;
    weigh(f, j, t);
    FOR (s, S) {
        j->e[s] = fvi_dot(g, f->x[2] + begin(f, j, 2, s), f->d);
        mean += (double)j->p[s] * (double)j->e[s];
    }
    FOR (s, S) {
        const int64_t k_at = begin(f, j, 1, s);
        j->e[s] = j->p[s] * (j->e[s] - (real)mean);
        const real e = scale * j->e[s];
        add_times(f->dx[2], begin(f, j, 2, s), j->p[s], g, f->d);
        add_times(f->dx[1], k_at, e, f->x[0] + q_at, f->d);
        add_times(f->dx[0], q_at, e, f->x[1] + k_at, f->d);
    }
    if (f->o->position != FVI_POSITION_NONE)
        position_backward(f, j, t);
}

/* The sums of all jobs, in order, into the gradient of a table by axis. */
static void close_axis(const frame *f, int a, int64_t from, fv_tensor dR)
{
    real *to = dR.data;
    FOR2 (i, to ? rows_of(f, a) : 0, c, f->d) {
        fvi_between b = fvi_table_row(i, dR.dim[0], rows_of(f, a));
        double sum = 0;
        FOR (j, f->jobs)
            sum += f->sum[j * f->table + from + i * f->d + c];
        to[b.lo * f->d + c] += (real)((1 - b.part) * sum);
        to[b.hi * f->d + c] += (real)(b.part * sum);
    }
}

static void close_table(const frame *f, real *to)
{
    const int64_t heads = f->o->heads;
    FOR2 (i, to ? f->table : 0, head, heads) {
        double sum = 0;
        for (int64_t j = head; j < f->jobs; j += heads)
            sum += f->sum[j * f->table + i];
        to[i * heads + head] += (real)sum;
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    frame f = open_frame(s, c);
    for (int i = 0; i < 3; i++)
        f.dx[i] = c->dx[i].data ? (real *)c->dx[i].data + f.o->at[i] : NULL;
    memset(f.sum, 0, (size_t)(f.jobs * f.table) * sizeof *f.sum);
#pragma omp parallel for schedule(static)
    FOR (i, f.jobs) {
        const job j = job_of(&f, i);
        FOR (t, f.queries.tokens) {
            int64_t at = j.n * places(&f.queries) + token(&f, &j, 0, t).at;
            row_backward(&f, &j, t,
                         (const real *)c->dy.data + at * f.o->channels +
                             j.head * f.d);
        }
    }
    int64_t from = 0;
    for (int a = 0; a < 3; a++) {
        if (rows_of(&f, a))
            close_axis(&f, a, from, c->dx[a + f.rank]);
        from += rows_of(&f, a) * f.d;
    }
    if (f.bias)
        close_table(&f, c->dx[3].data);
}

const fvi_kernel REF(fvi_ref_attention) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
