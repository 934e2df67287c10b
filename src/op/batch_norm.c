/* Batch normalization: every channel to mean 0 and variance 1, then scaled and
 * shifted. Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1, 2. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    static const char *const what[] = {"batch_norm: scale", "batch_norm: shift",
                                       "batch_norm: mean", "batch_norm: var"};
    FV_TRY(fvi_need_channels(ctx, "batch_norm", x[0]));
    int64_t C = x[0].dim[x[0].ndim - 1];
    fv_tensor per_channel;
    FV_TRY(fvi_infer_as(ctx, x[0].dtype, 1, &C, &per_channel));
    for (int i = 1; i < nx; i++)
        FV_TRY(fvi_agree(ctx, what[i - 1], x[i], &per_channel));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return (double)fv_count(y);
}

/* `reads` is that of inference; while training y depends on the whole batch. */
const fvi_op fvi_op_batch_norm = {
    .name = "batch_norm",
    .equation = "y = scale (x - mean)/sqrt(var + eps) + shift, per channel",
    .attr_size = sizeof(fvi_norm),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1) | FVI_KEEP_X(2),
    .infer = infer,
    .work = work,
    .reads = fvi_reads_point,
};
