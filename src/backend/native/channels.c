/* Joining channels and taking a range of them: rows are copied in parts. */
#include "backend/native/simd.h"
#include "base/base.h"

enum { ROWS = 256 };

typedef struct parts {
    int64_t M, A, B, C; /* rows; channels of a, of b (or taken), of all */
    int64_t lo;         /* first channel taken                          */
} parts;

static int64_t channels(fv_tensor t)
{
    return t.dim[t.ndim - 1];
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    parts *s = fvi_calloc(ctx, 1, sizeof *s);
    (void)need;
    if (!s)
        return FV_ENOMEM;
    s->A = channels(p->x[0]);
    s->M = s->A ? fv_count(p->x[0]) / s->A : 0;
    if (p->op == FVI_OP_concat) {
        s->B = channels(p->x[1]);
        s->C = s->A + s->B;
    } else {
        s->B = channels(p->y);
        s->C = s->A;
        s->lo = ((const fvi_slice *)p->attr)->lo;
    }
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* y = x or y += x for n channels of one row. */
static inline void copy_row(const float *x, float *y, int64_t n, bool add,
                            bool past)
{
    int64_t c = 0;
    for (; c + LANES <= n; c += LANES)
        put(y + c, load(x + c), add, past);
    for (; c < n; c++)
        y[c] = add ? y[c] + x[c] : x[c];
}

/* n channels of every row; rows are `from` and `to` numbers apart. */
static void copy_rows(const float *x, int64_t from, float *y, int64_t to,
                      int64_t n, int64_t M, bool add)
{
    const bool past = !add && write_past(y, M * to, to) && n % LANES == 0;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < M; b += ROWS) {
        for (int64_t m = b; m < least(b + ROWS, M); m++)
            copy_row(x + m * from, y + m * to, n, add, past);
        _mm_sfence();
    }
}

static void concat_forward(void *state, const fvi_call *c)
{
    const parts *s = state;
    const float *a = c->x[0].data, *b = c->x[1].data;
    float *y = c->y.data;
    const bool past = write_past(y, s->M * s->C, s->C) && s->A % LANES == 0;
#pragma omp parallel for schedule(static)
    for (int64_t block = 0; block < s->M; block += ROWS) {
        for (int64_t m = block; m < least(block + ROWS, s->M); m++) {
            copy_row(a + m * s->A, y + m * s->C, s->A, false, past);
            copy_row(b + m * s->B, y + m * s->C + s->A, s->B, false, past);
        }
        _mm_sfence();
    }
}

/* Both inputs in one go, unless they are the same value. */
static void concat_backward(void *state, const fvi_call *c)
{
    const parts *s = state;
    const float *dy = c->dy.data;
    float *da = c->dx[0].data, *db = c->dx[1].data;
    const bool add_a = !(c->fresh & 1U), add_b = !(c->fresh & 2U);
    if (!da || !db || da == db) {
        if (da)
            copy_rows(dy, s->C, da, s->A, s->A, s->M, add_a);
        if (db)
            copy_rows(dy + s->A, s->C, db, s->B, s->B, s->M, add_b || db == da);
        return;
    }
    const bool past_a = !add_a && write_past(da, s->M * s->A, s->A);
    const bool past_b = !add_b && write_past(db, s->M * s->B, s->B);
#pragma omp parallel for schedule(static)
    for (int64_t block = 0; block < s->M; block += ROWS) {
        for (int64_t m = block; m < least(block + ROWS, s->M); m++) {
            copy_row(dy + m * s->C, da + m * s->A, s->A, add_a, past_a);
            copy_row(dy + m * s->C + s->A, db + m * s->B, s->B, add_b, past_b);
        }
        _mm_sfence();
    }
}

static void slice_forward(void *state, const fvi_call *c)
{
    const parts *s = state;
    copy_rows((const float *)c->x[0].data + s->lo, s->C, c->y.data, s->B, s->B,
              s->M, false);
}

static void slice_backward(void *state, const fvi_call *c)
{
    const parts *s = state;
    float *dx = c->dx[0].data;
    if (!dx)
        return;
    if (c->fresh & 1U) {
#pragma omp parallel for schedule(static)
        for (int64_t m = 0; m < s->M; m++)
            memset(dx + m * s->C, 0, (size_t)s->C * sizeof *dx);
    }
    copy_rows(c->dy.data, s->B, dx + s->lo, s->C, s->B, s->M, true);
}

const fvi_kernel ISA(fvi_native_concat) = {
    .prepare = prepare,
    .forward = concat_forward,
    .backward = concat_backward,
    .release = release,
    .fresh = true,
};

const fvi_kernel ISA(fvi_native_slice) = {
    .prepare = prepare,
    .forward = slice_forward,
    .backward = slice_backward,
    .release = release,
    .fresh = true,
};
