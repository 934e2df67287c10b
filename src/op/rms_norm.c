/* Root mean square normalization: the channels of each position divided by
 * their root mean square, then scaled. Source: Zhang & Sennrich 2019
 * (arXiv:1910.07467), equation 4. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_need_channels(ctx, "rms_norm", x[0]));
    int64_t C = x[0].dim[x[0].ndim - 1];
    fv_tensor per_channel;
    FV_TRY(fvi_infer_as(ctx, x[0].dtype, 1, &C, &per_channel));
    FV_TRY(fvi_agree(ctx, "rms_norm: scale", x[1], &per_channel));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

/* One for the mean square, one for the scale. */
static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return 2 * (double)fv_count(y);
}

const fvi_op fvi_op_rms_norm = {
    .name = "rms_norm",
    .equation = "y = scale x/sqrt(mean x^2 + eps), per position",
    .attr_size = sizeof(fvi_norm),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = fvi_reads_channels,
};
