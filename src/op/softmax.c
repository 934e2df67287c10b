/* Softmax over the channels of each position. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_need_channels(ctx, "softmax", x[0]));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

const fvi_op fvi_op_softmax = {
    .name = "softmax",
    .equation = "y[...,c] = exp(x[...,c]) / sum_k exp(x[...,k])",
    .keep = FVI_KEEP_Y,
    .infer = infer,
    .work = fvi_work_none,
    .reads = fvi_reads_channels,
};
