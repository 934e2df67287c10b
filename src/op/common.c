/* Shape and locality rules that several operations share. */
#include "base/base.h"
#include "op/op.h"

fv_status fvi_infer_as(fv_ctx *ctx, fv_dtype dtype, int ndim,
                       const int64_t dim[], fv_tensor *y)
{
    fv_tensor t = {.dtype = dtype, .ndim = ndim};
    if (ndim < 0 || ndim > FV_MAX_DIM)
        return fvi_fail(ctx, FV_ESHAPE, "%d axes; expected 0 to %d", ndim,
                        FV_MAX_DIM);
    bool open = false;
    for (int a = 0; a < ndim; a++) {
        t.dim[a] = dim[a];
        open = open || dim[a] < 0;
    }
    if (!open) {
        char text[128];
        fv_describe(t, text, sizeof text);
        t = fv_dense(NULL, dtype, ndim, dim);
        if (t.ndim != ndim)
            return fvi_fail(ctx, FV_ESHAPE, "%s has too many elements", text);
    }
    *y = t;
    return FV_OK;
}

fv_status fvi_infer_same(fv_ctx *ctx, const void *attr, int nx,
                         const fv_tensor x[], fv_tensor *y)
{
    (void)attr;
    if (nx < 1)
        return fvi_fail(ctx, FV_ESHAPE, "no input; expected one");
    return fvi_infer_as(ctx, x[0].dtype, x[0].ndim, x[0].dim, y);
}

fvi_box fvi_reads_all(fv_tensor x)
{
    fvi_box box = {{0}, {0}, {0}};
    for (int a = 0; a < x.ndim; a++) {
        box.hi[a] = x.dim[a];
        box.step[a] = 1;
    }
    return box;
}

fvi_box fvi_reads_point(const void *attr, const fv_tensor x[], fv_tensor y,
                        int i, const int64_t at[])
{
    (void)attr;
    fvi_box box = fvi_reads_all(x[i]);
    for (int a = 0; a < x[i].ndim && a < y.ndim; a++) {
        box.lo[a] = at[a];
        box.hi[a] = at[a] + 1;
    }
    return box;
}

double fvi_work_none(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr;
    (void)x;
    (void)y;
    return 0;
}

fvi_dims fvi_dims_of(fv_tensor t)
{
    fvi_dims d = {1, 1, 1, 1, 1};
    if (t.ndim > 0)
        d.N = t.dim[0];
    if (t.ndim > 1)
        d.C = t.dim[t.ndim - 1];
    if (t.ndim > 2)
        d.W = t.dim[t.ndim - 2];
    if (t.ndim > 3)
        d.H = t.dim[t.ndim - 3];
    if (t.ndim > 4)
        d.D = t.dim[t.ndim - 4];
    return d;
}
