/* Changes of brightness, sharpness and noise in a training crop. */
#include "train/intensity.h"

#include "task/task.h"

#include <math.h>

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
    float *pixels = crop.data;
    for (int i = 0; i < 4; i++)
        odds[i] = fvi_rng_uniform(r);
    for (int i = 0; i < 2; i++)
        size[i] = fvi_rng_uniform(r);
    if (odds[0] < a->invert)
        invert(crop);
    if (odds[1] < 0.5)
        fvi_smooth(crop.dim, pixels, scratch, a->blur * size[0], 1);
    if (odds[2] < 0.5 && a->intensity > 0)
        recolor(a->intensity, r, crop);
    if (odds[3] < 0.5 && a->noise > 0)
        add_noise(a->noise * size[1], r, crop);
}
