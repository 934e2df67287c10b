/* An image in memory: made, described, freed. */
#include "image/load.h"

#include <string.h>

/* Axes are some of T, Z, C, each at most once, then Y, X, and maybe S. */
static bool axes_are_valid(const char *axes)
{
    size_t n = strnlen(axes, FV_MAX_DIM + 1);
    if (n < 2 || n > FV_MAX_DIM)
        return false;
    if (axes[n - 1] == 'S')
        n--;
    if (n < 2 || axes[n - 2] != 'Y' || axes[n - 1] != 'X')
        return false;
    for (size_t i = 0; i + 2 < n; i++)
        if (!strchr("TZC", axes[i]) || strchr(axes + i + 1, axes[i]))
            return false;
    return true;
}

int fvi_axis_index(const fv_image *im, char axis)
{
    const char *at = strchr(im->axes, axis);
    return at && axis ? (int)(at - im->axes) : -1;
}

int64_t fvi_extent(const fv_image *im, char axis)
{
    int i = fvi_axis_index(im, axis);
    return i < 0 ? 1 : im->pixels.dim[i];
}

static fv_status name_channels(fv_ctx *ctx, fv_image *im)
{
    static const char *const colors[] = {"red", "green", "blue"};
    int64_t n = fvi_extent(im, 'C') * fvi_extent(im, 'S');
    if (n > INT32_MAX)
        return fvi_fail(ctx, FV_ENOTSUP, "image has %lld channels",
                        (long long)n);
    im->name = fvi_calloc(ctx, (size_t)n, sizeof im->name[0]);
    if (!im->name)
        return FV_ENOMEM;
    im->channels = (int)n;
    im->rgb = fvi_axis_index(im, 'S') >= 0;
    if (im->rgb && n == 3)
        for (int i = 0; i < 3; i++)
            fvi_copy_name(im->name[i], sizeof im->name[i], colors[i], 8);
    return FV_OK;
}

static fv_status make(fv_ctx *ctx, fv_dtype dtype, const char *axes,
                      const int64_t dim[], bool header, fv_image **out)
{
    int n = (int)strlen(axes);
    fv_tensor shape = fv_dense(NULL, dtype, n, dim);
    if (shape.ndim < 0)
        return fvi_fail(ctx, FV_ESHAPE, "image: extents are too large");
    fv_image *im = fvi_calloc(ctx, 1, sizeof *im);
    if (!im)
        return FV_ENOMEM;
    im->pixels = shape;
    memcpy(im->axes, axes, (size_t)n + 1);
    fv_status status = name_channels(ctx, im);
    if (status == FV_OK && !header) {
        im->pixels.data =
            fvi_calloc(ctx, (size_t)fv_count(shape), fv_dtype_size(dtype));
        if (!im->pixels.data)
            status = FV_ENOMEM;
    }
    if (status != FV_OK) {
        fv_image_free(ctx, im);
        return status;
    }
    *out = im;
    return FV_OK;
}

fv_status fv_image_new(fv_ctx *ctx, fv_dtype dtype, const char *axes,
                       const int64_t dim[], fv_image **out)
{
    if (!axes_are_valid(axes))
        return fvi_fail(ctx, FV_EINVAL,
                        "image: axes '%s', expected some of T, Z, C, then "
                        "YX or YXS",
                        axes);
    for (size_t i = 0; axes[i]; i++)
        if (dim[i] < 1 || (axes[i] == 'S' && dim[i] != 3))
            return fvi_fail(ctx, FV_ESHAPE,
                            "image: axis %c has extent %lld, expected %s",
                            axes[i], (long long)dim[i],
                            axes[i] == 'S' ? "3" : "at least 1");
    return make(ctx, dtype, axes, dim, false, out);
}

void fv_image_free(fv_ctx *ctx, fv_image *im)
{
    if (!im)
        return;
    fvi_free(ctx, im->pixels.data);
    fvi_free(ctx, im->name);
    fvi_free(ctx, im);
}

/* Elements of the claim as a product that cannot overflow. */
static fv_status claimed_bytes(const fvi_load *l, const fvi_claim *claim,
                               int64_t *out)
{
    int64_t bytes = (int64_t)fv_dtype_size(claim->dtype);
    for (int i = 0; claim->axes[i]; i++) {
        int64_t n = claim->dim[i];
        if (n < 1)
            return fvi_load_fail(l, FV_EFORMAT, "axis %c has no pixels",
                                 claim->axes[i]);
        if (n > l->limits.max_side)
            return fvi_load_fail(
                l, FV_EFORMAT, "axis %c claims %lld, the limit is %lld",
                claim->axes[i], (long long)n, (long long)l->limits.max_side);
        if (__builtin_mul_overflow(bytes, n, &bytes))
            bytes = INT64_MAX;
        if (bytes > l->limits.max_bytes)
            return fvi_load_fail(
                l, FV_EFORMAT,
                "the pixels claim more than the limit of %lld bytes",
                (long long)l->limits.max_bytes);
    }
    *out = bytes;
    return FV_OK;
}

fv_status fvi_load_image(const fvi_load *l, const fvi_claim *claim,
                         fv_image **out)
{
    enum { SLACK = 1 << 20 };
    int64_t bytes = 0, most = 0;
    FV_TRY(claimed_bytes(l, claim, &bytes));
    if (!__builtin_mul_overflow(l->file_bytes, claim->expansion, &most) &&
        bytes > SLACK && bytes - SLACK > most)
        return fvi_load_fail(l, FV_EFORMAT,
                             "claims %lld bytes of pixels, its %lld bytes "
                             "cannot hold them",
                             (long long)bytes, (long long)l->file_bytes);
    fv_status status =
        make(l->ctx, claim->dtype, claim->axes, claim->dim, l->header, out);
    if (status != FV_OK)
        return fvi_fail_in(l->ctx, status, "%s", l->path);
    return FV_OK;
}
