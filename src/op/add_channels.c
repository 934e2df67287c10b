/* A map and one number per channel of each image, which all its positions
 * share. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_need_channels(ctx, "add_channels", x[0]));
    FV_TRY(fvi_infer_same(ctx, attr, nx, x, y));
    fv_tensor each = {.dtype = y->dtype, .ndim = 2};
    each.dim[0] = y->dim[0];
    each.dim[1] = y->dim[y->ndim - 1];
    return fvi_agree(ctx, "add_channels: second input", x[1], &each);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    if (i == 0)
        return fvi_reads_point(attr, x, y, i, at);
    return fvi_reads_point(attr, x, y, i, (int64_t[]){at[0], at[y.ndim - 1]});
}

const fvi_op fvi_op_add_channels = {
    .name = "add_channels",
    .equation = "y[n,h,w,c] = a[n,h,w,c] + b[n,c]",
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
