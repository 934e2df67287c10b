/*
 * With few the tensor of few channels on the fine grid, many the one of many
 * channels on the coarse grid, and a factor f:
 *   few[n,f h+i,f w+j,c] = many[n,h,w,(c f + i) f + j]
 * One and three spatial axes likewise. Gradients go back the way the numbers
 * came.
 */
#include "backend/ref/real.h"

/* The extents of the fine grid; f is 1 along axes that are not there. */
typedef struct grid {
    fvi_dims few;
    int64_t f[3];
} grid;

static grid grid_of(const fvi_ref_state *s)
{
    const fvi_upsample *o = s->p.attr;
    const bool shuffle = s->p.op == FVI_OP_pixel_shuffle;
    const fv_tensor fine = shuffle ? s->p.y : s->x[0];
    grid g = {.few = fvi_dims_of(fine)};
    for (int a = 0; a < 3; a++)
        g.f[a] = a >= 5 - fine.ndim ? o->factor : 1;
    return g;
}

/* Where few[n,d,h,w,c] stands in many. */
static int64_t in_many(const grid *g, int64_t n, int64_t d, int64_t h,
                       int64_t w, int64_t c)
{
    const int64_t *f = g->f;
    int64_t at = n * (g->few.D / f[0]) + d / f[0];
    at = at * (g->few.H / f[1]) + h / f[1];
    at = at * (g->few.W / f[2]) + w / f[2];
    at = at * g->few.C + c;
    return ((at * f[0] + d % f[0]) * f[1] + h % f[1]) * f[2] + w % f[2];
}

/* From one to the other; adds when `add`. */
static void move(const grid *g, const real *from, bool to_few, bool add,
                 real *to)
{
    const fvi_dims d = g->few;
#pragma omp parallel for schedule(static)
    FOR (row, d.N * d.D * d.H) {
        const int64_t n = row / d.H / d.D, z = row / d.H % d.D, h = row % d.H;
        FOR2 (w, d.W, c, d.C) {
            const int64_t few = (row * d.W + w) * d.C + c;
            const int64_t many = in_many(g, n, z, h, w, c);
            real *y = to + (to_few ? few : many);
            *y = from[to_few ? many : few] + (add ? *y : 0);
        }
    }
}

static void forward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const grid g = grid_of(s);
    move(&g, c->x[0].data, s->p.op == FVI_OP_pixel_shuffle, false, c->y.data);
}

static void backward(void *state, const fvi_call *c)
{
    const fvi_ref_state *s = state;
    const grid g = grid_of(s);
    if (c->dx[0].data)
        move(&g, c->dy.data, s->p.op != FVI_OP_pixel_shuffle, true,
             c->dx[0].data);
}

const fvi_kernel REF(fvi_ref_pixel_shuffle) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};

const fvi_kernel REF(fvi_ref_pixel_unshuffle) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
