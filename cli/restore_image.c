/* A whole image restored, plane by plane, with its metadata. */
#include "picture.h"
#include "restorer.h"
#include "stack.h"
#include "tell.h"

#include <string.h>

/* Plane (H,W,C) of the time point and z of an image: a view. */
static fv_tensor view_of(const fv_image *im, int64_t t, int64_t z)
{
    fv_tensor v = {.data = im->pixels.data, .dtype = FV_F32, .ndim = 3};
    int64_t at = 0;
    v.dim[2] = 1;
    for (int i = 0; im->axes[i]; i++) {
        int64_t dim = im->pixels.dim[i], step = im->pixels.stride[i];
        const char *place = strchr("YXCS", im->axes[i]);
        if (place) {
            int k = *place == 'Y' ? 0 : *place == 'X' ? 1 : 2;
            v.dim[k] = dim;
            v.stride[k] = step;
        } else {
            at += step * (im->axes[i] == 'T' ? t : z);
        }
    }
    v.data = (float *)v.data + at;
    return v;
}

static fv_status restore_plane(restorer *r, const fv_image *im, int64_t t,
                               int64_t z, fv_image *good, fv_image *scale,
                               int64_t *nonfinite)
{
    fv_tensor plane, restored, uncertainty;
    int64_t odd = 0;
    FV_TRY(fv_image_plane(r->c->ctx, im, t, z, &plane, &odd));
    *nonfinite += odd;
    fv_status status = r->plane(r, plane, im->rgb, &restored, &uncertainty);
    fv_plane_free(r->c->ctx, &plane);
    FV_TRY(status);
    status = fv_copy(r->c->ctx, restored, view_of(good, t, z));
    if (status == FV_OK && scale && uncertainty.data)
        status = fv_copy(r->c->ctx, uncertainty, view_of(scale, t, z));
    fv_plane_free(r->c->ctx, &restored);
    fv_plane_free(r->c->ctx, &uncertainty);
    return status;
}

static fv_status restore_planes(restorer *r, const char *path,
                                const fv_image *im, fv_image *good,
                                fv_image *scale)
{
    int64_t T = axis_extent(im, 'T'), Z = axis_extent(im, 'Z'), odd = 0;
    for (int64_t i = 0; i < T * Z; i++) {
        if (T * Z > 1)
            tell_progress(r->c, (double)i, (double)(T * Z), path);
        FV_TRY(restore_plane(r, im, i / Z, i % Z, good, scale, &odd));
    }
    if (odd)
        tell_note(r->c, path, "%lld pixels are not numbers, they count as 0",
                  (long long)odd);
    return FV_OK;
}

static fv_status blank(const restorer *r, const fv_image *im, fv_image **out)
{
    return r->channels ? stack_channels(r->c, im, r->channels, out)
                       : stack_blank(r->c, im, out);
}

fv_status restore_image(restorer *r, const char *path, const fv_image *im,
                        fv_image **restored, fv_image **uncertainty)
{
    fv_image *good = NULL, *scale = NULL;
    fv_status status = blank(r, im, &good);
    if (status == FV_OK && r->uncertain)
        status = blank(r, im, &scale);
    if (status == FV_OK)
        status = restore_planes(r, path, im, good, scale);
    if (status != FV_OK) {
        fv_image_free(r->c->ctx, good);
        fv_image_free(r->c->ctx, scale);
        return status;
    }
    *restored = good;
    *uncertainty = scale;
    return FV_OK;
}
