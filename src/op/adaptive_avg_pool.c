/* Means over a grid of given extents, whatever the input has. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_shape *o = attr;
    (void)nx;
    if (o->ndim < 1 || o->ndim > 3 || x[0].ndim != o->ndim + 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %d axes; expected %d (N, %d spatial, C)",
                        x[0].ndim, o->ndim + 2, o->ndim);
    int64_t dim[FV_MAX_DIM] = {x[0].dim[0]};
    for (int a = 1; a <= o->ndim; a++) {
        dim[a] = o->dim[a - 1];
        if (dim[a] < 1 || x[0].dim[a] == 0)
            return fvi_fail(ctx, FV_ESHAPE,
                            "means of %lld parts of %lld pixels; expected at "
                            "least one of both",
                            (long long)dim[a], (long long)x[0].dim[a]);
    }
    dim[o->ndim + 1] = x[0].dim[o->ndim + 1];
    return fvi_infer_as(ctx, x[0].dtype, x[0].ndim, dim, y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    for (int a = 1; a < y.ndim - 1; a++) {
        int64_t n = x[i].dim[a], parts = y.dim[a];
        box.lo[a] = at[a] * n / parts;
        box.hi[a] = ((at[a] + 1) * n + parts - 1) / parts;
    }
    return box;
}

const fvi_op fvi_op_adaptive_avg_pool = {
    .name = "adaptive_avg_pool",
    .equation = "y[n,i,j,c] = mean of x[n,h,w,c] over part i,j of I x J",
    .attr_size = sizeof(fvi_shape),
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
