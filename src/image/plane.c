/* The plane of an image that a network looks at. */
#include "image/load.h"

#include <math.h>

/* to[i*to_step] = from[i*step] for one row, as float. */
#define CONVERT(T)                  \
    for (int64_t i = 0; i < n; i++) \
    to[i * to_step] = (float)((const T *)from)[at + i * step]

static void convert_row(fv_dtype dtype, const void *from, int64_t at,
                        int64_t step, int64_t n, float *to, int64_t to_step)
{
    switch (dtype) {
    case FV_F32:
        CONVERT(float);
        break;
    case FV_F64:
        CONVERT(double);
        break;
    case FV_U8:
        CONVERT(uint8_t);
        break;
    case FV_U16:
        CONVERT(uint16_t);
        break;
    case FV_U32:
        CONVERT(uint32_t);
        break;
    case FV_I8:
        CONVERT(int8_t);
        break;
    case FV_I16:
        CONVERT(int16_t);
        break;
    case FV_I32:
        CONVERT(int32_t);
        break;
    }
}

static int64_t clear_nonfinite(float *x, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) {
            x[i] = 0;
            count++;
        }
    return count;
}

static fv_status choose(fv_ctx *ctx, const fv_image *im, char axis,
                        int64_t want, int64_t other, int64_t *at)
{
    int64_t n = fvi_extent(im, axis);
    if (want >= n)
        return fvi_fail(ctx, FV_EINVAL, "image: %c %lld of %lld", axis,
                        (long long)want, (long long)n);
    int i = fvi_axis_index(im, axis);
    *at += i < 0 ? 0 : (want < 0 ? other : want) * im->pixels.stride[i];
    return FV_OK;
}

/* Channel k of the plane is channel k / samples, sample k % samples. */
static void fill(const fv_image *im, int64_t at, int64_t top, int64_t left,
                 fv_tensor out)
{
    const fv_tensor *t = &im->pixels;
    int c = fvi_axis_index(im, 'C'), s = fvi_axis_index(im, 'S');
    int y = fvi_axis_index(im, 'Y'), x = fvi_axis_index(im, 'X');
    int64_t samples = s < 0 ? 1 : t->dim[s], k_end = out.dim[2];
    at += top * t->stride[y] + left * t->stride[x];
    for (int64_t row = 0; row < out.dim[0]; row++)
        for (int64_t k = 0; k < k_end; k++)
            convert_row(t->dtype, t->data,
                        at + row * t->stride[y] +
                            (c < 0 ? 0 : k / samples * t->stride[c]) +
                            (s < 0 ? 0 : k % samples * t->stride[s]),
                        t->stride[x], out.dim[1],
                        (float *)out.data + row * out.stride[0] + k, k_end);
}

fv_status fvi_image_part(fv_ctx *ctx, const fv_image *im, int64_t t, int64_t z,
                         int64_t top, int64_t left, fv_tensor out,
                         int64_t *nonfinite)
{
    int64_t at = 0;
    FV_TRY(choose(ctx, im, 'T', t, 0, &at));
    FV_TRY(choose(ctx, im, 'Z', z, fvi_extent(im, 'Z') / 2, &at));
    fill(im, at, top, left, out);
    *nonfinite = clear_nonfinite(out.data, fv_count(out));
    return FV_OK;
}

fv_status fv_image_plane(fv_ctx *ctx, const fv_image *im, int64_t t, int64_t z,
                         fv_tensor *out, int64_t *nonfinite)
{
    int64_t count = 0;
    int64_t dim[3] = {fvi_extent(im, 'Y'), fvi_extent(im, 'X'), im->channels};
    if (!im->pixels.data)
        return fvi_fail(ctx, FV_EINVAL, "image: has no pixels");
    fv_tensor plane = fv_dense(NULL, FV_F32, 3, dim);
    if (plane.ndim < 0)
        return fvi_fail(ctx, FV_ESHAPE, "image: the plane is too large");
    plane.data = fvi_calloc(ctx, (size_t)fv_count(plane), sizeof(float));
    if (!plane.data)
        return FV_ENOMEM;
    fv_status status = fvi_image_part(ctx, im, t, z, 0, 0, plane, &count);
    if (status != FV_OK) {
        fv_plane_free(ctx, &plane);
        return status;
    }
    if (nonfinite)
        *nonfinite = count;
    *out = plane;
    return FV_OK;
}

void fv_plane_free(fv_ctx *ctx, fv_tensor *plane)
{
    if (!plane)
        return;
    fvi_free(ctx, plane->data);
    *plane = (fv_tensor){.ndim = -1};
}
