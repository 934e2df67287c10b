/*
 * Convolutions of images with few channels, which networks begin with. What
 * one row of the kernel covers lies side by side in the image, so each row of
 * the kernel is a 1x1 convolution of overlapping rows of numbers. There is no
 * gradient to the image.
 */
#include "backend/native/rows.h"
#include "base/base.h"

#include <omp.h>
#include <string.h>

enum { SLICES = 16, STRIP = 64, FEW = 4 };

typedef struct state {
    fvi_window w;
    fvi_rows rows; /* a part per kernel row; C: numbers under one */
    fvi_dims x, y;
    int64_t across, strips, slices, slice; /* strips per row of y, in all */
    int64_t line; /* numbers of x that one kernel row covers in a strip */
    int threads;
    bool bias;
    float *packed;
    size_t weights, per_thread, per_slice;
} state;

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    const fvi_window *w = p->attr;
    int64_t C = p->x[0].dim[p->x[0].ndim - 1];
    if (w->rank != 2 || C > FEW || w->kernel[1] > FVI_ROWS_PARTS ||
        w->dilation[2] != 1 || w->channels < 8)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own convolutions are 2-D: 3x3 with stride 1 from 8 "
                        "channels, 1x1, or undilated from an image of at most "
                        "%d channels",
                        FEW);
    if (p->train && (p->want & 1U))
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own convolution of few channels gives no gradient to "
                        "its input");
    if (fv_count(p->x[0]) == 0 || fv_count(p->y) == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    return FV_OK;
}

static void size_up(state *s, const fvi_problem *p, fvi_need *need)
{
    s->across = (s->y.W + STRIP - 1) / STRIP;
    s->strips = s->y.N * s->y.H * s->across;
    s->slice = (s->strips + SLICES - 1) / SLICES;
    s->slices = (s->strips + s->slice - 1) / s->slice;
    s->weights = fvi_rows_weights(&s->rows);
    s->line = (STRIP - 1) * s->w.stride[2] * s->x.C + s->rows.C;
    s->per_thread = (size_t)(s->rows.parts * s->line);
    s->per_slice =
        (size_t)((s->rows.parts * s->rows.C + 1) * fvi_rows_wide(s->rows.K));
    size_t most = p->train ? s->per_slice * (size_t)s->slices : 0;
    if (!(p->fixed & 2U) && s->weights > most)
        most = s->weights;
    need->scratch = (most + s->per_thread * (size_t)s->threads) * sizeof(float);
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **out)
{
    FV_TRY(check(ctx, p));
    state *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->w = *(const fvi_window *)p->attr;
    s->x = fvi_dims_of(p->x[0]);
    s->y = fvi_dims_of(p->y);
    s->rows = (fvi_rows){.C = s->w.kernel[2] * s->x.C,
                         .K = s->w.channels,
                         .parts = (int)s->w.kernel[1],
                         .act = s->w.act,
                         .slope = s->w.slope};
    s->threads = fv_threads(ctx);
    s->bias = p->nx > 2;
    size_up(s, p, need);
    fv_status status = FV_OK;
    if (p->fixed & 2U)
        status = fvi_native_pack(ctx, p, need, s->weights * sizeof(float),
                                 &s->packed);
    if (status != FV_OK) {
        fvi_free(ctx, s);
        return status;
    }
    if (s->packed)
        fvi_rows_pack_v4(&s->rows, p->x[1].data, false, s->packed, s->threads);
    *out = s;
    return FV_OK;
}

/* Output pixels of one strip: image n, row i, from column j on. */
typedef struct spot {
    int64_t n, i, j, count;
} spot;

static spot spot_of(const state *s, int64_t strip)
{
    int64_t row = strip / s->across, j = strip % s->across * STRIP;
    int64_t left = s->y.W - j;
    return (spot){row / s->y.H, row % s->y.H, j, left < STRIP ? left : STRIP};
}

static int64_t pixel_of(const state *s, spot at)
{
    return (at.n * s->y.H + at.i) * s->y.W + at.j;
}

/* What kernel row r covers, with the padding in place. */
static void lay_out_line(const state *s, spot at, int64_t r, const float *x,
                         float *to)
{
    const int64_t C = s->x.C, t = s->w.stride[2];
    int64_t i = at.i * s->w.stride[1] + r * s->w.dilation[1] - s->w.pad[1];
    int64_t n = s->w.kernel[2] + (at.count - 1) * t; /* pixels */
    int64_t j = at.j * t - s->w.pad[2], lo = j < 0 ? -j : 0;
    int64_t hi = s->x.W - j < n ? s->x.W - j : n;
    if (i < 0 || i >= s->x.H || hi <= lo) {
        memset(to, 0, (size_t)(n * C) * sizeof *to);
        return;
    }
    const float *line = x + ((at.n * s->x.H + i) * s->x.W + j) * C;
    memset(to, 0, (size_t)(lo * C) * sizeof *to);
    memcpy(to + lo * C, line + lo * C, (size_t)((hi - lo) * C) * sizeof *to);
    memset(to + hi * C, 0, (size_t)((n - hi) * C) * sizeof *to);
}

static void lay_out(const state *s, spot at, const float *x, float *to)
{
    for (int r = 0; r < s->rows.parts; r++)
        lay_out_line(s, at, r, x, to + r * s->line);
}

static float *own(const state *s, float *scratch)
{
    return scratch + s->per_thread * (size_t)omp_get_thread_num();
}

static void forward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    const float *bias = s->bias ? c->x[2].data : NULL;
    const int threads = fvi_native_threads(s->threads);
    float *y = c->y.data, *scratch = c->scratch, *u = s->packed;
    if (!u) {
        u = scratch;
        scratch += s->weights;
        fvi_rows_pack_v4(&s->rows, c->x[1].data, false, u, threads);
    }
    const bool past = fvi_rows_past(y, fv_count(c->y), s->rows.K);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < s->strips; i++) {
        spot at = spot_of(s, i);
        float *lines = own(s, scratch);
        lay_out(s, at, c->x[0].data, lines);
        fvi_strip strip = {.rows = at.count,
                           .from = s->w.stride[2] * s->x.C,
                           .y = y + pixel_of(s, at) * s->rows.K,
                           .to = s->rows.K,
                           .past = past};
        for (int r = 0; r < s->rows.parts; r++)
            strip.x[r] = lines + r * s->line;
        fvi_rows_run_v4(&s->rows, u, bias, &strip);
    }
}

/* Sums of one slice of strips: the weights', then the bias's. */
static void add_slice(const state *s, const fvi_call *c, int64_t slice,
                      float *lines, float *sum)
{
    const int64_t C = s->rows.C, K = s->rows.K, wide = fvi_rows_wide(K);
    const int64_t first = slice * s->slice, pitch = s->w.stride[2] * s->x.C;
    for (int64_t i = first; i < s->strips && i < first + s->slice; i++) {
        spot at = spot_of(s, i);
        const float *dy = (const float *)c->dy.data + pixel_of(s, at) * K;
        lay_out(s, at, c->x[0].data, lines);
        for (int r = 0; r < s->rows.parts; r++)
            fvi_rows_outer_v4(at.count, lines + r * s->line, C, pitch, dy, K, K,
                              i == first, sum + r * C * wide);
        fvi_rows_sum_v4(at.count, dy, K, K, i == first,
                        sum + s->rows.parts * C * wide);
    }
}

/* One row of results: the slices' sums, in order. */
static void join(const state *s, const float *part, bool fresh, float *y)
{
    for (int64_t k = 0; k < s->rows.K; k++) {
        float sum = fresh ? 0 : y[k];
        for (int64_t i = 0; i < s->slices; i++)
            sum += part[(size_t)i * s->per_slice + (size_t)k];
        y[k] = sum;
    }
}

static void backward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    const int64_t all = s->rows.parts * s->rows.C, K = s->rows.K;
    const int64_t wide = fvi_rows_wide(K);
    const int threads = fvi_native_threads(s->threads);
    float *part = c->scratch, *dw = c->dx[1].data;
    float *lines = part + s->per_slice * (size_t)s->slices;
    float *db = s->bias ? c->dx[2].data : NULL;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t i = 0; i < s->slices; i++)
        add_slice(s, c, i, own(s, lines), part + (size_t)i * s->per_slice);
    for (int64_t i = 0; dw && i < all; i++)
        join(s, part + i * wide, c->fresh & 2U, dw + i * K);
    if (db)
        join(s, part + all * wide, c->fresh & 4U, db);
}

static void release(fv_ctx *ctx, void *state_)
{
    state *s = state_;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

const fvi_kernel fvi_native_stem_v4 = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
