/* Losses of whole pictures: one number from a prediction and a target, channel
 * by channel of two-dimensional images. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer_images(fv_ctx *ctx, const char *op, const char *what,
                              const fv_tensor x[], fv_tensor *y)
{
    fv_tensor like = x[0];
    FV_TRY(fvi_need_channels(ctx, op, x[0]));
    if (x[0].ndim != 4)
        return fvi_fail(ctx, FV_ESHAPE,
                        "%s: input has %d axes; expected 4 (N,H,W,C)", op,
                        x[0].ndim);
    FV_TRY(fvi_agree(ctx, what, x[1], &like));
    return fvi_infer_as(ctx, x[0].dtype, 0, NULL, y);
}

/* The window must fit at the last scale. */
static fv_status infer_ssim(fv_ctx *ctx, const void *attr, int nx,
                            const fv_tensor x[], fv_tensor *y)
{
    const fvi_ssim *o = attr;
    (void)nx;
    FV_TRY(infer_images(ctx, "ssim", "ssim: target", x, y));
    if (!(o->range > 0) || o->scales < 1 || o->scales > 5)
        return fvi_fail(ctx, FV_EINVAL,
                        "ssim: range %g and %lld scales, expected a range "
                        "above 0 and 1 to 5 scales",
                        (double)o->range, (long long)o->scales);
    int64_t least = (int64_t)11 << (o->scales - 1);
    for (int a = 1; a < 3; a++)
        if (x[0].dim[a] >= 0 && x[0].dim[a] < least)
            return fvi_fail(ctx, FV_ESHAPE,
                            "ssim: a side of %lld pixels, expected at least "
                            "%lld for %lld scales",
                            (long long)x[0].dim[a], (long long)least,
                            (long long)o->scales);
    return FV_OK;
}

static fv_status infer_fourier(fv_ctx *ctx, const void *attr, int nx,
                               const fv_tensor x[], fv_tensor *y)
{
    (void)attr, (void)nx;
    return infer_images(ctx, "fourier", "fourier: target", x, y);
}

/* Sources: Wang et al. 2004, IEEE Trans. Image Processing 13:600; several
 * scales: Wang, Simoncelli & Bovik 2003, Asilomar. */
const fvi_op fvi_op_ssim = {
    .name = "ssim",
    .equation = "y = 1 - mean of prod_j max(m[j], 0)^w[j]",
    .attr_size = sizeof(fvi_ssim),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer_ssim,
    .work = fvi_work_none,
};

const fvi_op fvi_op_fourier = {
    .name = "fourier",
    .equation = "y = mean of ||X| - |T||, X = F x/sqrt(H W)",
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer_fourier,
    .work = fvi_work_none,
};
