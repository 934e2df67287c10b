/*
 * Dropout. The mask is a function of seed, step, node and index, so backward
 * computes it again instead of remembering it.
 *
 *   y = m x,  dL/dx = m g,  m = 1/(1 - rate) or 0; m = 1 outside training
 *
 * Of drop_path, all numbers of an image share one m.
 */
#include "backend/ref/real.h"
#include "base/base.h"

/* The masks of elements 4q .. 4q+3, from one draw of four words. */
static void masks(const fvi_call *c, const fvi_ref_state *s, int64_t q,
                  real m[4])
{
    const fvi_number *rate = s->p.attr;
    const double drop = s->p.train ? (double)rate->value : 0;
    const double below = drop * 4294967296.0;
    const uint64_t stream = c->node << 40 | c->step;
    uint32_t word[4] = {0};
    if (drop > 0)
        fvi_philox(c->seed, stream, (uint64_t)q, word);
    FOR (j, 4)
        m[j] = (double)word[j] < below ? 0 : (real)(1 / (1 - drop));
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t n = fv_count(s->p.y);
    const real *x = c->x[0].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (q, (n + 3) / 4) {
        real m[4];
        masks(c, s, q, m);
        for (int64_t i = 4 * q; i < n && i < 4 * q + 4; i++)
            y[i] = m[i % 4] * x[i];
    }
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t n = fv_count(s->p.y);
    const real *g = c->dy.data;
    real *dx = c->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR (q, (n + 3) / 4) {
        real m[4];
        masks(c, s, q, m);
        for (int64_t i = 4 * q; i < n && i < 4 * q + 4; i++)
            dx[i] += m[i % 4] * g[i];
    }
}

static real mask_of_image(const fvi_call *c, const fvi_ref_state *s, int64_t n)
{
    real m[4];
    masks(c, s, n / 4, m);
    return m[n % 4];
}

static void path_forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t N = s->p.y.dim[0], each = N ? fv_count(s->p.y) / N : 0;
    const real *x = c->x[0].data;
    real *y = c->y.data;
#pragma omp parallel for schedule(static)
    FOR (n, N) {
        const real m = mask_of_image(c, s, n);
        for (int64_t i = n * each; i < (n + 1) * each; i++)
            y[i] = m * x[i];
    }
}

static void path_backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const int64_t N = s->p.y.dim[0], each = N ? fv_count(s->p.y) / N : 0;
    const real *g = c->dy.data;
    real *dx = c->dx[0].data;
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    FOR (n, N) {
        const real m = mask_of_image(c, s, n);
        for (int64_t i = n * each; i < (n + 1) * each; i++)
            dx[i] += m * g[i];
    }
}

const fvi_kernel REF(fvi_ref_dropout) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};

const fvi_kernel REF(fvi_ref_drop_path) = {
    .prepare = fvi_ref_prepare,
    .forward = path_forward,
    .backward = path_backward,
    .release = fvi_ref_release,
};
