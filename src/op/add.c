/* Sum of two values of one shape. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_infer_same(ctx, attr, nx, x, y));
    return fvi_agree(ctx, "add: second input", x[1], y);
}

const fvi_op fvi_op_add = {
    .name = "add",
    .equation = "y = a + b",
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};
