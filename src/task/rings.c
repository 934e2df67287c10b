/* Fourier ring correlation of two images, and of one image by its quarters. */

#include "fovea/score.h"
#include "task/fft.h"
#include "task/task.h"

#include <math.h>

static const double pi = 3.141592653589793, threshold = 1. / 7;

/* A plane and its spectrum. */
typedef struct wave {
    double *real;
    fvi_complex *half;
} wave;

static bool wave_new(fv_ctx *ctx, const fvi_fft *f, wave *w)
{
    w->real = fvi_alloc(ctx, (size_t)f->reals * sizeof *w->real);
    w->half = fvi_alloc(ctx, (size_t)f->halves * sizeof *w->half);
    return w->real && w->half;
}

static void wave_free(fv_ctx *ctx, wave *w)
{
    fvi_free(ctx, w->real);
    fvi_free(ctx, w->half);
}

static double hann(int64_t i, int64_t n)
{
    double s = sin(pi * ((double)i + 0.5) / (double)n);
    return s * s;
}

/* Reads through the strides of `t`, which may leave pixels out. */
static void transform(const fvi_fft *f, fv_tensor t, wave *out)
{
    int64_t h = t.dim[0], w = t.dim[1];
    const float *from = t.data;
    double mean = 0;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            mean += (double)from[y * t.stride[0] + x * t.stride[1]];
    mean /= (double)(h * w);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            double v = (double)from[y * t.stride[0] + x * t.stride[1]] - mean;
            out->real[y * w + x] = v * hann(y, h) * hann(x, w);
        }
    fvi_fft_forward(f, out->real, out->half);
}

typedef struct ring {
    double shared, a, b; /* Re sum A conj(B), sum |A|^2, sum |B|^2 */
} ring;

/* B was sampled `shift` px after A, which its phase takes back. */
static void add_rings(const fvi_fft *f, const wave *a, const wave *b,
                      const double shift[2], int64_t rings, ring *sum)
{
    int64_t h = f->dim[1], w = f->dim[2], n = h < w ? h : w, half = w / 2 + 1;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < half; x++) {
            double v = (double)(y < (h + 1) / 2 ? y : y - h) / (double)h;
            double u = (double)x / (double)w;
            int64_t r = (int64_t)floor((double)n * sqrt(u * u + v * v) + 0.5);
            if (r >= rings)
                continue;
            fvi_complex p = a->half[y * half + x], q = b->half[y * half + x];
            double turn = 2 * pi * (shift[0] * v + shift[1] * u);
            /* the other half of the plane has the same numbers, conjugated */
            double twice = x == 0 || 2 * x == w ? 1 : 2;
            double re = p.re * q.re + p.im * q.im;
            double im = p.im * q.re - p.re * q.im;
            sum[r].shared += twice * (re * cos(turn) - im * sin(turn));
            sum[r].a += twice * (p.re * p.re + p.im * p.im);
            sum[r].b += twice * (q.re * q.re + q.im * q.im);
        }
}

/* Adds the correlation of each ring to `out`. */
static fv_status correlate(fv_ctx *ctx, const fvi_fft *f, fv_tensor a,
                           fv_tensor b, const double shift[2], int64_t rings,
                           double *out)
{
    wave p = {0}, q = {0};
    ring *sum = fvi_calloc(ctx, (size_t)rings, sizeof *sum);
    fv_status status = FV_ENOMEM;
    if (sum && wave_new(ctx, f, &p) && wave_new(ctx, f, &q)) {
        transform(f, a, &p);
        transform(f, b, &q);
        add_rings(f, &p, &q, shift, rings, sum);
        for (int64_t i = 0; i < rings; i++) {
            double size = sqrt(sum[i].a) * sqrt(sum[i].b);
            bool blank = sum[i].a == 0 && sum[i].b == 0;
            out[i] += size > 0 ? sum[i].shared / size : blank;
        }
        status = FV_OK;
    }
    wave_free(ctx, &p);
    wave_free(ctx, &q);
    fvi_free(ctx, sum);
    return status;
}

static double smooth(const fv_rings *r, int64_t i)
{
    int64_t lo = i > 1 ? i - 1 : 1, hi = i + 1 < r->count ? i + 1 : i;
    double sum = 0;
    for (int64_t k = lo; k <= hi; k++)
        sum += r->correlation[k];
    return sum / (double)(hi - lo + 1);
}

static double find_resolution(const fv_rings *r)
{
    double before = smooth(r, 1);
    if (before < threshold)
        return 1 / r->frequency[1];
    for (int64_t i = 2; i < r->count; i++) {
        double now = smooth(r, i);
        if (now < threshold) {
            double part = (before - threshold) / (before - now);
            double step = r->frequency[i] - r->frequency[i - 1];
            return 1 / (r->frequency[i - 1] + part * step);
        }
        before = now;
    }
    return 2;
}

/* Pairs of views and how far the second lies from the first. */
typedef struct couple {
    fv_tensor a, b;
    double shift[2];
} couple;

/* `step` is the distance of neighbors in px of the image. */
static fv_status run(fv_ctx *ctx, const couple *c, int couples, double step,
                     fv_rings *out)
{
    int64_t h = c->a.dim[0], w = c->a.dim[1], n = h < w ? h : w;
    fv_rings r = {.count = n / 2 + 1};
    fvi_fft f = {0};
    FV_TRY(fvi_fft_new(ctx, (int64_t[3]){1, h, w}, &f));
    r.frequency = fvi_calloc(ctx, (size_t)r.count, sizeof *r.frequency);
    r.correlation = fvi_calloc(ctx, (size_t)r.count, sizeof *r.correlation);
    fv_status status = r.frequency && r.correlation ? FV_OK : FV_ENOMEM;
    for (int i = 0; i < couples && status == FV_OK; i++)
        status = correlate(ctx, &f, c[i].a, c[i].b, c[i].shift, r.count,
                           r.correlation);
    fvi_fft_free(&f);
    if (status != FV_OK) {
        fv_rings_free(ctx, &r);
        return status;
    }
    for (int64_t i = 0; i < r.count; i++) {
        r.correlation[i] /= couples;
        r.frequency[i] = (double)i / (double)n;
    }
    r.resolution = step * find_resolution(&r);
    for (int64_t i = 0; i < r.count; i++)
        r.frequency[i] /= step;
    *out = r;
    return FV_OK;
}

static fv_status check_size(fv_ctx *ctx, fv_tensor t, int64_t least)
{
    if (t.dim[0] >= least && t.dim[1] >= least)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "ring correlation: found %lld x %lld pixels, expected at "
                    "least %lld x %lld",
                    (long long)t.dim[0], (long long)t.dim[1], (long long)least,
                    (long long)least);
}

fv_status fv_ring_correlation(fv_ctx *ctx, fv_tensor a, fv_tensor b,
                              fv_rings *out)
{
    FV_TRY(fvi_want(ctx, "first image", a, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want(ctx, "second image", b, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "first image", a, "second image", b));
    FV_TRY(check_size(ctx, a, 8));
    couple c = {a, b, {0, 0}};
    return run(ctx, &c, 1, 1, out);
}

/* Every second pixel from row `y` and column `x`; an odd rest is left out. */
static fv_tensor quarter(fv_tensor t, int64_t y, int64_t x)
{
    fv_tensor q = t;
    q.data = (float *)t.data + y * t.stride[0] + x * t.stride[1];
    for (int i = 0; i < 2; i++) {
        q.dim[i] = t.dim[i] / 2;
        q.stride[i] = 2 * t.stride[i];
    }
    return q;
}

fv_status fv_ring_correlation_single(fv_ctx *ctx, fv_tensor image,
                                     fv_rings *out)
{
    FV_TRY(fvi_want(ctx, "image", image, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(check_size(ctx, image, 16));
    couple c[2] = {
        {quarter(image, 0, 0), quarter(image, 1, 1), {0.5, 0.5}},
        {quarter(image, 0, 1), quarter(image, 1, 0), {0.5, -0.5}},
    };
    return run(ctx, c, 2, 2, out);
}

void fv_rings_free(fv_ctx *ctx, fv_rings *r)
{
    fvi_free(ctx, r->frequency);
    fvi_free(ctx, r->correlation);
    *r = (fv_rings){0};
}
