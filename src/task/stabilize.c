/* Counts whose noise grows with the light, made even and back. */

#include "fovea/filter.h"
#include "task/task.h"

#include <math.h>

static fv_status check(fv_ctx *ctx, fv_tensor image, double gain)
{
    if (image.dtype != FV_F32 || image.ndim < 0) {
        char found[96];
        fv_describe(image, found, sizeof found);
        return fvi_fail(ctx, FV_ESHAPE, "stabilize: found %s, expected f32",
                        found);
    }
    if (gain > 0 && gain < 1e30)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "stabilize: gain is %g counts per electron, expected over "
                    "0",
                    gain);
}

typedef double change(double v, double gain, double offset, double read);

/* Starck, Murtagh & Bijaoui 1998, eq. 2.23. */
static double forward(double v, double gain, double offset, double read)
{
    double s = gain * (v - offset) + 0.375 * gain * gain + read * read;
    return 2 / gain * sqrt(s > 0 ? s : 0);
}

/* Makitalo & Foi 2013, eq. 16, in electrons. */
static double backward(double f, double gain, double offset, double read)
{
    double d = f > 2 * sqrt(0.375) ? f : 2 * sqrt(0.375);
    double root = sqrt(1.5), noise = read / gain;
    double electrons = d * d / 4 + root / (4 * d) - 11 / (8 * d * d) +
                       5 * root / (8 * d * d * d) - 0.125 - noise * noise;
    return offset + gain * electrons;
}

static fv_status apply(fv_ctx *ctx, fv_tensor image, double gain, double offset,
                       double read, change *f)
{
    fvi_dense d;
    FV_TRY(check(ctx, image, gain));
    FV_TRY(fvi_dense_open(ctx, image, true, &d));
    float *v = d.view.data;
    for (int64_t i = 0; i < fv_count(image); i++)
        v[i] = (float)f((double)v[i], gain, offset, read);
    fv_status status = fvi_dense_store(ctx, &d, image);
    fvi_dense_close(ctx, &d);
    return status;
}

fv_status fv_stabilize(fv_ctx *ctx, fv_tensor image, double gain, double offset,
                       double read)
{
    return apply(ctx, image, gain, offset, read, forward);
}

fv_status fv_unstabilize(fv_ctx *ctx, fv_tensor image, double gain,
                         double offset, double read)
{
    return apply(ctx, image, gain, offset, read, backward);
}
