/* A parameter: numbers that training changes. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_shape *s = attr;
    (void)nx;
    (void)x;
    for (int a = 0; a < s->ndim && a < FV_MAX_DIM; a++)
        if (s->dim[a] < 1)
            return fvi_fail(ctx, FV_ESHAPE,
                            "parameter has extent %lld; expected 1 or more",
                            (long long)s->dim[a]);
    return fvi_infer_as(ctx, FV_F32, s->ndim, s->dim, y);
}

const fvi_op fvi_op_param = {
    .name = "param",
    .equation = "y = a part of the parameter vector",
    .attr_size = sizeof(fvi_shape),
    .infer = infer,
    .work = fvi_work_none,
};
