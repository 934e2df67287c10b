/* Stains of a section, taken apart (Ruifrok & Johnston 2001). */
#include "fovea/image.h"
#include "image/load.h"

#include <math.h>

/* Optical densities in red, green and blue, from the paper. */
static const double hematoxylin[3] = {0.65, 0.70, 0.29};
static const double others[][3] = {
    [FV_STAIN_H_DAB] = {0.27, 0.57, 0.78}, /* DAB, brown  */
    [FV_STAIN_H_E] = {0.07, 0.99, 0.11},   /* eosin, pink */
};

static void cross(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] =
            a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* What a density is multiplied with to give the amount of hematoxylin: 1 for
 * its own density, 0 for the other stain and for what is neither. */
static void direction(fv_stain stain, double out[3])
{
    double neither[3];
    cross(hematoxylin, others[stain], neither);
    cross(others[stain], neither, out);
    double scale = 1 / dot(hematoxylin, out);
    for (int i = 0; i < 3; i++)
        out[i] *= scale;
}

static float amount(const float *rgb, double white, const double along[3])
{
    double density[3];
    for (int i = 0; i < 3; i++)
        density[i] = -log10(fmax((double)rgb[i] / white, 1.0 / 255));
    return (float)fmax(dot(density, along), 0);
}

fv_status fv_hematoxylin(fv_ctx *ctx, fv_tensor rgb, double white,
                         fv_stain stain, fv_tensor *out)
{
    if (rgb.ndim != 3 || rgb.dim[2] != 3 || rgb.dtype != FV_F32)
        return fvi_fail(ctx, FV_ESHAPE,
                        "stains are told apart in RGB images, this one has "
                        "%lld channels",
                        rgb.ndim == 3 ? (long long)rgb.dim[2] : 0LL);
    if (!(white > 0))
        return fvi_fail(ctx, FV_EINVAL, "stain: white is %g, expected over 0",
                        white);
    int64_t dim[3] = {rgb.dim[0], rgb.dim[1], 1}, count = dim[0] * dim[1];
    float *to = fvi_alloc(ctx, (size_t)count * sizeof *to);
    if (!to && count > 0)
        return FV_ENOMEM;
    double along[3];
    direction(stain, along);
    for (int64_t i = 0; i < count; i++)
        to[i] = amount((const float *)rgb.data + 3 * i, white, along);
    *out = fv_dense(to, FV_F32, 3, dim);
    return FV_OK;
}
