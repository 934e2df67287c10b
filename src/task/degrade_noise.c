/* The noise of a picture at hand: variance over mean. */

#include "fovea/degrade.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>

enum { LEVELS = 48, FEWEST = 100, MOST = 1 << 20, ROUNDS = 20 };
enum { HALF = 2, SPAN = 2 * HALF + 1 };

/* Mean of the neighborhood of a pixel, and what its noise shows there. */
typedef struct sample {
    float mean, noise;
} sample;

static int by_mean(const void *x, const void *y)
{
    const sample *a = x, *b = y;
    return (a->mean > b->mean) - (a->mean < b->mean);
}

static int by_size(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

/* The second difference along both axes, and the mean of the SPAN x SPAN pixels
 * around: so many that their own noise hardly moves a pixel to another level.
 * False when one of them is clipped or not a number. */
static bool look(const float *v, int64_t w, float low, float high, sample *s)
{
    static const float mask[3][3] = {{1, -2, 1}, {-2, 4, -2}, {1, -2, 1}};
    float mean = 0, noise = 0;
    for (int64_t j = -HALF; j <= HALF; j++)
        for (int64_t i = -HALF; i <= HALF; i++) {
            float p = v[j * w + i];
            if (!(p > low && p < high))
                return false;
            mean += p;
            if (j >= -1 && j <= 1 && i >= -1 && i <= 1)
                noise += mask[j + 1][i + 1] * p;
        }
    *s = (sample){mean / (SPAN * SPAN), fabsf(noise) / 6};
    return true;
}

/* Counts that more than one pixel in a thousand has are a clipped end. */
static void find_clipping(const float *v, int64_t n, float *low, float *high)
{
    float least = INFINITY, most = -INFINITY;
    int64_t at_least = 0, at_most = 0;
    for (int64_t i = 0; i < n; i++) {
        least = v[i] < least ? v[i] : least;
        most = v[i] > most ? v[i] : most;
    }
    for (int64_t i = 0; i < n; i++) {
        at_least += !(v[i] > least);
        at_most += !(v[i] < most);
    }
    *low = 1000 * at_least > n ? least : -INFINITY;
    *high = 1000 * at_most > n ? most : INFINITY;
}

/* At most MOST samples, evenly over the picture. */
static int64_t collect(const float *v, int64_t h, int64_t w, sample *out)
{
    float low, high;
    int64_t count = 0, step = 1;
    while (h / step * w > MOST)
        step++;
    find_clipping(v, h * w, &low, &high);
    for (int64_t y = HALF; y + HALF < h; y += step)
        for (int64_t x = HALF; x + HALF < w && count < MOST; x++)
            count += look(v + y * w + x, w, low, high, out + count);
    return count;
}

/* One level: the mean and the variance of its pixels. */
typedef struct level {
    double mean, variance, weight;
} level;

static double median_size(float *size, int64_t n)
{
    qsort(size, (size_t)n, sizeof *size, by_size);
    return (double)size[n / 2];
}

/* The median absolute value of normal noise is 0.6745 of its deviation. */
static double deviation(const sample *s, int64_t n, float *room)
{
    for (int64_t i = 0; i < n; i++)
        room[i] = s[i].noise;
    return median_size(room, n) / 0.6744897501960817;
}

/* Levels of equal height between the extreme hundredths, where pixels are; as
 * high as four deviations of a mean, or pixels of one brightness would be
 * sorted by their noise, and flatten the slope. */
static int find_levels(const sample *s, int64_t n, double sigma, float *room,
                       level out[LEVELS])
{
    double low = (double)s[n / 200].mean,
           high = (double)s[n - 1 - n / 200].mean;
    double room_for = sigma > 0 ? (high - low) * SPAN / (4 * sigma) : LEVELS;
    int levels = (int)fmin(fmax(room_for, 4), LEVELS), count = 0;
    for (int64_t i = 0, k = 0; k < levels; k++) {
        double end = low + (high - low) * (double)(k + 1) / levels, mean = 0;
        int64_t from = i;
        for (; i < n && ((double)s[i].mean <= end || k + 1 == levels); i++)
            mean += (double)s[i].mean;
        if (i - from < FEWEST)
            continue;
        double sd = deviation(s + from, i - from, room);
        out[count++] =
            (level){mean / (double)(i - from), sd * sd, (double)(i - from)};
    }
    return count;
}

/* The line through the levels by weighted least squares. */
static void fit_line(const level *l, const double *weight, int n, double *slope,
                     double *intercept)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        w += weight[i];
        x += weight[i] * l[i].mean;
        y += weight[i] * l[i].variance;
    }
    x /= w;
    y /= w;
    for (int i = 0; i < n; i++) {
        double d = l[i].mean - x;
        xx += weight[i] * d * d;
        xy += weight[i] * d * (l[i].variance - y);
    }
    *slope = xx > 0 ? xy / xx : 0;
    *intercept = y - *slope * x;
}

/* A variance v of n samples is known to v sqrt(2/n) times the price of a
 * median; levels that are further off count less (Huber 1964). */
static void fit_robustly(const level *l, int n, double *slope,
                         double *intercept)
{
    double weight[LEVELS];
    for (int i = 0; i < n; i++)
        weight[i] = l[i].weight;
    for (int round = 0; round < ROUNDS; round++) {
        fit_line(l, weight, n, slope, intercept);
        for (int i = 0; i < n; i++) {
            double line = *slope * l[i].mean + *intercept;
            double v = fmax(line, 1e-3 * l[i].variance) + 1e-30;
            double far =
                fabs(l[i].variance - line) / v * sqrt(l[i].weight / (2 * 2.7));
            weight[i] = l[i].weight / (v * v) / fmax(1, far / 1.5);
        }
    }
}

static fv_status estimate(fv_ctx *ctx, sample *s, int64_t n, float *room,
                          double offset, fv_noise *out)
{
    level l[LEVELS];
    if (n < FEWEST)
        return fvi_fail(ctx, FV_EINVAL,
                        "noise: %lld pixels are not clipped, expected at least "
                        "%d",
                        (long long)n, FEWEST);
    double typical = deviation(s, n, room);
    qsort(s, (size_t)n, sizeof *s, by_mean);
    int levels = find_levels(s, n, typical, room, l);
    *out = (fv_noise){.sigma = typical, .levels = levels};
    if (levels)
        fit_robustly(l, levels, &out->gain, &out->intercept);
    else
        out->intercept = typical * typical;
    double dark = out->intercept + out->gain * offset;
    out->read = dark > 0 ? sqrt(dark) : 0;
    out->low = levels ? l[0].mean : (double)s[0].mean;
    out->high = levels ? l[levels - 1].mean : (double)s[n - 1].mean;
    return FV_OK;
}

fv_status fv_noise_estimate(fv_ctx *ctx, fv_tensor image, double offset,
                            fv_noise *out)
{
    FV_TRY(fvi_want(ctx, "image", image, FV_F32, 2, "f32 (H,W)"));
    int64_t h = image.dim[0], w = image.dim[1];
    if (h < 16 || w < 16)
        return fvi_fail(ctx, FV_ESHAPE,
                        "noise: found %lld x %lld pixels, expected at least "
                        "16 x 16",
                        (long long)h, (long long)w);
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, image, true, &d));
    size_t most = (size_t)(h * w < MOST ? h * w : MOST);
    sample *s = fvi_alloc(ctx, most * sizeof *s);
    float *room = fvi_alloc(ctx, most * sizeof *room);
    fv_status status = FV_ENOMEM;
    if (s && room)
        status =
            estimate(ctx, s, collect(d.view.data, h, w, s), room, offset, out);
    fvi_free(ctx, s);
    fvi_free(ctx, room);
    fvi_dense_close(ctx, &d);
    return status;
}
