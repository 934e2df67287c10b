/*
 * Transposed convolution, the adjoint of convolution:
 *   y[n,i,k] = b[k] + sum x[n,h,c] f[r,c,k]  over h,r,c with h*t+r*d-p = i
 * where i and h stand for positions on three axes and r for the tap (q,r,s).
 * With g = dL/dy:
 *   dL/db[k]     = sum_ni g[n,i,k]
 *   dL/df[r,c,k] = sum_nh x[n,h,c] g[n, h*t+r*d-p, k]
 *   dL/dx[n,h,c] = sum_rk g[n, h*t+r*d-p, k] f[r,c,k]
 */
#include "backend/ref/sum.h"
#include "backend/ref/weight.h"

static void forward(void *state, const fvi_call *call)
{
    const fvi_ref_state *st = state;
    const fvi_window *o = st->p.attr;
    const fvi_grid g = fvi_grid_of(st, true);
    const real *x = call->x[0].data, *f = call->x[1].data;
    const real *b = st->p.nx > 2 ? call->x[2].data : NULL;
    real *y = call->y.data;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g.N, i, g.wide_pixels) {
        fvi_at at = fvi_at_pixel(g.wide, i);
        real *yk = y + (n * g.wide_pixels + i) * g.K;
        fvi_start(yk, b, g.K);
        FOR3 (q, g.Q, r, g.R, s, g.S) {
            int64_t m = fvi_narrow(&g, at, q, r, s);
            if (m < 0)
                continue;
            const real *xc = x + (n * g.narrow_pixels + m) * g.C;
            const real *fck = f + ((q * g.R + r) * g.S + s) * g.C * g.K;
            fvi_add_product(yk, xc, fck, g.C, g.K);
        }
        fvi_activate(yk, g.K, o->act, o->slope);
    }
}

static void input_gradient(const fvi_grid *g, const real *dy, const real *f,
                           real *dx)
{
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, g->N, m, g->narrow_pixels) {
        fvi_at h = fvi_at_pixel(g->narrow, m);
        real *dxc = dx + (n * g->narrow_pixels + m) * g->C;
        FOR3 (q, g->Q, r, g->R, s, g->S) {
            int64_t i = fvi_wide(g, h, q, r, s);
            if (i < 0)
                continue;
            const real *gk = dy + (n * g->wide_pixels + i) * g->K;
            const real *fck = f + ((q * g->R + r) * g->S + s) * g->C * g->K;
            FOR (c, g->C)
                dxc[c] += fvi_dot(gk, fck + c * g->K, g->K);
        }
    }
}

static void backward(void *state, const fvi_call *call)
{
    const fvi_ref_state *st = state;
    const fvi_grid g = fvi_grid_of(st, true);
    const real *dy = call->dy.data;
    if (call->dx[0].data)
        input_gradient(&g, dy, call->x[1].data, call->dx[0].data);
    if (call->dx[1].data)
        REF(fvi_ref_weight_gradient)
    (&g, true, call->x[0].data, dy, call->dx[1].data);
    if (st->p.nx > 2 && call->dx[2].data)
        REF(fvi_ref_bias_gradient)
    (g.N * g.wide_pixels, g.K, dy, call->dx[2].data);
}

const fvi_kernel REF(fvi_ref_conv_transposed) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
