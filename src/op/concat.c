/* Channels of two values side by side. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    (void)attr, (void)nx;
    FV_TRY(fvi_need_channels(ctx, "concat", x[0]));
    FV_TRY(fvi_need_channels(ctx, "concat", x[1]));
    int last = x[0].ndim - 1;
    fv_tensor like = x[0];
    like.dim[last] = x[1].dim[x[1].ndim - 1];
    FV_TRY(fvi_agree(ctx, "concat: second input", x[1], &like));
    like.dim[last] += x[0].dim[last];
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

/* Channel c of y comes from a while c < A, else from b; the other input gives
 * nothing: an empty box. */
static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    int last = y.ndim - 1;
    int64_t A = x[0].dim[last];
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    box.lo[last] = i == 0 ? at[last] : at[last] - A;
    box.hi[last] = box.lo[last] + 1;
    if ((i == 0) != (at[last] < A))
        box.lo[last] = box.hi[last] = 0;
    return box;
}

const fvi_op fvi_op_concat = {
    .name = "concat",
    .equation = "y[...,c] = a[...,c] if c < A, else b[...,c-A]",
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
