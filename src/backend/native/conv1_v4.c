/*
 * 1x1 convolutions, and transposed convolutions whose stride is the side of
 * their kernel: every pixel of one tensor meets a square of t x t pixels of
 * the other (t = 1 for 1x1), each through a matrix of its own.
 *   x: the coarse tensor (N,H,W,C); y: the fine one (N,tH,tW,K)
 */
#include "backend/native/rows.h"
#include "base/base.h"

#include <omp.h>

enum { SLICES = 16, STRIP = 512, NEAR = 1 << 20 };

typedef struct state {
    fvi_rows there, back; /* back: dx from dy, as many parts as taps */
    int64_t N, H, W, C, K, t;
    int64_t strips, strip; /* strips of coarse rows; rows of one     */
    int64_t slices, slice; /* slices of strips to sum; strips of one */
    bool train, bias;
    float *packed;
    size_t weights_there, weights_back, per_tap;
} state;

static fv_status check(fv_ctx *ctx, const fvi_problem *p, bool transposed)
{
    const fvi_window *w = p->attr;
    int64_t t = transposed ? w->stride[1] : 1;
    bool fits = w->rank == 2 && t * t <= FVI_ROWS_PARTS;
    for (int a = 1; a < 3; a++)
        fits = fits && w->kernel[a] == t && w->stride[a] == t &&
               w->pad[a] == 0 && (t == 1 || w->dilation[a] == 1);
    if (!fits)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own convolutions are 2-D: 3x3 with stride 1, 1x1, or "
                        "transposed with stride = kernel; found rank %d, "
                        "kernel %lldx%lld, stride %lld",
                        w->rank, (long long)w->kernel[1],
                        (long long)w->kernel[2], (long long)w->stride[2]);
    if (!transposed && p->x[0].dim[3] >= 128 && w->channels >= 128)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own 1x1 convolution is a tenth slower than oneDNN "
                        "from 128 channels; found %lld to %lld",
                        (long long)p->x[0].dim[3], (long long)w->channels);
    if (fv_count(p->x[0]) == 0 || fv_count(p->y) == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    return FV_OK;
}

/* With t = 1 all pixels are one long row, cut into strips; otherwise a strip
 * is a row of the coarse image. */
static void cut(state *s)
{
    int64_t pixels = s->N * s->H * s->W;
    s->strip = s->t == 1 ? STRIP : s->W;
    s->strips = (pixels + s->strip - 1) / s->strip;
}

static fvi_rows rows_of(int64_t C, int64_t K, int64_t parts)
{
    return (fvi_rows){.C = C, .K = K, .parts = (int)parts};
}

/* Few outputs: in the weight gradient vectors run over the inputs instead,
 * and the sums lie turned. */
static bool turned(const state *s)
{
    return s->K < 16 && s->C > s->K;
}

/* Floats of the sums of one tap, and where (c, k) lies in them. */
static int64_t tap_size(const state *s)
{
    return turned(s) ? s->K * fvi_rows_wide(s->C) : s->C * fvi_rows_wide(s->K);
}

static int64_t place(const state *s, int64_t c, int64_t k)
{
    return turned(s) ? k * fvi_rows_wide(s->C) + c
                     : c * fvi_rows_wide(s->K) + k;
}

/* The sums over pixels are cut into slices; fewer, when the sums of all of
 * them would not stay near. */
static void slice(state *s)
{
    s->per_tap = (size_t)(tap_size(s) + fvi_rows_wide(s->K));
    int64_t slices = NEAR / (int64_t)(s->per_tap * (size_t)(s->t * s->t));
    slices = slices < 2 ? 2 : slices > SLICES ? SLICES : slices;
    s->slice = (s->strips + slices - 1) / slices;
    s->slices = (s->strips + s->slice - 1) / s->slice;
}

static void size_up(state *s, const fvi_problem *p, fvi_need *need)
{
    size_t taps = (size_t)(s->t * s->t);
    s->weights_there = taps * fvi_rows_weights(&s->there);
    s->weights_back = fvi_rows_weights(&s->back);
    size_t most = p->fixed & 2U ? 0 : s->weights_there;
    if (p->train) {
        size_t gradient = s->per_tap * taps * (size_t)s->slices;
        most = s->weights_back > most ? s->weights_back : most;
        most = gradient > most ? gradient : most;
    }
    need->scratch = most * sizeof(float);
}

static void pack(const state *s, const float *w, float *u, int threads)
{
    size_t each = fvi_rows_weights(&s->there);
    for (int64_t tap = 0; tap < s->t * s->t; tap++)
        fvi_rows_pack_v4(&s->there, w + tap * s->C * s->K, false,
                         u + (size_t)tap * each, threads);
}

static fv_status make(fv_ctx *ctx, const fvi_problem *p, int64_t t,
                      fvi_need *need, void **out)
{
    const fvi_window *w = p->attr;
    const int64_t *x = p->x[0].dim;
    state *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    *s = (state){.N = x[0], .H = x[1], .W = x[2], .C = x[3], .t = t};
    s->K = w->channels;
    s->train = p->train;
    s->bias = p->nx > 2;
    s->there = rows_of(s->C, s->K, 1);
    s->there.act = w->act;
    s->there.slope = w->slope;
    s->back = rows_of(s->K, s->C, t * t);
    cut(s);
    slice(s);
    size_up(s, p, need);
    fv_status status = FV_OK;
    if (p->fixed & 2U)
        status = fvi_native_pack(ctx, p, need, s->weights_there * sizeof(float),
                                 &s->packed);
    if (status != FV_OK) {
        fvi_free(ctx, s);
        return status;
    }
    if (s->packed)
        pack(s, p->x[1].data, s->packed, fv_threads(ctx));
    *out = s;
    return FV_OK;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **out)
{
    FV_TRY(check(ctx, p, false));
    return make(ctx, p, 1, need, out);
}

static fv_status prepare_transposed(fv_ctx *ctx, const fvi_problem *p,
                                    fvi_need *need, void **out)
{
    const fvi_window *w = p->attr;
    FV_TRY(check(ctx, p, true));
    return make(ctx, p, w->stride[1], need, out);
}

/* Coarse rows of strip i. */
static int64_t rows_in(const state *s, int64_t i)
{
    int64_t left = s->N * s->H * s->W - i * s->strip;
    return left < s->strip ? left : s->strip;
}

/* Where the fine pixels that strip i meets through `tap` begin; they lie
 * t pixels apart. */
static int64_t fine(const state *s, int64_t i, int64_t tap)
{
    if (s->t == 1)
        return i * s->strip;
    return (i * s->t + tap / s->t) * s->W * s->t + tap % s->t;
}

static void forward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    const float *u = s->packed, *x = c->x[0].data;
    const float *bias = s->bias ? c->x[2].data : NULL;
    float *y = c->y.data;
    const int64_t taps = s->t * s->t;
    const size_t each = s->weights_there / (size_t)taps;
    if (!u) {
        pack(s, c->x[1].data, c->scratch, omp_get_max_threads());
        u = c->scratch;
    }
    const bool past = fvi_rows_past(y, fv_count(c->y), s->K);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s->strips; i++)
        for (int64_t tap = 0; tap < taps; tap++) {
            fvi_strip strip = {.rows = rows_in(s, i),
                               .x = {x + i * s->strip * s->C},
                               .from = s->C,
                               .y = y + fine(s, i, tap) * s->K,
                               .to = s->t * s->K,
                               .past = past};
            fvi_rows_run_v4(&s->there, u + (size_t)tap * each, bias, &strip);
        }
}

static void backward_input(const state *s, const fvi_call *c)
{
    const float *dy = c->dy.data;
    float *dx = c->dx[0].data, *u = c->scratch;
    fvi_rows_pack_v4(&s->back, c->x[1].data, true, u, omp_get_max_threads());
    const bool add = !(c->fresh & 1U);
    const bool past = !add && fvi_rows_past(dx, fv_count(c->dx[0]), s->C);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s->strips; i++) {
        fvi_strip strip = {.rows = rows_in(s, i),
                           .from = s->t * s->K,
                           .y = dx + i * s->strip * s->C,
                           .to = s->C,
                           .add = add,
                           .past = past};
        for (int64_t tap = 0; tap < s->t * s->t; tap++)
            strip.x[tap] = dy + fine(s, i, tap) * s->K;
        fvi_rows_run_v4(&s->back, u, NULL, &strip);
    }
}

/* Sums of one slice and tap: the weights', then the bias's. */
static void add_slice(const state *s, const fvi_call *c, int64_t slice,
                      int64_t tap, float *sum)
{
    const int64_t pitch = s->t * s->K, first = slice * s->slice;
    float *db = sum + tap_size(s);
    for (int64_t i = first; i < s->strips && i < first + s->slice; i++) {
        const float *x = (const float *)c->x[0].data + i * s->strip * s->C;
        const float *dy = (const float *)c->dy.data + fine(s, i, tap) * s->K;
        const int64_t rows = rows_in(s, i);
        if (turned(s))
            fvi_rows_outer_v4(rows, dy, s->K, pitch, x, s->C, s->C, i == first,
                              sum);
        else
            fvi_rows_outer_v4(rows, x, s->C, s->C, dy, s->K, pitch, i == first,
                              sum);
        fvi_rows_sum_v4(rows, dy, s->K, pitch, i == first, db);
    }
}

/* y += or = the parts, in order. */
static void join(const float *part, size_t step, int64_t parts, bool fresh,
                 float *y)
{
    float sum = fresh ? 0 : *y;
    for (int64_t i = 0; i < parts; i++)
        sum += part[(size_t)i * step];
    *y = sum;
}

static void backward_weight(const state *s, const fvi_call *c)
{
    float *part = c->scratch, *dw = c->dx[1].data;
    float *db = s->bias ? c->dx[2].data : NULL;
    const int64_t taps = s->t * s->t, C = s->C, K = s->K;
    const size_t step = s->per_tap * (size_t)taps;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < s->slices * taps; i++)
        add_slice(s, c, i / taps, i % taps, part + (size_t)i * s->per_tap);
#pragma omp parallel for schedule(static)
    for (int64_t tc = 0; tc < (dw ? taps * C : 0); tc++)
        for (int64_t k = 0; k < K; k++)
            join(part + (size_t)(tc / C) * s->per_tap + place(s, tc % C, k),
                 step, s->slices, c->fresh & 2U, dw + tc * K + k);
    for (int64_t k = 0; db && k < K; k++)
        join(part + tap_size(s) + k, s->per_tap, s->slices * taps,
             c->fresh & 4U, db + k);
}

static void backward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    if (c->dx[1].data || (s->bias && c->dx[2].data))
        backward_weight(s, c);
    if (c->dx[0].data)
        backward_input(s, c);
}

static void release(fv_ctx *ctx, void *state_)
{
    state *s = state_;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

const fvi_kernel fvi_native_conv1_v4 = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};

const fvi_kernel fvi_native_conv_transposed_v4 = {
    .prepare = prepare_transposed,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
