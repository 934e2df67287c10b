/* From a picture as recorded to what the network was trained on. */
#include "image/load.h"
#include "model/predict.h"

double fvi_predict_scale(const fv_predictor *p)
{
    if (p->model->diameter <= 0 || p->diameter <= 0)
        return 1;
    return p->model->diameter / p->diameter;
}

static fv_status check_plane(fv_ctx *ctx, const fv_model *m, fv_tensor plane,
                             int rgb)
{
    if (plane.ndim != 3 || plane.dtype != FV_F32 || fv_count(plane) == 0)
        return fvi_fail(ctx, FV_ESHAPE,
                        "a picture must be f32 (height, width, channels)");
    int64_t have = plane.dim[2], want = fv_channels(m->graph, m->image);
    if (have == want || have == 1 || (rgb && have == 3 && want == 1))
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "the image has %lld channels, the model wants %lld: choose "
                    "one channel",
                    (long long)have, (long long)want);
}

/* One channel: copied, or the mean over red, green and blue. */
static void fill_one(fv_tensor plane, fv_tensor out)
{
    float *to = out.data;
    const float *from = plane.data;
    int64_t channels = plane.dim[2];
    for (int64_t y = 0; y < plane.dim[0]; y++) {
        for (int64_t x = 0; x < plane.dim[1]; x++) {
            const float *p = from + y * plane.stride[0] + x * plane.stride[1];
            float sum = 0;
            for (int64_t c = 0; c < channels; c++)
                sum += p[c * plane.stride[2]];
            *to++ = sum / (float)channels;
        }
    }
}

static fv_status with_channels(fv_ctx *ctx, fv_tensor plane, int64_t want,
                               fv_tensor *out)
{
    int64_t have = plane.dim[2];
    int64_t dim[3] = {plane.dim[0], plane.dim[1], want < have ? want : have};
    FV_TRY(fvi_tensor_new(ctx, FV_F32, 3, dim, out));
    if (dim[2] != have) {
        fill_one(plane, *out);
        return FV_OK;
    }
    fv_status status = fv_copy(ctx, plane, *out);
    if (status != FV_OK)
        fv_plane_free(ctx, out);
    return status;
}

fv_status fvi_match_channels(fv_ctx *ctx, const fv_model *m, fv_tensor plane,
                             int rgb, fv_tensor *out)
{
    FV_TRY(check_plane(ctx, m, plane, rgb));
    return with_channels(ctx, plane, fv_channels(m->graph, m->image), out);
}

static fv_status resized(fv_ctx *ctx, double scale, fv_tensor *plane)
{
    int64_t height = fvi_scaled_extent(plane->dim[0], scale);
    int64_t width = fvi_scaled_extent(plane->dim[1], scale);
    if (height == plane->dim[0] && width == plane->dim[1])
        return FV_OK;
    if (scale > 64 || scale < 1.0 / 64)
        return fvi_fail(ctx, FV_EINVAL,
                        "objects of the image and of the model differ %g-fold "
                        "in diameter, at most 64 is possible",
                        scale > 1 ? scale : 1 / scale);
    fv_tensor bigger;
    FV_TRY(fv_resize(ctx, *plane, height, width, &bigger));
    fv_plane_free(ctx, plane);
    *plane = bigger;
    return FV_OK;
}

fv_status fvi_prepare(fv_ctx *ctx, const fv_predictor *p, fv_tensor plane,
                      int rgb, fvi_range *range, fv_tensor *out)
{
    const fv_model *m = p->model;
    fv_tensor copy;
    FV_TRY(fvi_match_channels(ctx, m, plane, rgb, &copy));
    fv_status status = fvi_range_of(ctx, m, copy, rgb, range);
    if (status == FV_OK)
        status = fv_rescale(ctx, copy, range->low, range->high, 0);
    if (status == FV_OK)
        status = resized(ctx, fvi_predict_scale(p), &copy);
    if (status != FV_OK)
        fv_plane_free(ctx, &copy);
    else
        *out = copy;
    return status;
}
