/* Planes and volumes as dense floats. */

#include "task/volume.h"

fv_status fvi_volume_extents(fv_ctx *ctx, const char *name, fv_tensor t,
                             int64_t dim[3])
{
    bool good = t.dtype == FV_F32 && (t.ndim == 2 || t.ndim == 3);
    for (int i = 0; good && i < t.ndim; i++)
        good = t.dim[i] > 0;
    if (!good) {
        char found[96];
        fv_describe(t, found, sizeof found);
        return fvi_fail(ctx, FV_ESHAPE,
                        "%s: found %s, expected f32 (H,W) or (D,H,W)", name,
                        found);
    }
    dim[0] = t.ndim == 3 ? t.dim[0] : 1;
    dim[1] = t.dim[t.ndim - 2];
    dim[2] = t.dim[t.ndim - 1];
    return FV_OK;
}

static fv_status run_dense(fv_ctx *ctx, const int64_t dim[3], fv_tensor image,
                           fvi_filter *run, const void *args, fv_tensor out)
{
    size_t size = (size_t)fv_count(image) * sizeof(float);
    float *to = fvi_alloc(ctx, size);
    if (!to)
        return FV_ENOMEM;
    fv_status status = run(ctx, dim, image.data, to, args);
    if (status == FV_OK)
        status = fv_copy(ctx, fv_dense(to, FV_F32, image.ndim, image.dim), out);
    fvi_free(ctx, to);
    return status;
}

fv_status fvi_filter_run(fv_ctx *ctx, fv_tensor image, int most,
                         fvi_filter *run, const void *args, fv_tensor out)
{
    int64_t dim[3];
    fvi_dense d;
    FV_TRY(fvi_volume_extents(ctx, "image", image, dim));
    if (image.ndim > most || out.dtype != FV_F32 ||
        !fv_same_shape(image, out)) {
        char a[96], b[96];
        fv_describe(image, a, sizeof a);
        fv_describe(out, b, sizeof b);
        return fvi_fail(ctx, FV_ESHAPE,
                        "filter: image is %s, result %s, expected f32 %s of "
                        "equal extents",
                        a, b, most == 2 ? "(H,W)" : "(H,W) or (D,H,W)");
    }
    FV_TRY(fvi_dense_open(ctx, image, true, &d));
    fv_status status = run_dense(ctx, dim, d.view, run, args, out);
    fvi_dense_close(ctx, &d);
    return status;
}
