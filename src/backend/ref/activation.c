/*
 * Activations, one line each: the value y = f(x), and the slope dy/dx, which
 * backward computes from the one tensor that was kept: y, or x where y does
 * not tell.
 *
 *   dL/dx = g dy/dx
 */
#include "backend/ref/real.h"

#include <tgmath.h>

#define ACTIVATION(name, value, kept, slope)                    \
    static void name##_forward(void *state, const fvi_call *c)  \
    {                                                           \
        const int64_t n = fv_count(c->y);                       \
        const real a = parameter(state);                        \
        const real *xs = c->x[0].data;                          \
        real *ys = c->y.data;                                   \
        (void)a;                                                \
        _Pragma("omp parallel for schedule(static)") FOR (i, n) \
        {                                                       \
            const real x = xs[i];                               \
            ys[i] = (value);                                    \
        }                                                       \
    }                                                           \
    static void name##_backward(void *state, const fvi_call *c) \
    {                                                           \
        const int64_t n = fv_count(c->dy);                      \
        const real a = parameter(state);                        \
        const real *v = KEPT_##kept, *g = c->dy.data;           \
        real *dx = c->dx[0].data;                               \
        (void)a;                                                \
        if (!dx)                                                \
            return;                                             \
        _Pragma("omp parallel for schedule(static)") FOR (i, n) \
        {                                                       \
            const real kept = v[i];                             \
            dx[i] += g[i] * (slope);                            \
        }                                                       \
    }                                                           \
    const fvi_kernel REF(fvi_ref_##name) = {                    \
        .prepare = fvi_ref_prepare,                             \
        .forward = name##_forward,                              \
        .backward = name##_backward,                            \
        .release = fvi_ref_release,                             \
    };
#define KEPT_x c->x[0].data
#define KEPT_y c->y.data

/* The number in the attributes, for those that have one: `a` below. */
static real parameter(const fvi_ref_state *s)
{
    const fvi_number *number = s->p.attr;
    bool has = s->p.op == FVI_OP_leaky_relu || s->p.op == FVI_OP_softplus;
    return has ? (real)number->value : 0;
}

/* Phi(x), the normal distribution function, and its density. */
static real Phi(real x)
{
    const real sqrt_half = (real)0.70710678118654752440;
    return erfc(-x * sqrt_half) / 2;
}

static real phi(real x)
{
    const real inv_sqrt_2pi = (real)0.39894228040143267794;
    return inv_sqrt_2pi * exp(-x * x / 2);
}

/* tanh u of the approximation of Phi, and du/dx. */
static real bend(real x)
{
    const real sqrt_2_pi = (real)0.79788456080286535588;
    return tanh(sqrt_2_pi * (x + (real)0.044715 * x * x * x));
}

static real gelu_tanh_slope(real x)
{
    const real sqrt_2_pi = (real)0.79788456080286535588;
    const real t = bend(x);
    const real du = sqrt_2_pi * (1 + 3 * (real)0.044715 * x * x);
    return (1 + t) / 2 + x * (1 - t * t) * du / 2;
}

/* log(1 + exp(x)), written so that exp cannot overflow. */
static real log1pexp(real x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* clang-format off */
/*         name        y                    kept dy/dx */
ACTIVATION(relu,       x < 0 ? 0 : x,       y,   y > 0 ? 1 : 0)
ACTIVATION(leaky_relu, x < 0 ? a * x : x,   y,   y > 0 ? 1 : a)
ACTIVATION(sigmoid,    1 / (1 + exp(-x)),   y,   y * (1 - y))
ACTIVATION(tanh,       tanh(x),             y,   1 - y * y)
ACTIVATION(gelu,       x * Phi(x),          x,   Phi(x) + x * phi(x))
ACTIVATION(gelu_tanh,  x * (1 + bend(x))/2, x,   gelu_tanh_slope(x))
ACTIVATION(softplus,   a + log1pexp(x),     x,   1 / (1 + exp(-x)))
/* clang-format on */
