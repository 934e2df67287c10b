/* How near the values of a restored image are to the truth. Sums go in chunks
 * of fixed size, so they do not depend on threads. */

#include "task/quality.h"
#include "fovea/score.h"

#include <math.h>

enum { CHUNK = 4096 };

double fvi_range(const float *v, int64_t n)
{
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    return high > low ? (double)high - (double)low : 0;
}

/* Sums over pixels of truth t and image x, about the points t0 and x0. */
typedef struct sums {
    double t, x, tt, xx, tx; /* of t - t0, x - x0 and their products */
    double error, square;    /* of |x - t| and (x - t)^2             */
} sums;

static sums add_chunk(const float *truth, const float *image, int64_t n,
                      double t0, double x0)
{
    sums s = {0};
    for (int64_t i = 0; i < n; i++) {
        double t = (double)truth[i] - t0, x = (double)image[i] - x0;
        double e = (double)image[i] - (double)truth[i];
        s.t += t;
        s.x += x;
        s.tt += t * t;
        s.xx += x * x;
        s.tx += t * x;
        s.error += fabs(e);
        s.square += e * e;
    }
    return s;
}

static fv_status add_up(fv_ctx *ctx, const float *truth, const float *image,
                        int64_t n, double t0, double x0, sums *out)
{
    int threads = fvi_team(ctx, n);
    int64_t chunks = (n + CHUNK - 1) / CHUNK;
    sums *part = fvi_alloc(ctx, (size_t)chunks * sizeof *part), sum = {0};
    if (!part)
        return FV_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < chunks; k++) {
        int64_t lo = k * CHUNK, left = n - lo;
        part[k] = add_chunk(truth + lo, image + lo, left < CHUNK ? left : CHUNK,
                            t0, x0);
    }
    for (int64_t k = 0; k < chunks; k++) {
        const double *from = (const double *)&part[k];
        double *to = (double *)&sum;
        for (size_t i = 0; i < sizeof sum / sizeof *to; i++)
            to[i] += from[i];
    }
    fvi_free(ctx, part);
    *out = sum;
    return FV_OK;
}

static double decibels(double range, double mse)
{
    return mse == 0 ? HUGE_VAL : 10 * log10(range * range / mse);
}

static double root_ratio(double over, double under)
{
    return over == 0 ? 0 : sqrt(over / under);
}

static fv_status errors(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                        double range, void *out)
{
    const float *t = truth.data, *x = image.data;
    int64_t n = fv_count(truth);
    double many = n ? (double)n : 1, r = range > 0 ? range : fvi_range(t, n);
    sums raw, s; /* about 0, about the means */
    FV_TRY(add_up(ctx, t, x, n, 0, 0, &raw));
    FV_TRY(add_up(ctx, t, x, n, raw.t / many, raw.x / many, &s));
    /* the least squares factor leaves (1 - r^2) of the truth's variance */
    double fit = s.xx > 0 ? s.tx * s.tx / s.xx : 0;
    double left = s.tt > fit ? (s.tt - fit) / many : 0;
    double spread = sqrt(s.tt) * sqrt(s.xx);
    *(fv_errors *)out = (fv_errors){.count = n,
                                    .range = r,
                                    .mse = raw.square / many,
                                    .mae = raw.error / many,
                                    .energy = raw.tt / many,
                                    .nrmse = root_ratio(raw.square, raw.tt),
                                    .psnr = decibels(r, raw.square / many),
                                    .psnr_scaled = decibels(r, left),
                                    .pearson = spread > 0 ? s.tx / spread : 0};
    return FV_OK;
}

fv_status fvi_judge_dense(fvi_judge *run, fv_ctx *ctx, fv_tensor truth,
                          fv_tensor image, double range, void *out)
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

fv_status fv_judge_errors(fv_ctx *ctx, fv_tensor truth, fv_tensor image,
                          double range, fv_errors *out)
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
    return fvi_judge_dense(errors, ctx, truth, image, range, out);
}

fv_status fv_psnr(fv_ctx *ctx, fv_tensor truth, fv_tensor image, double range,
                  double *db)
{
    fv_errors e;
    FV_TRY(fv_judge_errors(ctx, truth, image, range, &e));
    *db = e.psnr;
    return FV_OK;
}
