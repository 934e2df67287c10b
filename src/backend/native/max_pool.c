/* The largest of 2x2 numbers, channel by channel; the gradient goes back to
 * the first of the largest. */
#include "backend/native/simd.h"
#include "base/base.h"

typedef struct pool {
    int64_t N, H, W, C, Ho, Wo;
} pool;

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const fvi_window *w = p->attr;
    (void)need;
    bool padded = w->pad[1] || w->pad[2] || w->tail[1] || w->tail[2];
    if (w->rank != 2 || w->kernel[1] != 2 || w->kernel[2] != 2 ||
        w->stride[1] != 2 || w->stride[2] != 2 || padded)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own pooling is for windows of 2x2 side by side "
                        "without padding; found %lldx%lld moved by %lld, "
                        "rank %d",
                        (long long)w->kernel[1], (long long)w->kernel[2],
                        (long long)w->stride[2], w->rank);
    pool *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    fvi_dims x = fvi_dims_of(p->x[0]), y = fvi_dims_of(p->y);
    *s = (pool){x.N, x.H, x.W, x.C, y.H, y.W};
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

static inline float larger(float a, float b)
{
    return b > a ? b : a;
}

/* One row of outputs from two rows of inputs. */
static void forward_row(const pool *s, const float *x, float *y)
{
    const int64_t C = s->C, down = s->W * C;
    for (int64_t j = 0; j < s->Wo; j++, x += 2 * C, y += C) {
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            vec top = V(max_ps)(load(x + c), load(x + C + c));
            vec low = V(max_ps)(load(x + down + c), load(x + down + C + c));
            V(storeu_ps)(y + c, V(max_ps)(top, low));
        }
        for (; c < C; c++)
            y[c] = larger(larger(x[c], x[C + c]),
                          larger(x[down + c], x[down + C + c]));
    }
}

static void forward(void *state, const fvi_call *call)
{
    const pool *s = state;
    const float *x = call->x[0].data;
    float *y = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t n = 0; n < s->N; n++)
        for (int64_t i = 0; i < s->Ho; i++)
            forward_row(s, x + (n * s->H + 2 * i) * s->W * s->C,
                        y + (n * s->Ho + i) * s->Wo * s->C);
}

/* g where x is `top`, which is then taken: set to NaN, equal to nothing. */
static inline vec claim(vec x, vec *top, vec g)
{
#ifdef __AVX512F__
    __mmask16 here = _mm512_cmp_ps_mask(x, *top, _CMP_EQ_OQ);
    *top = _mm512_mask_mov_ps(*top, here, all(__builtin_nanf("")));
    return _mm512_maskz_mov_ps(here, g);
#else
    __m256 here = _mm256_cmp_ps(x, *top, _CMP_EQ_OQ);
    *top = _mm256_or_ps(*top, here);
    return _mm256_and_ps(here, g);
#endif
}

static void backward_vector(const float *x, const float *dy, float *dx,
                            const int64_t at[4], bool add)
{
    vec v[4], g = load(dy);
    for (int k = 0; k < 4; k++)
        v[k] = load(x + at[k]);
    vec top = V(max_ps)(V(max_ps)(v[0], v[1]), V(max_ps)(v[2], v[3]));
    for (int k = 0; k < 4; k++)
        put(dx + at[k], claim(v[k], &top, g), add, false);
}

static void backward_single(const float *x, float g, float *dx,
                            const int64_t at[4], bool add)
{
    int best = 0;
    for (int k = 1; k < 4; k++)
        if (x[at[k]] > x[at[best]])
            best = k;
    for (int k = 0; k < 4; k++) {
        float d = k == best ? g : 0;
        dx[at[k]] = add ? dx[at[k]] + d : d;
    }
}

static void backward_row(const pool *s, const float *x, const float *dy,
                         float *dx, bool add)
{
    const int64_t C = s->C, down = s->W * C;
    const int64_t at[4] = {0, C, down, down + C};
    for (int64_t j = 0; j < s->Wo; j++, x += 2 * C, dx += 2 * C, dy += C) {
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES)
            backward_vector(x + c, dy + c, dx + c, at, add);
        for (; c < C; c++)
            backward_single(x + c, dy[c], dx + c, at, add);
    }
}

/* Pixels no window covers, when the sides are odd. */
static void clear_edges(const pool *s, float *dx)
{
    const int64_t row = s->W * s->C;
    for (int64_t r = 0; r < s->N * s->H; r++) {
        int64_t from = r % s->H < 2 * s->Ho ? 2 * s->Wo * s->C : 0;
        memset(dx + r * row + from, 0, (size_t)(row - from) * sizeof *dx);
    }
}

static void backward(void *state, const fvi_call *call)
{
    const pool *s = state;
    const float *x = call->x[0].data, *dy = call->dy.data;
    float *dx = call->dx[0].data;
    const bool add = !(call->fresh & 1U);
    if (!dx)
        return;
    if (!add && (s->H % 2 || s->W % 2))
        clear_edges(s, dx);
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t n = 0; n < s->N; n++)
        for (int64_t i = 0; i < s->Ho; i++) {
            int64_t at = (n * s->H + 2 * i) * s->W * s->C;
            backward_row(s, x + at, dy + (n * s->Ho + i) * s->Wo * s->C,
                         dx + at, add);
        }
}

const fvi_kernel ISA(fvi_native_max_pool) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .fresh = true,
};
