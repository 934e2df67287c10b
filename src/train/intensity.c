/* Changes of brightness, sharpness and noise in a training crop. */
#include "train/intensity.h"

#include <math.h>
#include <string.h>

enum { MAX_RADIUS = 48 };

static int gauss(double sigma, float tap[MAX_RADIUS + 1])
{
    int radius = (int)fmin(ceil(3 * sigma), MAX_RADIUS);
    double sum = 0, value[MAX_RADIUS + 1];
    for (int i = 0; i <= radius; i++) {
        value[i] = exp(-0.5 * i * i / (sigma * sigma));
        sum += i ? 2 * value[i] : value[i];
    }
    for (int i = 0; i <= radius; i++)
        tap[i] = (float)(value[i] / sum);
    return radius;
}

static int64_t mirror(int64_t i, int64_t n)
{
    if (n == 1)
        return 0;
    int64_t period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

/* Along the first axis of (n, width): whole rows are added, which vectorizes.*/
static void blur_rows(const float *from, float *to, int64_t n, int64_t width,
                      const float *tap, int radius)
{
    for (int64_t i = 0; i < n; i++) {
        float *out = to + i * width;
        for (int64_t k = 0; k < width; k++)
            out[k] = tap[0] * from[i * width + k];
        for (int t = 1; t <= radius; t++) {
            const float *a = from + mirror(i - t, n) * width;
            const float *b = from + mirror(i + t, n) * width;
            for (int64_t k = 0; k < width; k++)
                out[k] += tap[t] * (a[k] + b[k]);
        }
    }
}

void fvi_blur(fv_tensor crop, double sigma, float *scratch)
{
    float tap[MAX_RADIUS + 1];
    int64_t H = crop.dim[0], W = crop.dim[1], C = crop.dim[2];
    float *pixel = crop.data;
    if (!(sigma > 0))
        return;
    int radius = gauss(sigma, tap);
    blur_rows(pixel, scratch, H, W * C, tap, radius);
    for (int64_t i = 0; i < H; i++)
        blur_rows(scratch + i * W * C, pixel + i * W * C, W, C, tap, radius);
}

/* x <- gain |x|^gamma sign(x) + offset, the gain of each channel a little
 * apart from the common one. */
static void recolor(double share, fvi_rng *r, fv_tensor crop)
{
    float gain[64] = {0};
    int64_t C = crop.dim[2], n = fv_count(crop) / C;
    float *x = crop.data;
    float gamma = (float)exp(fvi_rng_between(r, -share, share));
    double common = fvi_rng_between(r, -share, share);
    float offset = (float)fvi_rng_between(r, -share / 2, share / 2);
    for (int64_t c = 0; c < C && c < 64; c++) {
        double own = C > 1 ? fvi_rng_between(r, -share / 4, share / 4) : 0;
        gain[c] = (float)exp(common + own);
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < C; c++, x++)
            *x = gain[c % 64] * copysignf(powf(fabsf(*x), gamma), *x) + offset;
}

static void add_noise(double sigma, fvi_rng *r, fv_tensor crop)
{
    float *x = crop.data;
    for (int64_t i = 0; i < fv_count(crop); i++)
        x[i] += (float)(sigma * fvi_rng_normal(r));
}

static void invert(fv_tensor crop)
{
    float *x = crop.data;
    for (int64_t i = 0; i < fv_count(crop); i++)
        x[i] = 1 - x[i];
}

/* Each change happens to half of the crops; inversion as often as asked. */
void fvi_intensity_apply(const fv_augment *a, fvi_rng *r, fv_tensor crop,
                         float *scratch)
{
    double odds[4], size[2];
    for (int i = 0; i < 4; i++)
        odds[i] = fvi_rng_uniform(r);
    for (int i = 0; i < 2; i++)
        size[i] = fvi_rng_uniform(r);
    if (odds[0] < a->invert)
        invert(crop);
    if (odds[1] < 0.5)
        fvi_blur(crop, a->blur * size[0], scratch);
    if (odds[2] < 0.5 && a->intensity > 0)
        recolor(a->intensity, r, crop);
    if (odds[3] < 0.5 && a->noise > 0)
        add_noise(a->noise * size[1], r, crop);
}
