/* A range of channels. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    (void)nx;
    const fvi_slice *o = attr;
    FV_TRY(fvi_need_channels(ctx, "slice", x[0]));
    int last = x[0].ndim - 1;
    if (o->lo < 0 || o->lo >= o->hi || o->hi > x[0].dim[last])
        return fvi_fail(ctx, FV_ESHAPE,
                        "slice: channels %lld to %lld wanted, expected a range "
                        "within 0 to %lld",
                        (long long)o->lo, (long long)o->hi,
                        (long long)x[0].dim[last]);
    fv_tensor like = x[0];
    like.dim[last] = o->hi - o->lo;
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_slice *o = attr;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    int last = y.ndim - 1;
    box.lo[last] += o->lo;
    box.hi[last] += o->lo;
    return box;
}

const fvi_op fvi_op_slice = {
    .name = "slice",
    .equation = "y[...,c] = x[...,lo+c], c < hi - lo",
    .attr_size = sizeof(fvi_slice),
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
