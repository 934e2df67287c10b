/* Element by element: activations, sum, multiple. Each is one line of the
 * lists below: y from x, and the slope dy/dx from the tensor that was kept. */
#include "backend/native/gelu.h"

#include "base/base.h"

typedef struct numbers {
    int64_t n;
    float a; /* slope or factor */
} numbers;

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    numbers *s = fvi_calloc(ctx, 1, sizeof *s);
    (void)need;
    if (!s)
        return FV_ENOMEM;
    s->n = fv_count(p->y);
    s->a = p->attr ? ((const fvi_number *)p->attr)->value : 0;
    *state = s;
    return FV_OK;
}

static void release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}

/* One block of y = f(x) or y += f(x); f is an expression of u and v, the
 * numbers of two tensors, and of a. */
#define BLOCK_OF(f)                                   \
    int64_t i = lo;                                   \
    for (; i + LANES <= hi; i += LANES) {             \
        const vec u = load(us + i), v = load(vs + i); \
        (void)u, (void)v;                             \
        put(y + i, (f), add, past);                   \
    }                                                 \
    if (i < hi) {                                     \
        const vec u = load_some(us + i, hi - i);      \
        const vec v = load_some(vs + i, hi - i);      \
        (void)u, (void)v;                             \
        put_some(y + i, (f), hi - i, add);            \
    }

#define LOOP(name, f)                                                          \
    static void name(const float *us, const float *vs, float *y, int64_t n,    \
                     float number, bool add)                                   \
    {                                                                          \
        const bool past = !add && write_past(y, n, LANES);                     \
        const vec a = all(number);                                             \
        (void)a;                                                               \
        _Pragma("omp parallel for schedule(static)") for (int64_t b = 0;       \
                                                          b < n; b += NUMBERS) \
        {                                                                      \
            const int64_t lo = b, hi = least(b + NUMBERS, n);                  \
            BLOCK_OF(f)                                                        \
            _mm_sfence();                                                      \
        }                                                                      \
    }

#define ACTIVATION(name, value, kept, slope)                                  \
    LOOP(name##_value, value)                                                 \
    LOOP(name##_slope, v *(slope))                                            \
    static void name##_forward(void *state, const fvi_call *c)                \
    {                                                                         \
        const numbers *s = state;                                             \
        name##_value(c->x[0].data, c->x[0].data, c->y.data, s->n, s->a,       \
                     false);                                                  \
    }                                                                         \
    static void name##_backward(void *state, const fvi_call *c)               \
    {                                                                         \
        const numbers *s = state;                                             \
        if (c->dx[0].data)                                                    \
            name##_slope(c->kept.data, c->dy.data, c->dx[0].data, s->n, s->a, \
                         !(c->fresh & 1U));                                   \
    }                                                                         \
    KERNEL(name)

#define KERNEL(name)                            \
    const fvi_kernel ISA(fvi_native_##name) = { \
        .prepare = prepare,                     \
        .forward = name##_forward,              \
        .backward = name##_backward,            \
        .release = release,                     \
        .fresh = true,                          \
    };

/* x where y > 0, else a x */
static inline vec leak(vec y, vec x, vec a)
{
    vec passed = where_positive(y, x);
    return passed + a * (x - passed);
}

static inline vec sigmoid(vec x)
{
    return all(1.0F) / (all(1.0F) + exp_(V(setzero_ps)() - x));
}

static inline vec slope_of_gelu(vec x)
{
    const vec b = bell(x);
    return Phi(x, b) + x * b * all(0.39894228F);
}

/* x (1 + tanh w)/2 = x sigmoid(2w), w = sqrt(2/pi) (x + 0.044715 x^3) */
static inline vec gelu_bend(vec x)
{
    const vec twice = all(1.59576912F);
    return sigmoid(twice * x * (all(1.0F) + all(0.044715F) * x * x));
}

static inline vec slope_of_bend(vec x)
{
    const vec s = gelu_bend(x);
    const vec dw = all(1.59576912F) * (all(1.0F) + all(0.134145F) * x * x);
    return s + x * s * (all(1.0F) - s) * dw;
}

/* clang-format off */
/*         name        y = f(u)    kept  dy/dx = f'(u)   */
ACTIVATION(relu,       relu(u),       y, where_positive(u, all(1.0F)))
ACTIVATION(leaky_relu, leak(u, u, a), y, leak(u, all(1.0F), a))
ACTIVATION(sigmoid,    sigmoid(u),    y, u * (all(1.0F) - u))
ACTIVATION(gelu,       gelu(u),    x[0], slope_of_gelu(u))
ACTIVATION(gelu_tanh,  u * gelu_bend(u), x[0], slope_of_bend(u))
ACTIVATION(scale,      a * u,        dy, a)
LOOP(sum,  u + v)
LOOP(pass, u)
/* clang-format on */

static void add_forward(void *state, const fvi_call *c)
{
    const numbers *s = state;
    sum(c->x[0].data, c->x[1].data, c->y.data, s->n, 0, false);
}

/* One input after the other: both may be the same value. */
static void add_backward(void *state, const fvi_call *c)
{
    const numbers *s = state;
    for (int i = 0; i < 2; i++)
        if (c->dx[i].data) {
            bool fresh = (c->fresh >> i & 1U) &&
                         (i == 0 || c->dx[1].data != c->dx[0].data);
            pass(c->dy.data, c->dy.data, c->dx[i].data, s->n, 0, !fresh);
        }
}
KERNEL(add)
