/* Percentile normalization. Order statistics are exact and need no sorting:
 * the bits of a float, mapped so that they order as the numbers do, are
 * counted in two digits of 16 bits. */
#include "image/bands.h"

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

/* Both add to what was counted. */
static void count_high(series s, int64_t *count)
{
    for (int64_t i = 0; i < s.n; i++)
        count[key_of(s.x[i * s.step]) >> 16]++;
}

static void count_low(series s, uint32_t high, int64_t *count)
{
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

/* The elements that two percentiles lie between: four ranks, each with the
 * high digit it falls in and its rank among those of the digit. */
typedef struct quest {
    double at[2];
    int64_t left[4];
    uint32_t top[4];
} quest;

static quest quest_for(int64_t n, double lo, double hi, const int64_t *high)
{
    quest q = {.at = {lo / 100 * (double)(n - 1), hi / 100 * (double)(n - 1)}};
    for (int i = 0; i < 4; i++) {
        int64_t rank = (int64_t)q.at[i / 2] + i % 2;
        q.left[i] = rank < n ? rank : n - 1;
        q.top[i] = digit_of(high, &q.left[i]);
    }
    return q;
}

/* The first of the four that has the digit of number i. */
static int same_digit(const quest *q, int i)
{
    int k = 0;
    while (q->top[k] != q->top[i])
        k++;
    return k;
}

/* Counts the low digits of the elements that matter; low[4 * DIGITS]. */
static void count_lows(const quest *q, series s, int64_t *low)
{
    for (int i = 0; i < 4; i++)
        if (same_digit(q, i) == i)
            count_low(s, q->top[i], low + i * DIGITS);
}

/* Linear between order statistics. Source: Hyndman and Fan 1996, definition 7,
 * which is the default of numpy.percentile. */
static void answer(const quest *q, const int64_t *low, double out[2])
{
    double x[4];
    for (int i = 0; i < 4; i++) {
        int64_t left = q->left[i];
        const int64_t *count = low + same_digit(q, i) * DIGITS;
        x[i] = (double)number_of(q->top[i] << 16 | digit_of(count, &left));
    }
    for (int i = 0; i < 2; i++)
        out[i] =
            x[2 * i] + (q->at[i] - floor(q->at[i])) * (x[2 * i + 1] - x[2 * i]);
}

static fv_status check_plane(fv_ctx *ctx, const char *what, fv_tensor plane)
{
    if (plane.ndim == 3 && plane.dtype == FV_F32 && fv_is_dense(plane) &&
        fv_count(plane) > 0)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE, "%s: expected a dense f32[H,W,C]", what);
}

static fv_status check_percentiles(fv_ctx *ctx, double lo, double hi)
{
    if (lo >= 0 && lo < hi && hi <= 100)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "normalize: percentiles %g and %g, expected "
                    "0 <= low < high <= 100",
                    lo, hi);
}

fv_status fv_percentiles(fv_ctx *ctx, fv_tensor plane, double lo, double hi,
                         int joint, double low[], double high[])
{
    FV_TRY(check_plane(ctx, "normalize", plane));
    FV_TRY(check_percentiles(ctx, lo, hi));
    enum { ROOM = 5 * DIGITS };
    int64_t *high_count = fvi_alloc(ctx, ROOM * sizeof *high_count);
    if (!high_count)
        return FV_ENOMEM;
    int64_t step = joint ? 1 : plane.dim[2], n = fv_count(plane) / step;
    for (int64_t c = 0; c < plane.dim[2]; c++) {
        double range[2] = {low[0], high[0]};
        series s = {(float *)plane.data + c, n, step};
        if (!joint || c == 0) {
            memset(high_count, 0, ROOM * sizeof *high_count);
            count_high(s, high_count);
            quest q = quest_for(n, lo, hi, high_count);
            count_lows(&q, s, high_count + DIGITS);
            answer(&q, high_count + DIGITS, range);
        }
        low[c] = range[0];
        high[c] = range[1];
    }
    fvi_free(ctx, high_count);
    return FV_OK;
}

/* ---- of a picture that comes in bands ---- */

typedef struct passes {
    fv_ctx *ctx;
    const fvi_bands *b;
    fv_tensor band;
    int64_t series, step; /* channels that are counted apart */
    int64_t *count;       /* series x 5 x DIGITS             */
    quest *quest;         /* one per series, or NULL         */
} passes;

static void count_band(const passes *p, fv_tensor band)
{
    int64_t n = fv_count(band) / p->step;
    for (int64_t c = 0; c < p->series; c++) {
        series s = {(float *)band.data + c, n, p->step};
        int64_t *count = p->count + c * 5 * DIGITS;
        if (p->quest)
            count_lows(&p->quest[c], s, count + DIGITS);
        else
            count_high(s, count);
    }
}

static fv_status pass(const passes *p)
{
    for (int64_t top = 0; top < p->b->height; top += p->band.dim[0]) {
        int64_t rows = p->b->height - top;
        fv_tensor band = p->band;
        if (rows < band.dim[0])
            band.dim[0] = rows;
        if (fvi_canceled(p->ctx))
            return fvi_fail(p->ctx, FV_ECANCEL, "canceled");
        FV_TRY(p->b->read(p->b->user, top, band));
        count_band(p, band);
    }
    return FV_OK;
}

static fv_status both_passes(passes *p, quest *q, double lo, double hi)
{
    int64_t n = p->b->height * p->b->width * (p->b->channels / p->step);
    FV_TRY(pass(p));
    for (int64_t c = 0; c < p->series; c++)
        q[c] = quest_for(n, lo, hi, p->count + c * 5 * DIGITS);
    p->quest = q;
    return pass(p);
}

fv_status fvi_percentiles_of(fv_ctx *ctx, const fvi_bands *b, double lo,
                             double hi, int joint, double low[], double high[])
{
    enum { BAND = 1 << 20 }; /* numbers */
    passes p = {.ctx = ctx, .b = b};
    p.series = p.step = joint ? 1 : b->channels;
    int64_t row = b->width * b->channels, rows = BAND / row;
    int64_t dim[3] = {rows < 1           ? 1
                      : rows < b->height ? rows
                                         : b->height,
                      b->width, b->channels};
    FV_TRY(check_percentiles(ctx, lo, hi));
    p.band = fv_dense(NULL, FV_F32, 3, dim);
    p.band.data = fvi_alloc(ctx, (size_t)(dim[0] * row) * sizeof(float));
    p.count = fvi_calloc(ctx, (size_t)p.series * 5 * DIGITS, sizeof *p.count);
    quest *q = fvi_alloc(ctx, (size_t)p.series * sizeof *q);
    fv_status status = FV_ENOMEM;
    if (p.band.data && p.count && q)
        status = both_passes(&p, q, lo, hi);
    for (int64_t c = 0; c < b->channels && status == FV_OK; c++) {
        double range[2];
        int64_t k = joint ? 0 : c;
        answer(&q[k], p.count + (k * 5 + 1) * DIGITS, range);
        low[c] = range[0];
        high[c] = range[1];
    }
    fvi_free(ctx, q);
    fvi_free(ctx, p.count);
    fvi_free(ctx, p.band.data);
    return status;
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
