/* How near a restored image is to the truth: signal-to-noise and structural
 * similarity. Sums go row by row, so they do not depend on threads. */

#include "fovea/score.h"
#include "task/task.h"

#include <math.h>

enum { CHUNK = 4096, RADIUS = 5, WINDOW = 2 * RADIUS + 1 };

static double range_of(const float *v, int64_t n)
{
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    return high > low ? (double)high - (double)low : 0;
}

static double sum_squares(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

static fv_status mean_square(fv_ctx *ctx, const float *a, const float *b,
                             int64_t n, double *out)
{
    int threads = fvi_team(ctx, n);
    int64_t chunks = (n + CHUNK - 1) / CHUNK;
    double *part = fvi_alloc(ctx, (size_t)chunks * sizeof *part), sum = 0;
    if (!part)
        return FV_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < chunks; k++) {
        int64_t lo = k * CHUNK, left = n - lo;
        part[k] = sum_squares(a + lo, b + lo, left < CHUNK ? left : CHUNK);
    }
    for (int64_t k = 0; k < chunks; k++)
        sum += part[k];
    fvi_free(ctx, part);
    *out = n ? sum / (double)n : 0;
    return FV_OK;
}

static fv_status psnr(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                      double range, double *db)
{
    double mse, r = range > 0 ? range : range_of(truth.data, fv_count(truth));
    FV_TRY(mean_square(ctx, truth.data, image.data, fv_count(truth), &mse));
    *db = mse == 0 ? HUGE_VAL : 10 * log10(r * r / mse);
    return FV_OK;
}

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

/* Wang et al. 2004, eq. 13, with C1 = (0.01 L)^2 and C2 = (0.03 L)^2. */
static double similarity(const double m[MOMENTS], double range)
{
    double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range;
    double vx = m[XX] - m[X] * m[X], vy = m[YY] - m[Y] * m[Y];
    double cov = m[XY] - m[X] * m[Y];
    double over = (2 * m[X] * m[Y] + c1) * (2 * cov + c2);
    double under = (m[X] * m[X] + m[Y] * m[Y] + c1) * (vx + vy + c2);
    return over == under ? 1 : over / under;
}

static double row_similarity(const double *col, int64_t w,
                             const double g[WINDOW], double range)
{
    double sum = 0;
    for (int64_t x = 0; x + WINDOW <= w; x++) {
        double m[MOMENTS] = {0};
        for (int i = 0; i < MOMENTS; i++)
            for (int k = 0; k < WINDOW; k++)
                m[i] += g[k] * col[i * w + x + k];
        sum += similarity(m, range);
    }
    return sum;
}

static fv_status ssim_dense(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                            double range, double *out)
{
    int threads = fvi_team(ctx, fv_count(truth));
    int64_t w = truth.dim[1], rows = truth.dim[0] - WINDOW + 1;
    int64_t strip = (rows + threads - 1) / threads;
    const float *a = truth.data, *b = image.data;
    double g[WINDOW], sum = 0;
    double r = range > 0 ? range : range_of(a, fv_count(truth));
    size_t per_thread = (size_t)(MOMENTS * w);
    double *col = fvi_calloc(ctx, per_thread * (size_t)threads, sizeof *col);
    double *row = fvi_calloc(ctx, (size_t)rows, sizeof *row);
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
            row[y] = row_similarity(own, w, g, r);
        }
    for (int64_t y = 0; y < rows; y++)
        sum += row[y];
    fvi_free(ctx, col);
    fvi_free(ctx, row);
    *out = sum / (double)(rows * (w - WINDOW + 1));
    return FV_OK;
}

typedef fv_status judge(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                        double range, double *out);

static fv_status on_dense(judge *run, fv_ctx *ctx, fv_tensor truth,
                          fv_tensor image, double range, double *out)
{
    fvi_dense t, i;
    FV_TRY(fvi_dense_open(ctx, truth, true, &t));
    fv_status status = fvi_dense_open(ctx, image, true, &i);
    if (status == FV_OK) {
        status = run(ctx, t.view, i.view, range, out);
        fvi_dense_close(ctx, &i);
    }
    fvi_dense_close(ctx, &t);
    return status;
}

fv_status fv_psnr(fv_ctx *ctx, fv_tensor truth, fv_tensor image, double range,
                  double *db)
{
    if (truth.dtype != FV_F32 || image.dtype != FV_F32 || truth.ndim < 0 ||
        !fv_same_shape(truth, image)) {
        char a[96], b[96];
        fv_describe(truth, a, sizeof a);
        fv_describe(image, b, sizeof b);
        return fvi_fail(ctx, FV_ESHAPE,
                        "psnr: truth is %s, image is %s, expected f32 of "
                        "equal shape",
                        a, b);
    }
    return on_dense(psnr, ctx, truth, image, range, db);
}

fv_status fv_ssim(fv_ctx *ctx, fv_tensor truth, fv_tensor image, double range,
                  double *ssim)
{
    FV_TRY(fvi_want(ctx, "truth", truth, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want(ctx, "image", image, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "truth", truth, "image", image));
    if (truth.dim[0] < WINDOW || truth.dim[1] < WINDOW)
        return fvi_fail(ctx, FV_ESHAPE,
                        "ssim: found %lld x %lld pixels, expected at least "
                        "%d x %d",
                        (long long)truth.dim[0], (long long)truth.dim[1],
                        WINDOW, WINDOW);
    return on_dense(ssim_dense, ctx, truth, image, range, ssim);
}
