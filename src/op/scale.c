/* Multiplication by a fixed number. */
#include "op/op.h"

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return (double)fv_count(y);
}

const fvi_op fvi_op_scale = {
    .name = "scale",
    .equation = "y = factor x",
    .attr_size = sizeof(fvi_number),
    .keep = 0,
    .infer = fvi_infer_same,
    .work = work,
    .reads = fvi_reads_point,
};
