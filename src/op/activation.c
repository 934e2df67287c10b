/* Activations: y = f(x), element by element. */
#include "base/base.h"
#include "op/op.h"

/* Backward of leaky_relu takes the sign of x from y: slopes below zero would
 * lose it. */
static fv_status infer_leaky(fv_ctx *ctx, const void *attr, int nx,
                             const fv_tensor x[], fv_tensor *y)
{
    const fvi_number *slope = attr;
    if (!(slope->value >= 0))
        return fvi_fail(ctx, FV_EINVAL,
                        "leaky_relu: slope is %g, expected 0 or more",
                        (double)slope->value);
    return fvi_infer_same(ctx, attr, nx, x, y);
}

const fvi_op fvi_op_relu = {
    .name = "relu",
    .equation = "y = max(x, 0)",
    .keep = FVI_KEEP_Y,
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

const fvi_op fvi_op_leaky_relu = {
    .name = "leaky_relu",
    .equation = "y = x if x > 0, else slope x",
    .attr_size = sizeof(fvi_number),
    .keep = FVI_KEEP_Y,
    .infer = infer_leaky,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

const fvi_op fvi_op_sigmoid = {
    .name = "sigmoid",
    .equation = "y = 1/(1 + exp(-x))",
    .keep = FVI_KEEP_Y,
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

const fvi_op fvi_op_tanh = {
    .name = "tanh",
    .equation = "y = tanh(x)",
    .keep = FVI_KEEP_Y,
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

/* Source: Hendrycks & Gimpel 2016 (arXiv:1606.08415), equation 1. */
const fvi_op fvi_op_gelu = {
    .name = "gelu",
    .equation = "y = x Phi(x), Phi(x) = erfc(-x/sqrt(2))/2",
    .keep = FVI_KEEP_X(0),
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

/* Source: as gelu, section 2; the form that TensorFlow and PyTorch name so. */
const fvi_op fvi_op_gelu_tanh = {
    .name = "gelu_tanh",
    .equation = "y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))/2",
    .keep = FVI_KEEP_X(0),
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};

/* Source: Dugas et al. 2001, NIPS, equation 1. */
const fvi_op fvi_op_softplus = {
    .name = "softplus",
    .equation = "y = floor + log(1 + exp(x))",
    .attr_size = sizeof(fvi_number),
    .keep = FVI_KEEP_X(0),
    .infer = fvi_infer_same,
    .work = fvi_work_none,
    .reads = fvi_reads_point,
};
