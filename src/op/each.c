/* The same numbers p for every image of a batch: p has the last extents of x.
 * Position embeddings are added so; layer scale multiplies so. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    int skip = x[0].ndim - x[1].ndim;
    bool fits = skip >= 1 && x[1].ndim >= 1;
    for (int a = 0; fits && a < x[1].ndim; a++)
        fits = x[0].dim[skip + a] == x[1].dim[a] || x[0].dim[skip + a] < 0;
    if (!fits) {
        char is[80], wants[80];
        fv_describe(x[1], is, sizeof is);
        fv_describe(x[0], wants, sizeof wants);
        return fvi_fail(ctx, FV_ESHAPE,
                        "numbers for each image are %s, expected the last "
                        "extents of %s",
                        is, wants);
    }
    fv_tensor like = x[0];
    for (int a = 0; a < x[1].ndim; a++)
        like.dim[skip + a] = x[1].dim[a];
    return fvi_infer_same(ctx, attr, nx, &like, y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    return fvi_reads_point(attr, x, y, i, at + (y.ndim - x[i].ndim));
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return (double)fv_count(y);
}

const fvi_op fvi_op_add_each = {
    .name = "add_each",
    .equation = "y[n,i] = x[n,i] + p[i]",
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};

const fvi_op fvi_op_multiply_each = {
    .name = "multiply_each",
    .equation = "y[n,i] = x[n,i] p[i]",
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
