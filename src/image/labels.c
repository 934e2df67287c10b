/* Label images: whole numbers, one per object, 0 for the background. */
#include "image/load.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* The elements of a dense tensor as double, one by one. */
static double number(const fv_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case FV_F32:
        return (double)((const float *)t->data)[i];
    case FV_F64:
        return ((const double *)t->data)[i];
    case FV_U8:
        return ((const uint8_t *)t->data)[i];
    case FV_U16:
        return ((const uint16_t *)t->data)[i];
    case FV_U32:
        return ((const uint32_t *)t->data)[i];
    case FV_I8:
        return ((const int8_t *)t->data)[i];
    case FV_I16:
        return ((const int16_t *)t->data)[i];
    case FV_I32:
        return ((const int32_t *)t->data)[i];
    }
    return 0;
}

static fv_status convert(fv_ctx *ctx, const char *path, const fv_image *from,
                         fv_image *to)
{
    int64_t n = fv_count(from->pixels), w = to->pixels.dim[1];
    uint32_t *label = to->pixels.data;
    for (int64_t i = 0; i < n; i++) {
        double x = number(&from->pixels, i);
        if (!(x >= 0 && x <= UINT32_MAX) || floor(x) < x)
            return fvi_fail(ctx, FV_EFORMAT,
                            "%s: label %g at x %lld, y %lld, expected a whole "
                            "number from 0 to 4294967295",
                            path, x, (long long)(i % w), (long long)(i / w));
        label[i] = (uint32_t)x;
    }
    return FV_OK;
}

static fv_status to_labels(fv_ctx *ctx, const char *path, const fv_image *im,
                           fv_image **out)
{
    fv_image *labels = NULL;
    if (im->rgb)
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: is a color image, expected one label per pixel",
                        path);
    if (strcmp(im->axes, "YX") != 0)
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: has axes %s, expected a label image of one plane",
                        path, im->axes);
    FV_TRY(fv_image_new(ctx, FV_U32, "YX", im->pixels.dim, &labels));
    memcpy(labels->pitch, im->pitch, sizeof labels->pitch);
    fv_status status = convert(ctx, path, im, labels);
    if (status == FV_OK)
        *out = labels;
    else
        fv_image_free(ctx, labels);
    return status;
}

fv_status fv_labels_read(fv_ctx *ctx, const char *path, const fv_limits *limits,
                         fv_image **out)
{
    fv_image *im = NULL;
    FV_TRY(fvi_image_load(ctx, path, limits, false, true, &im));
    fv_status status = to_labels(ctx, path, im, out);
    fv_image_free(ctx, im);
    return status;
}

static uint32_t largest(fv_tensor labels)
{
    uint32_t top = 0;
    for (int64_t y = 0; y < labels.dim[0]; y++)
        for (int64_t x = 0; x < labels.dim[1]; x++) {
            uint32_t v =
                ((const uint32_t *)
                     labels.data)[y * labels.stride[0] + x * labels.stride[1]];
            top = v > top ? v : top;
        }
    return top;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n > m && strcasecmp(path + n - m, ending) == 0;
}

fv_status fv_labels_write(fv_ctx *ctx, const char *path, fv_tensor labels,
                          const double pitch[3])
{
    fv_image *im = NULL;
    if (labels.ndim != 2 || labels.dtype != FV_U32) {
        char text[160];
        fv_describe(labels, text, sizeof text);
        return fvi_fail(ctx, FV_ESHAPE, "%s: labels are %s, expected u32[H,W]",
                        path, text);
    }
    uint32_t top = largest(labels);
    if (top > UINT16_MAX && ends_in(path, ".png"))
        return fvi_fail(ctx, FV_EINVAL,
                        "%s: label %u does not fit in a PNG (65535); write "
                        ".tif",
                        path, (unsigned)top);
    FV_TRY(fv_image_new(ctx, top > UINT16_MAX ? FV_U32 : FV_U16, "YX",
                        labels.dim, &im));
    if (pitch)
        memcpy(im->pitch, pitch, sizeof im->pitch);
    fv_status status = fv_copy(ctx, labels, im->pixels);
    if (status == FV_OK)
        status = fv_image_write(ctx, path, im);
    fv_image_free(ctx, im);
    return status;
}
