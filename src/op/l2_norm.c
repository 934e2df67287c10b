/* Vectors of length 1: the channels of each position divided by the root of
 * their sum of squares; no parameters. Zeros stay zeros. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_need_channels(ctx, "l2_norm", x[0]));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

/* One for the sum of squares, one for the quotient. */
static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return 2 * (double)fv_count(y);
}

const fvi_op fvi_op_l2_norm = {
    .name = "l2_norm",
    .equation = "y = x/sqrt(sum x^2), per position; 0 where x is 0",
    .keep = FVI_KEEP_X(0),
    .infer = infer,
    .work = work,
    .reads = fvi_reads_channels,
};
