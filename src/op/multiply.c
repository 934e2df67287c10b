/* Product of two values of one shape, element by element; or of a map and one
 * number per channel of each image, which serves all its positions. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    FV_TRY(fvi_infer_same(ctx, attr, nx, x, y));
    if (x[1].ndim != 2 || x[0].ndim <= 2)
        return fvi_agree(ctx, "multiply: second input", x[1], y);
    fv_tensor each = {.dtype = y->dtype, .ndim = 2};
    each.dim[0] = y->dim[0];
    each.dim[1] = y->dim[y->ndim - 1];
    return fvi_agree(ctx, "multiply: second input", x[1], &each);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return (double)fv_count(y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    int64_t from[FV_MAX_DIM] = {0};
    for (int a = 0; a < y.ndim; a++)
        from[a] = at[a];
    if (x[i].ndim < y.ndim)
        from[1] = at[y.ndim - 1];
    return fvi_reads_point(attr, x, y, i, from);
}

const fvi_op fvi_op_multiply = {
    .name = "multiply",
    .equation = "y = a b",
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
