/* The median filter. */

#include "fovea/filter.h"
#include "task/volume.h"

enum { MOST_PLANE = 15, MOST_VOLUME = 5, ROOM = 1331 };

static float median_at(const int64_t dim[3], const float *v, const int64_t r[3],
                       int64_t z, int64_t y, int64_t x)
{
    float window[ROOM];
    int n = 0;
    for (int64_t k = z - r[0]; k <= z + r[0]; k++)
        for (int64_t j = y - r[1]; j <= y + r[1]; j++) {
            const float *row =
                v + (fvi_reflect(k, dim[0]) * dim[1] + fvi_reflect(j, dim[1])) *
                        dim[2];
            for (int64_t i = x - r[2]; i <= x + r[2]; i++) {
                float a = row[fvi_reflect(i, dim[2])];
                window[n++] = a == a ? a : 0;
            }
        }
    return fvi_kth(window, n, n / 2);
}

static fv_status run(fv_ctx *ctx, const int64_t dim[3], const float *from,
                     float *to, const void *args)
{
    int threads = fvi_team(ctx, dim[0] * dim[1] * dim[2]);
    const int64_t *r = args;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < dim[0] * dim[1]; row++)
        for (int64_t x = 0; x < dim[2]; x++)
            to[row * dim[2] + x] =
                median_at(dim, from, r, row / dim[1], row % dim[1], x);
    return FV_OK;
}

fv_status fv_filter_median(fv_ctx *ctx, fv_tensor image, int radius,
                           fv_tensor out)
{
    int most = image.ndim == 3 ? MOST_VOLUME : MOST_PLANE;
    if (radius < 0 || radius > most)
        return fvi_fail(ctx, FV_EINVAL,
                        "median: radius is %d px, expected 0 to %d", radius,
                        most);
    int64_t r[3] = {image.ndim == 3 ? radius : 0, radius, radius};
    return fvi_filter_run(ctx, image, 3, run, r, out);
}
