/* All planes of one image. */
#include "stack.h"
#include "tell.h"

#include <math.h>
#include <string.h>

static fv_status new_like(cli *c, const fv_image *im, fv_dtype dtype,
                          const int64_t *dim, fv_image **out)
{
    fv_image *f;
    FV_TRY(fv_image_new(c->ctx, dtype, im->axes, dim, &f));
    memcpy(f->pitch, im->pitch, sizeof f->pitch);
    f->rgb = im->rgb;
    for (int k = 0; k < im->channels && k < f->channels && im->name; k++)
        memcpy(f->name[k], im->name[k], sizeof *f->name);
    *out = f;
    return FV_OK;
}

fv_status stack_blank(cli *c, const fv_image *im, fv_image **out)
{
    return new_like(c, im, FV_F32, im->pixels.dim, out);
}

fv_status stack_channels(cli *c, const fv_image *im, int channels,
                         fv_image **out)
{
    char axes[FV_MAX_DIM + 2] = "";
    int64_t dim[FV_MAX_DIM + 1];
    int n = 0;
    bool put = channels == 1;
    for (int i = 0; im->axes[i] && n < FV_MAX_DIM; i++) {
        if (strchr("CS", im->axes[i]))
            continue;
        if (!put && strchr("ZYX", im->axes[i])) {
            axes[n] = 'C';
            dim[n++] = channels;
            put = true;
        }
        axes[n] = im->axes[i];
        dim[n++] = im->pixels.dim[i];
    }
    fv_image *f;
    FV_TRY(fv_image_new(c->ctx, FV_F32, axes, dim, &f));
    memcpy(f->pitch, im->pitch, sizeof f->pitch);
    *out = f;
    return FV_OK;
}

static void clear_nonfinite(cli *c, const char *path, fv_image *im)
{
    float *v = im->pixels.data;
    int64_t count = 0;
    for (int64_t i = 0; i < fv_count(im->pixels); i++)
        if (!isfinite(v[i])) {
            v[i] = 0;
            count++;
        }
    if (count)
        tell_note(c, path, "%lld pixels are not numbers, they count as 0",
                  (long long)count);
}

fv_status stack_copy(cli *c, const char *path, const fv_image *im,
                     fv_image **out)
{
    fv_image *f;
    FV_TRY(stack_blank(c, im, &f));
    fv_status status = fv_copy(c->ctx, im->pixels, f->pixels);
    if (status != FV_OK) {
        fv_image_free(c->ctx, f);
        return status;
    }
    clear_nonfinite(c, path, f);
    *out = f;
    return FV_OK;
}

fv_status stack_read(cli *c, const char *path, fv_image **out)
{
    fv_image *im;
    FV_TRY(fv_image_read(c->ctx, path, NULL, &im));
    fv_status status = stack_copy(c, path, im, out);
    fv_image_free(c->ctx, im);
    return status;
}

fv_status stack_like(cli *c, const fv_image *im, fv_dtype dtype, int64_t height,
                     int64_t width, fv_image **out)
{
    int64_t dim[FV_MAX_DIM];
    for (int i = 0; i < im->pixels.ndim; i++) {
        char axis = im->axes[i];
        dim[i] = axis == 'Y' ? height : axis == 'X' ? width : im->pixels.dim[i];
    }
    return new_like(c, im, dtype, dim, out);
}

static bool inside(char axis, bool volume)
{
    return axis == 'Y' || axis == 'X' || (volume && axis == 'Z');
}

int64_t stack_count(const fv_image *im, bool volume)
{
    int64_t count = 1;
    for (int i = 0; i < im->pixels.ndim; i++)
        count *= inside(im->axes[i], volume) ? 1 : im->pixels.dim[i];
    return count;
}

fv_tensor stack_part(const fv_image *im, bool volume, int64_t index)
{
    const fv_tensor *t = &im->pixels;
    fv_tensor part = {.dtype = t->dtype};
    int64_t at = 0, rest = index;
    for (int i = t->ndim - 1; i >= 0; i--) {
        if (inside(im->axes[i], volume))
            continue;
        at += rest % t->dim[i] * t->stride[i];
        rest /= t->dim[i];
    }
    for (int i = 0; i < t->ndim; i++)
        if (inside(im->axes[i], volume)) {
            part.dim[part.ndim] = t->dim[i];
            part.stride[part.ndim++] = t->stride[i];
        }
    part.data = (char *)t->data + (size_t)at * fv_dtype_size(t->dtype);
    return part;
}
