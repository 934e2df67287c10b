/* Convolution by own kernels: 3x3 in two dimensions by Winograd's method. */
#include "backend/native/winograd.h"
#include "base/base.h"

typedef struct state {
    fvi_wino there, back;    /* y from x, dx from dy */
    bool train, bias, fixed; /* fixed: weights are packed beforehand */
    int threads;
    float *packed; /* constant weights, transformed; else NULL */
    size_t weights_there, weights_back;
} state;

static fv_status check(fv_ctx *ctx, const fvi_problem *p)
{
    const fvi_window *w = p->attr;
    if (w->rank != 2)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own convolution is for 2 spatial "
                        "axes, this one has %d",
                        w->rank);
    for (int a = 1; a < 3; a++)
        if (w->kernel[a] != 3 || w->stride[a] != 1 || w->dilation[a] != 1 ||
            w->pad[a] > 1 || w->pad[1] != w->pad[2])
            return fvi_fail(ctx, FV_ENOTSUP,
                            "own convolution is for kernel 3, stride 1, "
                            "dilation 1; found %lld, %lld, %lld",
                            (long long)w->kernel[a], (long long)w->stride[a],
                            (long long)w->dilation[a]);
    if (p->x[0].dim[3] < 8 || w->channels < 8)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own convolution pays from 8 channels, found %lld "
                        "to %lld",
                        (long long)p->x[0].dim[3], (long long)w->channels);
    if (fv_count(p->x[0]) == 0 || fv_count(p->y) == 0)
        return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    return FV_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats of scratch: weights not packed beforehand, then the blocks. */
static size_t scratch_of(const state *s)
{
    size_t threads = (size_t)s->threads;
    size_t forward = (s->fixed ? 0 : s->weights_there) +
                     threads * fvi_wino_scratch(&s->there);
    if (!s->train)
        return forward;
    size_t back = s->weights_back + threads * fvi_wino_scratch(&s->back);
    return larger(larger(forward, back),
                  fvi_wino_gradient_scratch(&s->there, s->threads));
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **out)
{
    FV_TRY(check(ctx, p));
    const fvi_window *w = p->attr;
    const int64_t *x = p->x[0].dim;
    state *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->there = fvi_wino_of(x[0], x[1], x[2], x[3], w->channels, w->pad[1]);
    s->there.act = w->act;
    s->there.slope = w->slope;
    s->back = fvi_wino_of(x[0], s->there.Ho, s->there.Wo, w->channels, x[3],
                          2 - w->pad[1]);
    s->train = p->train;
    s->bias = p->nx > 2;
    s->threads = fv_threads(ctx);
    s->weights_there = fvi_wino_weights(&s->there);
    s->weights_back = fvi_wino_weights(&s->back);
    s->fixed = !p->train && (p->fixed & 2U);
    fv_status status = FV_OK;
    if (s->fixed)
        status = fvi_native_pack(ctx, p, need, s->weights_there * sizeof(float),
                                 &s->packed);
    if (status != FV_OK) {
        fvi_free(ctx, s);
        return status;
    }
    if (s->packed)
        fvi_wino_pack_v4(&s->there, p->x[1].data, s->packed, s->threads);
    need->scratch = scratch_of(s) * sizeof(float);
    *out = s;
    return FV_OK;
}

static void forward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    int threads = fvi_native_threads(s->threads);
    float *scratch = c->scratch;
    const float *u = s->packed;
    if (!u) {
        fvi_wino_pack_v4(&s->there, c->x[1].data, scratch, threads);
        u = scratch;
        scratch += s->weights_there;
    }
    fvi_wino_run_v4(&s->there, c->x[0].data, u, s->bias ? c->x[2].data : NULL,
                    c->y.data, false, scratch, threads);
}

static void zero(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = 0;
}

static void backward_weight(const state *s, const fvi_call *c, int threads)
{
    float *db = s->bias ? c->dx[2].data : NULL;
    if (c->dx[1].data && (c->fresh & 2U))
        zero(c->dx[1].data, fv_count(c->dx[1]));
    if (db && (c->fresh & 4U))
        zero(db, s->there.K);
    fvi_wino_gradient_v4(&s->there, c->x[0].data, c->dy.data, c->dx[1].data, db,
                         c->scratch, threads);
}

static void backward(void *state_, const fvi_call *c)
{
    const state *s = state_;
    int threads = fvi_native_threads(s->threads);
    if (c->dx[1].data || (s->bias && c->dx[2].data))
        backward_weight(s, c, threads);
    if (c->dx[0].data) {
        float *u = c->scratch;
        fvi_wino_pack_turned_v4(&s->back, c->x[1].data, u, threads);
        fvi_wino_run_v4(&s->back, c->dy.data, u, NULL, c->dx[0].data,
                        !(c->fresh & 1U), u + s->weights_back, threads);
    }
}

static void release(fv_ctx *ctx, void *state_)
{
    state *s = state_;
    fvi_free(ctx, s->packed);
    fvi_free(ctx, s);
}

const fvi_kernel fvi_native_conv3_v4 = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
