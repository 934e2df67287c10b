/* The mean over all positions of an image, channel by channel. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    (void)attr;
    (void)nx;
    if (x[0].ndim < 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %d axes; expected at least 2 (N,...,C)",
                        x[0].ndim);
    int64_t dim[2] = {x[0].dim[0], x[0].dim[x[0].ndim - 1]};
    return fvi_infer_as(ctx, x[0].dtype, 2, dim, y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)attr;
    (void)y;
    fvi_box box = fvi_reads_all(x[i]);
    int last = x[i].ndim - 1;
    box.lo[0] = at[0];
    box.hi[0] = at[0] + 1;
    box.lo[last] = at[1];
    box.hi[last] = at[1] + 1;
    return box;
}

const fvi_op fvi_op_global_avg_pool = {
    .name = "global_avg_pool",
    .equation = "y[n,c] = 1/(H W) sum_hw x[n,h,w,c]",
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
