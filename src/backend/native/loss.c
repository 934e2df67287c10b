/*
 * Losses and softmax: LANES positions at a time, their channels laid side by
 * side. Sums are taken over blocks of positions and added in order.
 *   y = sum w term / sum w
 */
#include "backend/native/curves.h"
#include "base/base.h"

#include <math.h>

enum { BLOCK = 1024, CLASSES = FVI_MAX_CLASSES };

typedef struct loss {
    int64_t M, K, blocks;
    bool weighted;
    fvi_class_weights classes;
} loss;

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    loss *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    s->K = p->x[0].dim[p->x[0].ndim - 1];
    s->M = s->K ? fv_count(p->x[0]) / s->K : 0;
    s->blocks = blocks_of(s->M, BLOCK);
    s->weighted = p->nx > 2;
    if (p->op == FVI_OP_cross_entropy)
        s->classes = *(const fvi_class_weights *)p->attr;
    need->keep = sizeof(double);
    need->scratch = (size_t)(2 * s->blocks + 2) * sizeof(double);
    *state = s;
    return FV_OK;
}

static fv_status prepare_classes(fv_ctx *ctx, const fvi_problem *p,
                                 fvi_need *need, void **state)
{
    int64_t K = p->x[0].dim[p->x[0].ndim - 1];
    if (p->op == FVI_OP_cross_entropy &&
        ((const fvi_class_weights *)p->attr)->smoothing > 0)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own cross-entropy does not smooth labels");
    if (K > CLASSES)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "own softmax is for at most %d channels, found %lld",
                        CLASSES, (long long)K);
    return prepare(ctx, p, need, state);
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* ---- positions side by side ---- */

/* n positions of x (n,K) as K vectors. */
static inline void spread(const float *x, int64_t K, int64_t n, vec *to)
{
    float side[CLASSES][LANES];
    for (int64_t k = 0; k < K; k++)
        for (int64_t l = 0; l < LANES; l++)
            side[k][l] = l < n ? x[l * K + k] : 0;
    for (int64_t k = 0; k < K; k++)
        to[k] = load(side[k]);
}

/* And back: y = or y +=. */
static inline void gather(float *y, int64_t K, int64_t n, const vec *from,
                          bool add)
{
    float side[CLASSES][LANES];
    for (int64_t k = 0; k < K; k++)
        store(side[k], from[k], false);
    for (int64_t l = 0; l < n; l++)
        for (int64_t k = 0; k < K; k++)
            y[l * K + k] = side[k][l] + (add ? y[l * K + k] : 0);
}

/* e = exp(x - top); returns their sum. */
static inline vec exponentials(const vec *x, int64_t K, vec *e, vec *top)
{
    vec sum = V(setzero_ps)();
    *top = all(-INFINITY);
    for (int64_t k = 0; k < K; k++)
        *top = V(max_ps)(*top, x[k]);
    for (int64_t k = 0; k < K; k++) {
        e[k] = exp_(x[k] - *top);
        sum += e[k];
    }
    return sum;
}

/* Adds the blocks' pairs of sums up; *y becomes their ratio. */
static void finish(const loss *s, double *part, float *y, double *mass)
{
    double sum = 0, weight = 0;
    for (int64_t b = 0; b < s->blocks; b++) {
        sum += part[2 * b];
        weight += part[2 * b + 1];
    }
    *mass = weight;
    *y = (float)(weight == 0 ? 0 : sum / weight);
}

static double lane_sum(vec x)
{
    double sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += (double)x[l];
    return sum;
}

/* ---- softmax ---- */

static void softmax_forward(void *state, const fvi_call *c)
{
    const loss *s = state;
    const float *x = c->x[0].data;
    float *y = c->y.data;
#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < s->M; m += LANES) {
        vec in[CLASSES], e[CLASSES], top;
        const int64_t n = least(LANES, s->M - m);
        spread(x + m * s->K, s->K, n, in);
        vec inv = all(1.0F) / exponentials(in, s->K, e, &top);
        for (int64_t k = 0; k < s->K; k++)
            e[k] *= inv;
        gather(y + m * s->K, s->K, n, e, false);
    }
}

static void softmax_backward(void *state, const fvi_call *c)
{
    const loss *s = state;
    const float *y = c->y.data, *dy = c->dy.data;
    float *dx = c->dx[0].data;
    const bool add = !(c->fresh & 1U);
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < s->M; m += LANES) {
        vec p[CLASSES], g[CLASSES], mean = V(setzero_ps)();
        const int64_t n = least(LANES, s->M - m);
        spread(y + m * s->K, s->K, n, p);
        spread(dy + m * s->K, s->K, n, g);
        for (int64_t k = 0; k < s->K; k++)
            mean += p[k] * g[k];
        for (int64_t k = 0; k < s->K; k++)
            g[k] = p[k] * (g[k] - mean);
        gather(dx + m * s->K, s->K, n, g, add);
    }
}

/* ---- cross-entropy ---- */

/* Classes and weights of n positions. Ignored ones weigh 0; a target that is
 * no class weighs NaN, so that the mistake is seen. */
static void classes_at(const loss *s, const fvi_call *c, int64_t m, int64_t n,
                       vec *class, vec *weight)
{
    const float *target = c->x[1].data;
    const float *given = s->weighted ? c->x[2].data : NULL;
    float t[LANES] = {0}, w[LANES] = {0};
    for (int64_t l = 0; l < n; l++) {
        float v = target[m + l];
        w[l] = given ? given[m + l] : 1;
        if (w[l] == 0 || v < 0) {
            w[l] = 0;
        } else if (!(v < (float)s->K)) {
            w[l] = NAN;
        } else {
            t[l] = (float)(int)v;
            w[l] *= s->classes.used ? s->classes.weight[(int)v] : 1;
        }
    }
    *class = load(t);
    *weight = load(w);
}

/* a where class is k, else 0 */
static inline vec where_class(vec class, int64_t k, vec a)
{
#ifdef __AVX512F__
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(class, all((float)k), _CMP_EQ_OQ), a);
#else
    return _mm256_and_ps(_mm256_cmp_ps(class, all((float)k), _CMP_EQ_OQ), a);
#endif
}

/* a where w is not 0 (NaN is not), else 0 */
static inline vec where_weight(vec w, vec a)
{
#ifdef __AVX512F__
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(w, _mm512_setzero_ps(), _CMP_NEQ_UQ), a);
#else
    return _mm256_and_ps(_mm256_cmp_ps(w, _mm256_setzero_ps(), _CMP_NEQ_UQ), a);
#endif
}

static void entropy_block(const loss *s, const fvi_call *c, int64_t b,
                          double part[2])
{
    const float *x = c->x[0].data;
    vec sum = V(setzero_ps)(), mass = V(setzero_ps)();
    const int64_t hi = least((b + 1) * BLOCK, s->M);
    for (int64_t m = b * BLOCK; m < hi; m += LANES) {
        vec in[CLASSES], e[CLASSES], top, class, w;
        const int64_t n = least(LANES, hi - m);
        spread(x + m * s->K, s->K, n, in);
        classes_at(s, c, m, n, &class, &w);
        vec term = log_(exponentials(in, s->K, e, &top)) + top;
        for (int64_t k = 0; k < s->K; k++)
            term -= where_class(class, k, in[k]);
        sum += where_weight(w, w * term);
        mass += w;
    }
    part[0] = lane_sum(sum);
    part[1] = lane_sum(mass);
}

static void cross_entropy_forward(void *state, const fvi_call *c)
{
    const loss *s = state;
    double *part = c->scratch;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < s->blocks; b++)
        entropy_block(s, c, b, part + 2 * b);
    finish(s, part, c->y.data, c->keep);
}

static void cross_entropy_backward(void *state, const fvi_call *c)
{
    const loss *s = state;
    const double mass = *(const double *)c->keep;
    const float g = *(const float *)c->dy.data;
    const vec unit = all(mass == 0 ? 0 : (float)((double)g / mass));
    const float *x = c->x[0].data;
    float *dx = c->dx[0].data;
    const bool add = !(c->fresh & 1U);
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t m = 0; m < s->M; m += LANES) {
        vec in[CLASSES], e[CLASSES], top, class, w;
        const int64_t n = least(LANES, s->M - m);
        spread(x + m * s->K, s->K, n, in);
        classes_at(s, c, m, n, &class, &w);
        vec inv = all(1.0F) / exponentials(in, s->K, e, &top);
        w *= unit;
        for (int64_t k = 0; k < s->K; k++) {
            vec d = e[k] * inv - where_class(class, k, all(1.0F));
            e[k] = where_weight(w, w * d);
        }
        gather(dx + m * s->K, s->K, n, e, add);
    }
}

/* ---- number with number ---- */

static inline vec magnitude(vec x)
{
    return V(max_ps)(x, V(setzero_ps)() - x);
}

static inline vec bce(vec z, vec t)
{
    vec e = exp_(V(setzero_ps)() - magnitude(z));
    return relu(z) - z * t + log1p_(e);
}

static inline vec bce_slope(vec z, vec t)
{
    return all(1.0F) / (all(1.0F) + exp_(V(setzero_ps)() - z)) - t;
}

static inline vec mse(vec x, vec t)
{
    return (x - t) * (x - t);
}

static inline vec mse_slope(vec x, vec t)
{
    return all(2.0F) * (x - t);
}

static inline vec mae(vec x, vec t)
{
    return magnitude(x - t);
}

static inline vec mae_slope(vec x, vec t)
{
    return where_positive(x - t, all(1.0F)) - where_positive(t - x, all(1.0F));
}

/* Weights of n numbers from number i on: those of their positions. */
static inline vec weights_at(const loss *s, const float *given, int64_t i,
                             int64_t n)
{
    float w[LANES] = {0};
    if (!given || s->K == 1) {
        if (given && n == LANES)
            return load(given + i);
        for (int64_t l = 0; l < n; l++)
            w[l] = given ? given[i + l] : 1;
        return load(w);
    }
    for (int64_t l = 0, m = i / s->K, k = i % s->K; l < n; l++) {
        w[l] = given[m];
        k++;
        m += k == s->K;
        k = k == s->K ? 0 : k;
    }
    return load(w);
}

static inline vec numbers_at(const float *x, int64_t n)
{
    return n == LANES ? load(x) : load_some(x, n);
}

#define LOSS(name)                                                            \
    static void name##_block(const loss *s, const fvi_call *c, int64_t b,     \
                             double part[2])                                  \
    {                                                                         \
        const float *x = c->x[0].data, *t = c->x[1].data;                     \
        const float *given = s->weighted ? c->x[2].data : NULL;               \
        const int64_t hi = least((b + 1) * BLOCK, s->M) * s->K;               \
        vec sum = V(setzero_ps)(), mass = sum;                                \
        for (int64_t i = b * BLOCK * s->K; i < hi; i += LANES) {              \
            const int64_t n = least(LANES, hi - i);                           \
            vec w = weights_at(s, given, i, n);                               \
            vec v = name(numbers_at(x + i, n), numbers_at(t + i, n));         \
            sum += where_weight(w, w * v);                                    \
            mass += w;                                                        \
        }                                                                     \
        part[0] = lane_sum(sum);                                              \
        part[1] = lane_sum(mass);                                             \
    }                                                                         \
    static void name##_forward(void *state, const fvi_call *c)                \
    {                                                                         \
        const loss *s = state;                                                \
        double *part = c->scratch;                                            \
        _Pragma("omp parallel for schedule(static)") for (int64_t b = 0;      \
                                                          b < s->blocks; b++) \
            name##_block(s, c, b, part + 2 * b);                              \
        finish(s, part, c->y.data, c->keep);                                  \
    }                                                                         \
    static void name##_backward(void *state, const fvi_call *c)               \
    {                                                                         \
        const loss *s = state;                                                \
        const double mass = *(const double *)c->keep;                         \
        const float g = *(const float *)c->dy.data;                           \
        const vec unit = all(mass == 0 ? 0 : (float)((double)g / mass));      \
        const float *x = c->x[0].data, *t = c->x[1].data;                     \
        const float *given = s->weighted ? c->x[2].data : NULL;               \
        const int64_t all_of = s->M * s->K;                                   \
        const bool add = !(c->fresh & 1U);                                    \
        float *dx = c->dx[0].data;                                            \
        if (!dx)                                                              \
            return;                                                           \
        _Pragma("omp parallel for schedule(static)") for (int64_t i = 0;      \
                                                          i < all_of;         \
                                                          i += LANES)         \
        {                                                                     \
            const int64_t n = least(LANES, all_of - i);                       \
            vec w = unit * weights_at(s, given, i, n);                        \
            vec v = name##_slope(numbers_at(x + i, n), numbers_at(t + i, n)); \
            put_some(dx + i, where_weight(w, w * v), n, add);                 \
        }                                                                     \
    }                                                                         \
    KERNEL(name, prepare)

#define KERNEL(name, first)                     \
    const fvi_kernel ISA(fvi_native_##name) = { \
        .prepare = first,                       \
        .forward = name##_forward,              \
        .backward = name##_backward,            \
        .release = release,                     \
        .fresh = true,                          \
    };

LOSS(bce)
LOSS(mse)
LOSS(mae)
KERNEL(cross_entropy, prepare_classes)
KERNEL(softmax, prepare_classes)
