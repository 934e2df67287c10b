/* Dropout, inverted: what stays grows, so that inference is the identity. Of
 * numbers: Srivastava et al. 2014, J. Machine Learning Research 15:1929. Of
 * whole images, which drops a residual branch (stochastic depth): Huang et al.
 * 2016 (arXiv:1603.09382), equation 2. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_number *rate = attr;
    if (!(rate->value >= 0 && rate->value < 1))
        return fvi_fail(ctx, FV_EINVAL,
                        "rate of dropping is %g, expected 0 <= rate < 1",
                        (double)rate->value);
    return fvi_infer_same(ctx, attr, nx, x, y);
}

const fvi_op fvi_op_dropout = {
    .name = "dropout",
    .equation = "y = x m/(1 - rate), m = 1 with probability 1 - rate, else 0",
    .attr_size = sizeof(fvi_number),
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

const fvi_op fvi_op_drop_path = {
    .name = "drop_path",
    .equation = "y[n] = x[n] m/(1 - rate), m = 1 with probability 1 - rate, "
                "else 0",
    .attr_size = sizeof(fvi_number),
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};
