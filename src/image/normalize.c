/* Percentile normalization. Order statistics are exact and need no sorting:
 * the bits of a float, mapped so that they order as the numbers do, are
 * counted in two digits of 16 bits. */
#include "image/load.h"

#include <math.h>
#include <string.h>

enum { DIGITS = 1 << 16 };

/* Elements first, first + step, ... of a plane. */
typedef struct series {
    const float *x;
    int64_t n, step;
} series;

static uint32_t key_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float number_of(uint32_t key)
{
    float x;
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void count_high(series s, int64_t *count)
{
    memset(count, 0, DIGITS * sizeof *count);
    for (int64_t i = 0; i < s.n; i++)
        count[key_of(s.x[i * s.step]) >> 16]++;
}

static void count_low(series s, uint32_t high, int64_t *count)
{
    memset(count, 0, DIGITS * sizeof *count);
    for (int64_t i = 0; i < s.n; i++) {
        uint32_t key = key_of(s.x[i * s.step]);
        if (key >> 16 == high)
            count[key & 0xffff]++;
    }
}

/* The digit in which the element of `rank` falls; `*rank` becomes its rank
 * among those of the digit. */
static uint32_t digit_of(const int64_t *count, int64_t *rank)
{
    uint32_t d = 0;
    while (d < DIGITS - 1 && *rank >= count[d])
        *rank -= count[d++];
    return d;
}

/* The elements of four ranks in rising order. */
static void order_statistics(series s, const int64_t rank[4], int64_t *high,
                             int64_t *low, float out[4])
{
    int64_t counted = -1;
    count_high(s, high);
    for (int i = 0; i < 4; i++) {
        int64_t left = rank[i];
        uint32_t top = digit_of(high, &left);
        if (counted != (int64_t)top)
            count_low(s, top, low);
        counted = (int64_t)top;
        out[i] = number_of(top << 16 | digit_of(low, &left));
    }
}

/* Linear between order statistics. Source: Hyndman and Fan 1996, definition 7,
 * which is the default of numpy.percentile. */
static void percentiles(series s, double lo, double hi, int64_t *high,
                        int64_t *low, double out[2])
{
    double at[2] = {lo / 100 * (double)(s.n - 1), hi / 100 * (double)(s.n - 1)};
    int64_t rank[4];
    float x[4];
    for (int i = 0; i < 2; i++) {
        rank[2 * i] = (int64_t)at[i];
        rank[2 * i + 1] = rank[2 * i] + 1 < s.n ? rank[2 * i] + 1 : s.n - 1;
    }
    order_statistics(s, rank, high, low, x);
    for (int i = 0; i < 2; i++) {
        double a = (double)x[2 * i], b = (double)x[2 * i + 1];
        out[i] = a + (at[i] - floor(at[i])) * (b - a);
    }
}

static fv_status check_plane(fv_ctx *ctx, const char *what, fv_tensor plane)
{
    if (plane.ndim == 3 && plane.dtype == FV_F32 && fv_is_dense(plane) &&
        fv_count(plane) > 0)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE, "%s: expected a dense f32[H,W,C]", what);
}

fv_status fv_percentiles(fv_ctx *ctx, fv_tensor plane, double lo, double hi,
                         int joint, double low[], double high[])
{
    FV_TRY(check_plane(ctx, "normalize", plane));
    if (!(lo >= 0 && lo < hi && hi <= 100))
        return fvi_fail(ctx, FV_EINVAL,
                        "normalize: percentiles %g and %g, expected "
                        "0 <= low < high <= 100",
                        lo, hi);
    int64_t *count = fvi_alloc(ctx, 2 * DIGITS * sizeof *count);
    if (!count)
        return FV_ENOMEM;
    int64_t step = joint ? 1 : plane.dim[2], n = fv_count(plane) / step;
    for (int64_t c = 0; c < plane.dim[2]; c++) {
        double range[2] = {low[0], high[0]};
        series s = {(float *)plane.data + c, n, step};
        if (!joint || c == 0)
            percentiles(s, lo, hi, count, count + DIGITS, range);
        low[c] = range[0];
        high[c] = range[1];
    }
    fvi_free(ctx, count);
    return FV_OK;
}

fv_status fv_rescale(fv_ctx *ctx, fv_tensor plane, const double low[],
                     const double high[], int back)
{
    FV_TRY(check_plane(ctx, "rescale", plane));
    int64_t C = plane.dim[2], n = fv_count(plane) / C;
    float *x = plane.data;
#pragma omp parallel for schedule(static) num_threads(fv_threads(ctx))
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < C; c++) {
            double v = (double)x[i * C + c], width = high[c] - low[c];
            bool flat = !(width > 0);
            if (back)
                v = flat ? low[c] : v * width + low[c];
            else
                v = flat ? 0 : (v - low[c]) / width;
            x[i * C + c] = (float)v;
        }
    return FV_OK;
}

fv_status fv_normalize(fv_ctx *ctx, fv_tensor plane, double lo, double hi,
                       int joint)
{
    FV_TRY(check_plane(ctx, "normalize", plane));
    size_t C = (size_t)plane.dim[2];
    double *low = fvi_calloc(ctx, 2 * C, sizeof *low);
    if (!low)
        return FV_ENOMEM;
    fv_status status = fv_percentiles(ctx, plane, lo, hi, joint, low, low + C);
    if (status == FV_OK)
        status = fv_rescale(ctx, plane, low, low + C, 0);
    fvi_free(ctx, low);
    return status;
}
