/*
 * Every spatial axis times f. Along one axis output i reads input h with
 *   nearest   a[i,h] = 1 if h = floor(i/f)
 *   linear    a[i,h] = max(0, 1 - |s - h|),  s = (i + 1/2)/f - 1/2,
 *             kept inside 0..n-1
 * and the axes multiply:
 *   y[n,i,c]     = sum_h a[i,h] x[n,h,c]
 *   dL/dx[n,h,c] = sum_i a[i,h] g[n,i,c]
 * s is held as the whole number u = 2f s, so positions are exact.
 */
#include "backend/ref/real.h"

typedef struct axis {
    int64_t f, n; /* factor, extent of x */
    bool linear;
} axis;

static axis axis_of(const fvi_upsample *o, int rank, int a, int64_t n)
{
    bool there = a >= 3 - rank;
    return (axis){there ? o->factor : 1, n, there && o->how == FV_BILINEAR};
}

/* a[i,h] */
static real weight(axis a, int64_t i, int64_t h)
{
    if (!a.linear)
        return i / a.f == h;
    int64_t u = 2 * i + 1 - a.f, top = 2 * a.f * (a.n - 1);
    u = u < 0 ? 0 : u > top ? top : u;
    int64_t away = u > 2 * a.f * h ? u - 2 * a.f * h : 2 * a.f * h - u;
    return away < 2 * a.f ? (real)(2 * a.f - away) / (real)(2 * a.f) : 0;
}

/* The inputs that output i can read, and the outputs that can read input h. */
static void inputs_of(axis a, int64_t i, int64_t *lo, int64_t *hi)
{
    int64_t u = 2 * i + 1 - a.f;
    *lo = !a.linear ? i / a.f : u < 0 ? 0 : u / (2 * a.f);
    *hi = *lo + (a.linear ? 2 : 1);
    *hi = *hi < a.n ? *hi : a.n;
}

static void outputs_of(axis a, int64_t h, int64_t *lo, int64_t *hi)
{
    *lo = a.linear && h > 0 ? (h - 1) * a.f : h * a.f;
    *hi = a.linear && h < a.n - 1 ? (h + 2) * a.f : (h + 1) * a.f;
}

/* y[c] += sum over the box lo..hi of weight times x[.,c]. With `back`, the box
 * holds outputs and `at` is an input; otherwise the other way round. */
static void add_box(const axis a[3], const int64_t at[3], bool back,
                    const real *x, const int64_t extent[3], int64_t C, real *y)
{
    int64_t lo[3] = {0}, hi[3] = {0};
    for (int k = 0; k < 3; k++)
        (back ? outputs_of : inputs_of)(a[k], at[k], &lo[k], &hi[k]);
    for (int64_t p = lo[0]; p < hi[0]; p++)
        for (int64_t q = lo[1]; q < hi[1]; q++)
            for (int64_t r = lo[2]; r < hi[2]; r++) {
                real w = back
                             ? weight(a[0], p, at[0]) * weight(a[1], q, at[1]) *
                                   weight(a[2], r, at[2])
                             : weight(a[0], at[0], p) * weight(a[1], at[1], q) *
                                   weight(a[2], at[2], r);
                const real *xc = x + ((p * extent[1] + q) * extent[2] + r) * C;
                if (w > 0)
                    FOR (c, C)
                        y[c] += w * xc[c];
            }
}

/* y += the sum over all images and positions of y, or its adjoint. */
static void resample(const fvi_ref_state *s, bool back, const real *from,
                     real *to)
{
    const fvi_upsample *o = s->p.attr;
    int rank = s->p.x[0].ndim - 2;
    fvi_dims x = fvi_dims_of(s->p.x[0]), y = fvi_dims_of(s->p.y);
    const axis a[3] = {axis_of(o, rank, 0, x.D), axis_of(o, rank, 1, x.H),
                       axis_of(o, rank, 2, x.W)};
    fvi_dims read = back ? y : x, write = back ? x : y;
    int64_t extent[3] = {read.D, read.H, read.W};
    int64_t pixels = write.D * write.H * write.W;
    int64_t image = read.D * read.H * read.W * x.C;
#pragma omp parallel for collapse(2) schedule(static)
    FOR2 (n, x.N, m, pixels) {
        int64_t at[3] = {m / write.W / write.H, m / write.W % write.H,
                         m % write.W};
        real *sum = to + (n * pixels + m) * x.C;
        if (!back)
            memset(sum, 0, (size_t)x.C * sizeof(real));
        add_box(a, at, back, from + n * image, extent, x.C, sum);
    }
}

static void forward(void *state, const fvi_call *call)
{
    resample(state, false, call->x[0].data, call->y.data);
}

static void backward(void *state, const fvi_call *call)
{
    if (call->dx[0].data)
        resample(state, true, call->dy.data, call->dx[0].data);
}

const fvi_kernel REF(fvi_ref_upsample) = {
    .prepare = fvi_ref_prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
