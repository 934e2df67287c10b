/* The Gaussian filter, one axis after the other. */

#include "fovea/filter.h"
#include "task/volume.h"

#include <math.h>
#include <string.h>

enum { MAX_RADIUS = 4096, CHUNK = 256 };

/* The middle and one half, cut at 4 sigma; all of them sum to 1. */
typedef struct taps {
    double tap[MAX_RADIUS + 1];
    int radius;
} taps;

static void make_taps(taps *t, double sigma)
{
    double sum = 0;
    t->radius = (int)fmin(4 * sigma + 0.5, MAX_RADIUS);
    for (int i = 0; i <= t->radius; i++) {
        double x = i / sigma;
        t->tap[i] = t->radius ? exp(-0.5 * x * x) : 1;
        sum += i ? 2 * t->tap[i] : t->tap[i];
    }
    for (int i = 0; i <= t->radius; i++)
        t->tap[i] /= sum;
}

/* Row `i` of n rows of `width` numbers, a few columns at a time. */
static void filter_row(const taps *t, const float *from, int64_t n,
                       int64_t width, int64_t i, float *to)
{
    for (int64_t lo = 0; lo < width; lo += CHUNK) {
        int64_t m = width - lo < CHUNK ? width - lo : CHUNK;
        double sum[CHUNK];
        for (int64_t k = 0; k < m; k++)
            sum[k] = t->tap[0] * (double)from[i * width + lo + k];
        for (int r = 1; r <= t->radius; r++) {
            const float *a = from + fvi_reflect(i - r, n) * width + lo;
            const float *b = from + fvi_reflect(i + r, n) * width + lo;
            for (int64_t k = 0; k < m; k++)
                sum[k] += t->tap[r] * ((double)a[k] + (double)b[k]);
        }
        for (int64_t k = 0; k < m; k++)
            to[i * width + lo + k] = (float)sum[k];
    }
}

/* Along the middle one of three axes. */
static void filter_axis(const taps *t, const int64_t dim[3], const float *from,
                        float *to, int threads)
{
    int64_t part = dim[1] * dim[2];
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (int64_t j = 0; j < dim[0]; j++)
        for (int64_t i = 0; i < dim[1]; i++)
            filter_row(t, from + j * part, dim[1], dim[2], i, to + j * part);
}

double fvi_smooth(const int64_t dim[3], float *a, float *scratch, double sigma,
                  int threads)
{
    taps t;
    if (!(sigma > 0))
        return 1;
    make_taps(&t, sigma);
    filter_axis(&t, (int64_t[3]){1, dim[0], dim[1] * dim[2]}, a, scratch,
                threads);
    filter_axis(&t, dim, scratch, a, threads);
    double squares = t.tap[0] * t.tap[0];
    for (int i = 1; i <= t.radius; i++)
        squares += 2 * t.tap[i] * t.tap[i];
    return squares;
}

fv_status fvi_gaussian(fv_ctx *ctx, const int64_t dim[3], const float *from,
                       const double sigma[3], float *to)
{
    const int64_t seen[3][3] = {{1, dim[0], dim[1] * dim[2]},
                                {dim[0], dim[1], dim[2]},
                                {dim[0] * dim[1], dim[2], 1}};
    size_t size = (size_t)(dim[0] * dim[1] * dim[2]) * sizeof(float);
    int threads = fvi_team(ctx, dim[0] * dim[1] * dim[2]);
    float *room = fvi_alloc(ctx, size);
    if (!room)
        return FV_ENOMEM;
    memcpy(to, from, size);
    for (int axis = 0; axis < 3; axis++) {
        taps t;
        if (sigma[axis] == 0 || dim[axis] == 1)
            continue;
        make_taps(&t, sigma[axis]);
        memcpy(room, to, size);
        filter_axis(&t, seen[axis], room, to, threads);
    }
    fvi_free(ctx, room);
    return FV_OK;
}

static fv_status run(fv_ctx *ctx, const int64_t dim[3], const float *from,
                     float *to, const void *args)
{
    return fvi_gaussian(ctx, dim, from, args, to);
}

fv_status fv_filter_gaussian(fv_ctx *ctx, fv_tensor image,
                             const double sigma[3], fv_tensor out)
{
    for (int i = image.ndim == 3 ? 0 : 1; i < 3; i++)
        if (!(sigma[i] >= 0 && sigma[i] <= 1000))
            return fvi_fail(ctx, FV_EINVAL,
                            "Gaussian: sigma is %g px, expected 0 to 1000",
                            sigma[i]);
    return fvi_filter_run(ctx, image, 3, run, sigma, out);
}
