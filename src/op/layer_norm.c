/* Layer normalization: the channels of each position to mean 0 and variance 1,
 * then scaled and shifted. Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450),
 * equations 3 and 4. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_need_channels(ctx, "layer_norm", x[0]));
    int64_t C = x[0].dim[x[0].ndim - 1];
    fv_tensor per_channel;
    FV_TRY(fvi_infer_as(ctx, x[0].dtype, 1, &C, &per_channel));
    FV_TRY(fvi_agree(ctx, "layer_norm: scale", x[1], &per_channel));
    FV_TRY(fvi_agree(ctx, "layer_norm: shift", x[2], &per_channel));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

/* One for the variance, one for scale and shift. */
static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return 2 * (double)fv_count(y);
}

const fvi_op fvi_op_layer_norm = {
    .name = "layer_norm",
    .equation = "y = scale (x - mean)/sqrt(var + eps) + shift, per position",
    .attr_size = sizeof(fvi_norm),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = fvi_reads_channels,
};
