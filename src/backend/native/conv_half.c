/* Convolution whose products are of bf16 numbers: the kernels' rows. */
#include "backend/native/conv_half.h"
#include "base/base.h"

typedef struct state {
    fvi_conv_half there, back; /* y from x, dx from dy */
    bool train, bias, fixed;   /* fixed: constant weights */
    int threads;
    uint16_t *packed; /* those in tiles, unless it is a dry plan */
    size_t weights_there, weights_back; /* floats */
} state;

enum { FEW = 16, MOST = 15 };

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    const fvi_window *w = p->attr;
    if (!p->half)
        return fvi_fail(ctx, FV_ENOTSUP, "bf16 is not wanted");
    if (!__builtin_cpu_supports("avx512bf16"))
        return fvi_fail(ctx, FV_ENOTSUP, "the processor has no AVX512-BF16");
    bool fits = w->rank == 2;
    for (int a = 1; a < 3; a++)
        fits = fits && w->kernel[a] <= MOST && w->stride[a] == 1 &&
               w->pad[a] <= (w->kernel[a] - 1) * w->dilation[a];
    if (!fits || p->x[0].dim[3] < FEW || w->channels < FEW)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "convolution in bf16 is 2-D, with stride 1, from %d "
                        "channels, and padded by less than the kernel",
                        FEW);
    if (fv_count(p->x[0]) == 0 || fv_count(p->y) == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    return FV_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats of scratch: weights not packed beforehand, then the bands. */
static size_t scratch_of(const state *s)
{
    size_t forward = (s->fixed ? 0 : s->weights_there) +
                     fvi_conv_half_scratch(&s->there, s->threads);
    if (!s->train)
        return forward;
    size_t back = s->weights_back + fvi_conv_half_scratch(&s->back, s->threads);
    return larger(larger(forward, back),
                  fvi_conv_half_gradient_scratch(&s->there, s->threads));
}

/* For y, or for the way back: padded by the rest of the kernel. */
static fvi_axis axis_of(const fvi_window *w, int a, int64_t size, bool back)
{
    fvi_axis axis = {size, w->kernel[a], w->dilation[a], w->pad[a]};
    if (back)
        axis.pad = fvi_reach(&axis) - axis.pad;
    return axis;
}

static void size_up(state *s, const fvi_problem *p, const fvi_tiler *tiler)
{
    const fvi_window *w = p->attr;
    const int64_t *x = p->x[0].dim;
    s->there = fvi_conv_half_of(x[0], axis_of(w, 1, x[1], false),
                                axis_of(w, 2, x[2], false), x[3], w->channels,
                                s->threads);
    s->there.tiler = tiler;
    s->there.act = w->act;
    s->there.slope = w->slope;
    s->back = fvi_conv_half_of(x[0], axis_of(w, 1, s->there.Ho, true),
                               axis_of(w, 2, s->there.Wo, true), w->channels,
                               x[3], s->threads);
    s->back.tiler = tiler;
    s->weights_there = fvi_conv_half_weights(&s->there) / 2;
    s->weights_back = fvi_conv_half_weights(&s->back) / 2;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **out, const fvi_tiler *tiler)
{
    state *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->train = p->train;
    s->bias = p->nx > 2;
    s->threads = fv_threads(ctx);
    size_up(s, p, tiler);
    s->fixed = !p->train && (p->fixed & 2U);
    float *room = NULL;
    if (s->fixed &&
        fvi_native_pack(ctx, p, need, s->weights_there * 4, &room)) {
        fvi_free(ctx, s);
        return FV_ENOMEM;
    }
    s->packed = (uint16_t *)room;
    if (room)
        fvi_conv_half_pack(&s->there, p->x[1].data, false, s->packed,
                           s->threads);
    need->scratch = scratch_of(s) * sizeof(float);
    need->half = true;
    *out = s;
    return FV_OK;
}

static fv_status prepare_amx(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                             void **out)
{
    FV_TRY(check(ctx, p));
    FV_TRY(fvi_amx_open(ctx));
    return prepare(ctx, p, need, out, &fvi_tiler_amx);
}

static fv_status prepare_any(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                             void **out)
{
    FV_TRY(check(ctx, p));
    return prepare(ctx, p, need, out, &fvi_tiler_v4_half);
}

/* Without AMX a processor by AMD multiplies bf16 numbers twice as fast as
 * floats, others do not; Winograd's method saves more than that. */
static fv_status prepare_half(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                              void **out)
{
    const fvi_window *w = p->attr;
    bool three = true;
    for (int a = 1; a < 3; a++)
        three =
            three && w->kernel[a] == 3 && w->dilation[a] == 1 && w->pad[a] <= 1;
    if (!__builtin_cpu_is("amd") || three)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "without AMX %s in f32 are faster than in bf16",
                        three ? "3x3 convolutions" : "convolutions");
    return prepare_any(ctx, p, need, out);
}

static void forward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    int threads = fvi_native_threads(s->threads);
    float *scratch = c->scratch;
    uint16_t *w = s->packed;
    if (!w) {
        w = c->scratch;
        fvi_conv_half_pack(&s->there, c->x[1].data, false, w, threads);
        scratch += s->weights_there;
    }
    fvi_conv_half_run(&s->there, c->x[0].data, w, s->bias ? c->x[2].data : NULL,
                      c->y.data, false, scratch, threads);
}

static void backward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    int threads = fvi_native_threads(s->threads);
    float *db = s->bias ? c->dx[2].data : NULL, *scratch = c->scratch;
    if (c->dx[1].data || db)
        fvi_conv_half_gradient(&s->there, c->x[0].data, c->dy.data,
                               c->dx[1].data, db, c->fresh & 2U, c->fresh & 4U,
                               scratch, threads);
    if (c->dx[0].data) {
        uint16_t *w = c->scratch;
        fvi_conv_half_pack(&s->back, c->x[1].data, true, w, threads);
        fvi_conv_half_run(&s->back, c->dy.data, w, NULL, c->dx[0].data,
                          !(c->fresh & 1U), scratch + s->weights_back, threads);
    }
}

static void release(fv_ctx *ctx, void *state_)
{
    state *s = state_;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

#define CONV(prepare_)                                                 \
    {                                                                  \
        .prepare = prepare_, .forward = forward, .backward = backward, \
        .release = release, .fresh = true,                             \
    }
const fvi_kernel fvi_native_conv_amx = CONV(prepare_amx);
const fvi_kernel fvi_native_conv_v4_half = CONV(prepare_half);
const fvi_kernel fvi_native_conv_v4_half_any = CONV(prepare_any);
