/* Gaussian blur, mirrored at the edges, one axis after the other. */

#include "task/volume.h"

#include <math.h>

enum { MAX_RADIUS = 512 };

typedef struct taps {
    double weight[2 * MAX_RADIUS + 1]; /* of -radius .. radius, sum 1 */
    int radius;
} taps;

static taps gauss(double sigma)
{
    taps t = {.weight = {1}, .radius = (int)fmin(ceil(4 * sigma), MAX_RADIUS)};
    double sum = 0;
    if (t.radius <= 0)
        return (taps){.weight = {1}};
    for (int i = 0; i <= 2 * t.radius; i++) {
        double x = (i - t.radius) / sigma;
        sum += t.weight[i] = exp(-0.5 * x * x);
    }
    for (int i = 0; i <= 2 * t.radius; i++)
        t.weight[i] /= sum;
    return t;
}

/* One of n numbers, `step` apart, blurred. */
static float blurred(const taps *t, const float *from, int64_t i, int64_t n,
                     int64_t step)
{
    double sum = 0;
    for (int k = -t->radius; k <= t->radius; k++)
        sum += t->weight[k + t->radius] *
               (double)from[fvi_reflect(i + k, n) * step];
    return (float)sum;
}

double fvi_smooth(const fv_ctx *ctx, float *a, float *scratch, int64_t h,
                  int64_t w, double sigma)
{
    taps t = gauss(sigma);
    int threads = fvi_team(ctx, h * w);
    double squares = 0;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            scratch[y * w + x] = blurred(&t, a + x, y, h, w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            a[y * w + x] = blurred(&t, scratch + y * w, x, w, 1);
    for (int i = 0; i <= 2 * t.radius; i++)
        squares += t.weight[i] * t.weight[i];
    return squares;
}
