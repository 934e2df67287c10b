/* Shape rules that several operations share: extents that may still be open
 * (-1), and inputs that have to agree. */
#include "base/base.h"
#include "op/op.h"

fv_status fvi_agree(fv_ctx *ctx, const char *what, fv_tensor found,
                    fv_tensor *expected)
{
    bool fits = found.ndim == expected->ndim;
    int64_t dim[FV_MAX_DIM] = {0};
    for (int a = 0; fits && a < found.ndim; a++) {
        int64_t f = found.dim[a], e = expected->dim[a];
        fits = f == e || f < 0 || e < 0;
        dim[a] = e < 0 ? f : e;
    }
    if (!fits) {
        char is[80], wants[80];
        fv_describe(found, is, sizeof is);
        fv_describe(*expected, wants, sizeof wants);
        return fvi_fail(ctx, FV_ESHAPE, "%s is %s, expected %s", what, is,
                        wants);
    }
    return fvi_infer_as(ctx, expected->dtype, expected->ndim, dim, expected);
}

fv_status fvi_need_channels(fv_ctx *ctx, const char *op, fv_tensor x)
{
    if (x.ndim >= 1 && x.dim[x.ndim - 1] > 0)
        return FV_OK;
    char is[80];
    fv_describe(x, is, sizeof is);
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: input is %s, expected a last axis of channels", op,
                    is);
}

fvi_box fvi_reads_channels(const void *attr, const fv_tensor x[], fv_tensor y,
                           int i, const int64_t at[])
{
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    int last = x[i].ndim - 1;
    box.lo[last] = 0;
    box.hi[last] = x[i].dim[last];
    return box;
}
