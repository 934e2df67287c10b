/* The Gaussian filter, one axis after the other. */

#include "fovea/filter.h"
#include "task/volume.h"

#include <math.h>
#include <string.h>

enum { MAX_RADIUS = 4096 };

/* Half of the taps, the middle first; all of them sum to 1. */
static double *make_taps(fv_ctx *ctx, double sigma, int *radius)
{
    *radius = (int)fmin(4 * sigma + 0.5, MAX_RADIUS);
    double *tap = fvi_alloc(ctx, (size_t)(*radius + 1) * sizeof *tap), sum = 0;
    if (!tap)
        return NULL;
    for (int i = 0; i <= *radius; i++) {
        tap[i] = *radius ? exp(-0.5 * (i / sigma) * (i / sigma)) : 1;
        sum += i ? 2 * tap[i] : tap[i];
    }
    for (int i = 0; i <= *radius; i++)
        tap[i] /= sum;
    return tap;
}

/* One line of n numbers `step` apart. */
static void filter_line(const float *from, int64_t n, int64_t step,
                        const double *tap, int radius, float *to)
{
    for (int64_t i = 0; i < n; i++) {
        double sum = tap[0] * (double)from[i * step];
        for (int k = 1; k <= radius; k++) {
            double a = (double)from[fvi_reflect(i - k, n) * step];
            double b = (double)from[fvi_reflect(i + k, n) * step];
            sum += tap[k] * (a + b);
        }
        to[i * step] = (float)sum;
    }
}

/* All lines along `axis`: line j of the first axis left, i of the second. */
static fv_status filter_axis(fv_ctx *ctx, const int64_t dim[3], int axis,
                             double sigma, const float *from, float *to)
{
    int64_t step[3] = {dim[1] * dim[2], dim[2], 1};
    int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2, radius;
    int threads = fvi_team(ctx, dim[0] * dim[1] * dim[2]);
    double *tap = make_taps(ctx, sigma, &radius);
    if (!tap)
        return FV_ENOMEM;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (int64_t j = 0; j < dim[a]; j++)
        for (int64_t i = 0; i < dim[b]; i++) {
            int64_t at = j * step[a] + i * step[b];
            filter_line(from + at, dim[axis], step[axis], tap, radius, to + at);
        }
    fvi_free(ctx, tap);
    return FV_OK;
}

fv_status fvi_gaussian(fv_ctx *ctx, const int64_t dim[3], const float *from,
                       const double sigma[3], float *to)
{
    size_t size = (size_t)(dim[0] * dim[1] * dim[2]) * sizeof(float);
    float *room = fvi_alloc(ctx, size);
    fv_status status = room ? FV_OK : FV_ENOMEM;
    memcpy(to, from, size);
    for (int axis = 0; axis < 3 && status == FV_OK; axis++) {
        if (sigma[axis] == 0 || dim[axis] == 1)
            continue;
        memcpy(room, to, size);
        status = filter_axis(ctx, dim, axis, sigma[axis], room, to);
    }
    fvi_free(ctx, room);
    return status;
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
