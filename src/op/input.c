/* An input: numbers that the plan binds. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_shape *s = attr;
    (void)nx;
    (void)x;
    if (s->ndim < 1 || s->ndim > FV_MAX_DIM)
        return fvi_fail(ctx, FV_ESHAPE, "input has %d axes; expected 1 to %d",
                        s->ndim, FV_MAX_DIM);
    int64_t channels = s->dim[s->ndim - 1];
    if (s->ndim > 1 && channels < 1)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %lld channels; expected a known number",
                        (long long)channels);
    return fvi_infer_as(ctx, FV_F32, s->ndim, s->dim, y);
}

const fvi_op fvi_op_input = {
    .name = "input",
    .equation = "y = what the plan was given",
    .attr_size = sizeof(fvi_shape),
    .infer = infer,
    .work = fvi_work_none,
};
