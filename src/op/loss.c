/* Losses: one number from a prediction, a target and an optional weight per
 * position. The mean runs over what has weight: sum(w term)/sum(w). */
#include "base/base.h"
#include "op/op.h"

#include <stdio.h>

/* y = (), after target (the shape of pred, or one class number per position)
 * and weight (N,...,1) were found to fit. */
static fv_status infer_loss(fv_ctx *ctx, const char *op, bool classes, int nx,
                            const fv_tensor x[], fv_tensor *y)
{
    char what[40];
    FV_TRY(fvi_need_channels(ctx, op, x[0]));
    fv_tensor single = x[0], like = x[0];
    single.dim[x[0].ndim - 1] = 1;

    snprintf(what, sizeof what, "%s: target", op);
    FV_TRY(fvi_agree(ctx, what, x[1], classes ? &single : &like));
    snprintf(what, sizeof what, "%s: weight", op);
    if (nx > 2)
        FV_TRY(fvi_agree(ctx, what, x[2], &single));
    return fvi_infer_as(ctx, x[0].dtype, 0, NULL, y);
}

static fv_status infer_cross_entropy(fv_ctx *ctx, const void *attr, int nx,
                                     const fv_tensor x[], fv_tensor *y)
{
    const fvi_class_weights *o = attr;
    FV_TRY(infer_loss(ctx, "cross_entropy", true, nx, x, y));
    int64_t K = x[0].dim[x[0].ndim - 1];
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return fvi_fail(ctx, FV_EINVAL,
                        "cross_entropy: smoothing %g, expected 0 to below 1",
                        (double)o->smoothing);
    if (o->used && K > FVI_MAX_CLASSES)
        return fvi_fail(ctx, FV_EINVAL,
                        "cross_entropy: class weights for %lld classes, "
                        "expected %d at most",
                        (long long)K, FVI_MAX_CLASSES);
    for (int64_t k = 0; o->used && k < K; k++)
        if (!(o->weight[k] >= 0))
            return fvi_fail(ctx, FV_EINVAL,
                            "cross_entropy: weight of class %lld is %g, "
                            "expected 0 or more",
                            (long long)k, (double)o->weight[k]);
    return FV_OK;
}

/* Two maps per channel of the target: means, then scales. */
static fv_status infer_laplace(fv_ctx *ctx, const void *attr, int nx,
                               const fv_tensor x[], fv_tensor *y)
{
    fv_tensor in[FVI_MAX_INPUTS];
    (void)attr;
    FV_TRY(fvi_need_channels(ctx, "laplace", x[0]));
    for (int i = 0; i < nx; i++)
        in[i] = x[i];
    int last = x[0].ndim - 1;
    if (x[0].dim[last] % 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "laplace: input has %lld channels, expected a mean "
                        "and a scale for each of the target",
                        (long long)x[0].dim[last]);
    in[0].dim[last] /= 2;
    return infer_loss(ctx, "laplace", false, nx, in, y);
}

#define INFER(op)                                                      \
    static fv_status infer_##op(fv_ctx *ctx, const void *attr, int nx, \
                                const fv_tensor x[], fv_tensor *y)     \
    {                                                                  \
        (void)attr;                                                    \
        return infer_loss(ctx, #op, false, nx, x, y);                  \
    }
INFER(bce)
INFER(mse)
INFER(mae)
INFER(dice)

/* Channel 0 is a logit; at least one distance follows. */
static fv_status infer_star(fv_ctx *ctx, const void *attr, int nx,
                            const fv_tensor x[], fv_tensor *y)
{
    (void)attr;
    FV_TRY(infer_loss(ctx, "star", false, nx, x, y));
    if (x[0].dim[x[0].ndim - 1] < 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "star: found 1 channel, expected a logit and the "
                        "distances of at least one ray");
    return FV_OK;
}

enum { KEEP_ALL = FVI_KEEP_X(0) | FVI_KEEP_X(1) | FVI_KEEP_X(2) };

const fvi_op fvi_op_cross_entropy = {
    .name = "cross_entropy",
    .equation = "y = sum w sum_k q[k] (log sum_j exp x[j] - x[k]) / "
                "sum w c[t]",
    .attr_size = sizeof(fvi_class_weights),
    .keep = KEEP_ALL,
    .infer = infer_cross_entropy,
    .work = fvi_work_none,
};

const fvi_op fvi_op_bce = {
    .name = "bce",
    .equation = "y = sum w (max(z,0) - z t + log(1 + exp(-|z|))) / sum w",
    .keep = KEEP_ALL,
    .infer = infer_bce,
    .work = fvi_work_none,
};

const fvi_op fvi_op_mse = {
    .name = "mse",
    .equation = "y = sum w (x - t)^2 / sum w",
    .keep = KEEP_ALL,
    .infer = infer_mse,
    .work = fvi_work_none,
};

const fvi_op fvi_op_mae = {
    .name = "mae",
    .equation = "y = sum w |x - t| / sum w",
    .keep = KEEP_ALL,
    .infer = infer_mae,
    .work = fvi_work_none,
};

/* Source: Weigert et al. 2018 (doi:10.1038/s41592-018-0216-7), supplement. */
const fvi_op fvi_op_laplace = {
    .name = "laplace",
    .equation = "y = sum w (|m - t|/s + log s + log 2) / sum w",
    .keep = KEEP_ALL,
    .infer = infer_laplace,
    .work = fvi_work_none,
};

/* Source: Milletari et al. 2016 (arXiv:1606.04797), section 3, with linear
 * sums in the denominator. */
const fvi_op fvi_op_dice = {
    .name = "dice",
    .equation = "y = mean_k 1 - (2 sum w p t + 1)/(sum w p + sum w t + 1)",
    .keep = KEEP_ALL,
    .infer = infer_dice,
    .work = fvi_work_none,
};

/* Source: Schmidt et al. 2018 (arXiv:1806.03535), and the StarDist package. */
const fvi_op fvi_op_star = {
    .name = "star",
    .equation = "y = <bce(z,p)> + a (<p |d-t|>/<p> + b <(1-p) |d|>), "
                "<v> = sum w v/sum w",
    .attr_size = sizeof(fvi_star_loss),
    .keep = KEEP_ALL,
    .infer = infer_star,
    .work = fvi_work_none,
};
