/* Structural similarity of two images, at one scale and at five. Sums go row
 * by row, so they do not depend on threads. */

#include "fovea/score.h"
#include "task/quality.h"

#include <math.h>
#include <string.h>

enum { RADIUS = 5, WINDOW = FVI_SSIM_WINDOW, SCALES = 5 };

/* The normalized Gaussian of sigma 1.5, cut at 3.5 sigma. */
static void gaussian(double g[WINDOW])
{
    double sum = 0;
    for (int k = 0; k < WINDOW; k++) {
        double x = (k - RADIUS) / 1.5;
        g[k] = exp(-x * x / 2);
        sum += g[k];
    }
    for (int k = 0; k < WINDOW; k++)
        g[k] /= sum;
}

/* What SSIM weighs: x, y, xx, yy, xy. */
enum { X, Y, XX, YY, XY, MOMENTS };

/* Sums each column of moments over the window that starts at row y0. */
static void down_columns(const float *a, const float *b, int64_t w,
                         const double g[WINDOW], double *col)
{
    for (int64_t i = 0; i < MOMENTS * w; i++)
        col[i] = 0;
    for (int k = 0; k < WINDOW; k++)
        for (int64_t x = 0; x < w; x++) {
            double p = (double)a[k * w + x], q = (double)b[k * w + x];
            col[X * w + x] += g[k] * p;
            col[Y * w + x] += g[k] * q;
            col[XX * w + x] += g[k] * p * p;
            col[YY * w + x] += g[k] * q * q;
            col[XY * w + x] += g[k] * p * q;
        }
}

static double ratio(double over, double under)
{
    return over == under ? 1 : over / under;
}

/* Wang et al. 2004, eq. 13, with C1 = (0.01 L)^2 and C2 = (0.03 L)^2; the
 * second factor alone is the agreement of contrast and structure. */
static void add_similarity(const double m[MOMENTS], double range, fvi_ssim *sum)
{
    double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range;
    double vx = m[XX] - m[X] * m[X], vy = m[YY] - m[Y] * m[Y];
    double over = 2 * (m[XY] - m[X] * m[Y]) + c2, under = vx + vy + c2;
    double light = 2 * m[X] * m[Y] + c1, dark = m[X] * m[X] + m[Y] * m[Y] + c1;
    sum->full += ratio(light * over, dark * under);
    sum->contrast += ratio(over, under);
}

static fvi_ssim row_similarity(const double *col, int64_t w,
                               const double g[WINDOW], double range)
{
    fvi_ssim sum = {0};
    for (int64_t x = 0; x + WINDOW <= w; x++) {
        double m[MOMENTS] = {0};
        for (int i = 0; i < MOMENTS; i++)
            for (int k = 0; k < WINDOW; k++)
                m[i] += g[k] * col[i * w + x + k];
        add_similarity(m, range, &sum);
    }
    return sum;
}

fv_status fvi_ssim_dense(fv_ctx *ctx, const float *a, const float *b, int64_t h,
                         int64_t w, double range, fvi_ssim *out)
{
    int threads = fvi_team(ctx, h * w);
    int64_t rows = h - WINDOW + 1, strip = (rows + threads - 1) / threads;
    double g[WINDOW], count = (double)(rows * (w - WINDOW + 1));
    size_t per_thread = (size_t)(MOMENTS * w);
    double *col = fvi_calloc(ctx, per_thread * (size_t)threads, sizeof *col);
    fvi_ssim *row = fvi_calloc(ctx, (size_t)rows, sizeof *row), sum = {0};
    if (!col || !row) {
        fvi_free(ctx, col);
        fvi_free(ctx, row);
        return FV_ENOMEM;
    }
    gaussian(g);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int64_t y = t * strip; y < (t + 1) * strip && y < rows; y++) {
            double *own = col + per_thread * (size_t)t;
            down_columns(a + y * w, b + y * w, w, g, own);
            row[y] = row_similarity(own, w, g, range);
        }
    for (int64_t y = 0; y < rows; y++) {
        sum.full += row[y].full;
        sum.contrast += row[y].contrast;
    }
    fvi_free(ctx, col);
    fvi_free(ctx, row);
    *out = (fvi_ssim){sum.full / count, sum.contrast / count};
    return FV_OK;
}

static fv_status check(fv_ctx *ctx, const char *name, fv_tensor truth,
                       fv_tensor image, int64_t least)
{
    FV_TRY(fvi_want(ctx, "truth", truth, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want(ctx, "image", image, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "truth", truth, "image", image));
    if (truth.dim[0] >= least && truth.dim[1] >= least)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: found %lld x %lld pixels, expected at least %lld x "
                    "%lld",
                    name, (long long)truth.dim[0], (long long)truth.dim[1],
                    (long long)least, (long long)least);
}

static fv_status ssim(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                      double range, void *out)
{
    fvi_ssim s;
    double r = range > 0 ? range : fvi_range(truth.data, fv_count(truth));
    FV_TRY(fvi_ssim_dense(ctx, truth.data, image.data, truth.dim[0],
                          truth.dim[1], r, &s));
    *(double *)out = s.full;
    return FV_OK;
}

fv_status fv_ssim(fv_ctx *ctx, fv_tensor truth, fv_tensor image, double range,
                  double *out)
{
    FV_TRY(check(ctx, "ssim", truth, image, WINDOW));
    return fvi_judge_dense(ssim, ctx, truth, image, range, out);
}

/* ---- five scales ---- */

/* Means of 2 x 2 pixels; an odd last row or column counts twice. */
static void halve(const float *from, int64_t h, int64_t w, float *to)
{
    int64_t h2 = (h + 1) / 2, w2 = (w + 1) / 2;
    for (int64_t y = 0; y < h2; y++)
        for (int64_t x = 0; x < w2; x++) {
            const float *a = from + 2 * y * w;
            const float *b = 2 * y + 1 < h ? a + w : a;
            int64_t l = 2 * x, r = l + 1 < w ? l + 1 : l;
            to[y * w2 + x] = (a[l] + a[r] + b[l] + b[r]) / 4;
        }
}

/* Wang, Simoncelli & Bovik 2003, eq. 7; negative factors count as 0. */
static fv_status over_scales(fv_ctx *ctx, float *a, float *b, int64_t h,
                             int64_t w, double range, double *out)
{
    static const double weight[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363,
                                          0.1333};
    *out = 1;
    for (int i = 0; i < SCALES; i++) {
        fvi_ssim s;
        FV_TRY(fvi_ssim_dense(ctx, a, b, h, w, range, &s));
        double factor = i + 1 < SCALES ? s.contrast : s.full;
        *out *= pow(factor > 0 ? factor : 0, weight[i]);
        halve(a, h, w, a); /* rows are read before they are overwritten */
        halve(b, h, w, b);
        h = (h + 1) / 2;
        w = (w + 1) / 2;
    }
    return FV_OK;
}

static fv_status ms_ssim(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                         double range, void *out)
{
    int64_t h = truth.dim[0], w = truth.dim[1];
    size_t size = (size_t)(h * w) * sizeof(float);
    double r = range > 0 ? range : fvi_range(truth.data, h * w);
    float *a = fvi_alloc(ctx, size), *b = fvi_alloc(ctx, size);
    fv_status status = FV_ENOMEM;
    if (a && b) {
        memcpy(a, truth.data, size);
        memcpy(b, image.data, size);
        status = over_scales(ctx, a, b, h, w, r, out);
    }
    fvi_free(ctx, a);
    fvi_free(ctx, b);
    return status;
}

fv_status fv_ms_ssim(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                     double range, double *out)
{
    FV_TRY(check(ctx, "ms-ssim", truth, image, FV_MS_SSIM_SIDE));
    return fvi_judge_dense(ms_ssim, ctx, truth, image, range, out);
}
