/* Random crops: the same (seed, epoch, index) gives the same crop. */
#include "train/augment.h"

#include "train/intensity.h"
#include "train/warp.h"

int64_t fvi_augment_scratch(int64_t side, int64_t channels)
{
    int64_t grid = fvi_warp_grid(side);
    return side * side * channels + 2 * grid * grid + 2 * grid;
}

void fvi_augment_fill(const fv_augment *a, uint64_t seed, uint64_t epoch,
                      uint64_t index, fv_tensor image, fv_tensor labels,
                      fv_tensor image_out, fv_tensor labels_out, float *scratch)
{
    int64_t side = labels_out.dim[0], grid = fvi_warp_grid(side);
    uint64_t stream = epoch << 32 ^ index;
    fvi_rng where = fvi_rng_new(seed ^ fvi_hash_text("geometry"), stream);
    fvi_rng how = fvi_rng_new(seed ^ fvi_hash_text("intensity"), stream);
    float *knots = scratch + fv_count(image_out);
    fvi_warp warp = fvi_warp_draw(a, &where, labels, side, knots);
    fvi_warp_apply(&warp, image, labels, image_out, labels_out,
                   knots + 2 * grid * grid);
    fvi_intensity_apply(a, &how, image_out, scratch);
}

static fv_status check_shapes(fv_ctx *ctx, fv_tensor image, fv_tensor labels,
                              fv_tensor image_out, fv_tensor labels_out)
{
    bool kinds = image.dtype == FV_F32 && image_out.dtype == FV_F32 &&
                 labels.dtype == FV_U32 && labels_out.dtype == FV_U32;
    bool ranks = image.ndim == 3 && image_out.ndim == 3 && labels.ndim == 2 &&
                 labels_out.ndim == 2;
    if (!kinds || !ranks)
        return fvi_fail(ctx, FV_ESHAPE,
                        "a crop wants images f32[H,W,C] and labels u32[H,W]");
    for (int i = 0; i < 2; i++)
        if (image.dim[i] != labels.dim[i] || labels.dim[i] < 1 ||
            image_out.dim[i] != labels_out.dim[i] ||
            labels_out.dim[i] != labels_out.dim[0] || labels_out.dim[i] < 1)
            return fvi_fail(
                ctx, FV_ESHAPE,
                "image is %lldx%lld, labels %lldx%lld, crops "
                "%lldx%lld and %lldx%lld, expected equal sizes and "
                "square crops",
                (long long)image.dim[0], (long long)image.dim[1],
                (long long)labels.dim[0], (long long)labels.dim[1],
                (long long)image_out.dim[0], (long long)image_out.dim[1],
                (long long)labels_out.dim[0], (long long)labels_out.dim[1]);
    if (image.dim[2] != image_out.dim[2] || image.dim[2] < 1)
        return fvi_fail(ctx, FV_ESHAPE,
                        "image has %lld channels, its crop %lld",
                        (long long)image.dim[2], (long long)image_out.dim[2]);
    if (!fv_is_dense(image) || !fv_is_dense(labels) ||
        !fv_is_dense(image_out) || !fv_is_dense(labels_out))
        return fvi_fail(ctx, FV_ESHAPE, "a crop wants dense tensors");
    return FV_OK;
}

fv_status fv_augment_crop(fv_ctx *ctx, const fv_augment *a, uint64_t seed,
                          uint64_t epoch, uint64_t index, fv_tensor image,
                          fv_tensor labels, fv_tensor image_out,
                          fv_tensor labels_out)
{
    FV_TRY(check_shapes(ctx, image, labels, image_out, labels_out));
    if (!(a->scale_min > 0) || !(a->scale_max >= a->scale_min))
        return fvi_fail(ctx, FV_EINVAL,
                        "zoom from %g to %g, expected 0 < min <= max",
                        a->scale_min, a->scale_max);
    int64_t size = fvi_augment_scratch(labels_out.dim[0], image.dim[2]);
    float *scratch = fvi_alloc(ctx, (size_t)size * sizeof *scratch);
    if (!scratch)
        return FV_ENOMEM;
    fvi_augment_fill(a, seed, epoch, index, image, labels, image_out,
                     labels_out, scratch);
    fvi_free(ctx, scratch);
    return FV_OK;
}
