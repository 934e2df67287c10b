/* Deconvolution with a known PSF: Wiener, and Richardson and Lucy. */

#include "fovea/filter.h"
#include "task/volume.h"

#include <math.h>

typedef struct wiener_args {
    fv_tensor psf;
    double balance;
} wiener_args;

static void divide(const fvi_spread *b, double balance)
{
    for (int64_t i = 0; i < b->fft.halves; i++) {
        fvi_complex y = b->half[i], h = b->otf[i];
        double power = h.re * h.re + h.im * h.im + balance;
        b->half[i] = (fvi_complex){(y.re * h.re + y.im * h.im) / power,
                                   (y.im * h.re - y.re * h.im) / power};
    }
}

static fv_status wiener_in(const fvi_spread *b, const float *from,
                           double balance, float *to)
{
    int64_t n = b->fft.reals;
    double mean = 0;
    double *large = fvi_alloc(b->ctx, (size_t)n * sizeof *large);
    if (!large)
        return FV_ENOMEM;
    fvi_spread_extend(b, from, large);
    for (int64_t i = 0; i < n; i++)
        mean += large[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        large[i] -= mean;
    fvi_fft_forward(&b->fft, large, b->half);
    divide(b, balance);
    fvi_fft_backward(&b->fft, b->half, large);
    for (int64_t i = 0; i < n; i++)
        large[i] += mean;
    fvi_spread_crop(b, large, to);
    fvi_free(b->ctx, large);
    return FV_OK;
}

static fv_status wiener(fv_ctx *ctx, const int64_t dim[3], const float *from,
                        float *to, const void *args)
{
    const wiener_args *a = args;
    fvi_spread b;
    fv_status status = fvi_spread_new(ctx, dim, a->psf, true, &b);
    if (status == FV_OK)
        status = wiener_in(&b, from, a->balance, to);
    fvi_spread_free(&b);
    return status;
}

fv_status fv_filter_wiener(fv_ctx *ctx, fv_tensor image, fv_tensor psf,
                           double balance, fv_tensor out)
{
    wiener_args a = {psf, balance};
    if (!(balance > 0 && balance < 1e12))
        return fvi_fail(ctx, FV_EINVAL,
                        "Wiener: balance is %g, expected over 0", balance);
    FV_TRY(fvi_want_axes(ctx, image, psf));
    return fvi_filter_run(ctx, image, 3, wiener, &a, out);
}

/* ---- Richardson and Lucy ---- */

typedef struct lucy_args {
    fv_tensor psf;
    int iterations;
    double tv;
} lucy_args;

/* The extended volumes of one run. */
typedef struct lucy {
    fvi_spread *b;
    double *y, *x, *ratio, *slope; /* slope only for total variation */
} lucy;

/* Forward differences, 0 over the end of an axis, as a unit vector: its part
 * along `axis`. */
static double unit_slope(const double *x, const int64_t n[3], int64_t at,
                         const int64_t p[3], int axis)
{
    int64_t step[3] = {n[1] * n[2], n[2], 1};
    double d[3] = {0}, square = 1e-12;
    for (int a = 0; a < 3; a++) {
        if (p[a] + 1 < n[a])
            d[a] = x[at + step[a]] - x[at];
        square += d[a] * d[a];
    }
    return d[axis] / sqrt(square);
}

/* slope = div(grad x/|grad x|), backward differences of the unit slopes. */
static void curvature(fv_ctx *ctx, const double *x, const int64_t n[3],
                      double *slope)
{
    int threads = fv_threads(ctx);
    int64_t step[3] = {n[1] * n[2], n[2], 1};
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < n[0] * n[1]; row++)
        for (int64_t i = 0; i < n[2]; i++) {
            int64_t p[3] = {row / n[1], row % n[1], i}, at = row * n[2] + i;
            double sum = 0;
            for (int a = 0; a < 3; a++) {
                sum += unit_slope(x, n, at, p, a);
                if (p[a] == 0)
                    continue;
                p[a]--;
                sum -= unit_slope(x, n, at - step[a], p, a);
                p[a]++;
            }
            slope[at] = sum;
        }
}

static void iterate(fv_ctx *ctx, const lucy *l, double tv)
{
    const double tiny = 1e-12;
    int64_t n = l->b->fft.reals;
    for (int64_t i = 0; i < n; i++)
        l->ratio[i] = l->x[i];
    fvi_spread_apply(l->b, false, l->ratio);
    for (int64_t i = 0; i < n; i++)
        l->ratio[i] = l->ratio[i] > tiny ? l->y[i] / l->ratio[i] : 0;
    fvi_spread_apply(l->b, true, l->ratio);
    if (tv > 0)
        curvature(ctx, l->x, l->b->fft.dim, l->slope);
    for (int64_t i = 0; i < n; i++) {
        double step = l->ratio[i] > 0 ? l->ratio[i] : 0;
        double calm = tv > 0 ? fmax(1 - tv * l->slope[i], 0.1) : 1;
        l->x[i] *= step / calm;
    }
}

static fv_status lucy_in(fv_ctx *ctx, const lucy *l, const float *from,
                         const lucy_args *a, float *to)
{
    fvi_spread_extend(l->b, from, l->y);
    for (int64_t i = 0; i < l->b->fft.reals; i++)
        l->x[i] = l->y[i] = l->y[i] > 0 ? l->y[i] : 0;
    for (int k = 0; k < a->iterations; k++) {
        if (fvi_canceled(ctx))
            return fvi_fail(ctx, FV_ECANCEL, "canceled");
        iterate(ctx, l, a->tv);
    }
    fvi_spread_crop(l->b, l->x, to);
    return FV_OK;
}

static fv_status richardson_lucy(fv_ctx *ctx, const int64_t dim[3],
                                 const float *from, float *to, const void *args)
{
    const lucy_args *a = args;
    fvi_spread b;
    lucy l = {.b = &b};
    fv_status status = fvi_spread_new(ctx, dim, a->psf, true, &b);
    if (status == FV_OK) {
        size_t size = (size_t)b.fft.reals * sizeof(double);
        l.y = fvi_alloc(ctx, size);
        l.x = fvi_alloc(ctx, size);
        l.ratio = fvi_alloc(ctx, size);
        l.slope = fvi_alloc(ctx, a->tv > 0 ? size : 1);
        status = FV_ENOMEM;
        if (l.y && l.x && l.ratio && l.slope)
            status = lucy_in(ctx, &l, from, a, to);
    }
    fvi_free(ctx, l.y);
    fvi_free(ctx, l.x);
    fvi_free(ctx, l.ratio);
    fvi_free(ctx, l.slope);
    fvi_spread_free(&b);
    return status;
}

fv_status fv_filter_richardson_lucy(fv_ctx *ctx, fv_tensor image, fv_tensor psf,
                                    int iterations, double tv, fv_tensor out)
{
    lucy_args a = {psf, iterations, tv};
    if (iterations < 0)
        return fvi_fail(ctx, FV_EINVAL,
                        "Richardson-Lucy: %d iterations, expected 0 or more",
                        iterations);
    if (!(tv >= 0 && tv <= 1))
        return fvi_fail(ctx, FV_EINVAL,
                        "Richardson-Lucy: total variation weighs %g, expected "
                        "0 to 1",
                        tv);
    FV_TRY(fvi_want_axes(ctx, image, psf));
    return fvi_filter_run(ctx, image, 3, richardson_lucy, &a, out);
}
