/* Product of two values of one shape, element by element. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_infer_same(ctx, attr, nx, x, y));
    return fvi_agree(ctx, "multiply: second input", x[1], y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return (double)fv_count(y);
}

const fvi_op fvi_op_multiply = {
    .name = "multiply",
    .equation = "y = a b",
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = fvi_reads_point,
};
