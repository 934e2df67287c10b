/* Maps made larger at their far ends with zeros, so that windows fit, and cut
 * back to the extents of another value. */
#include "base/base.h"
#include "op/op.h"

static fv_status need_map(fv_ctx *ctx, const char *op, fv_tensor x)
{
    char is[80];
    if (x.ndim >= 3)
        return FV_OK;
    fv_describe(x, is, sizeof is);
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: input is %s, expected N, spatial axes and channels",
                    op, is);
}

static fv_status infer_pad(fv_ctx *ctx, const void *attr, int nx,
                           const fv_tensor x[], fv_tensor *y)
{
    const fvi_upsample *o = attr;
    fv_tensor like = x[0];
    (void)nx;
    FV_TRY(need_map(ctx, "pad", x[0]));
    if (o->factor < 1)
        return fvi_fail(ctx, FV_EINVAL,
                        "pad: to multiples of %lld, expected 1 or more",
                        (long long)o->factor);
    for (int a = 1; a < like.ndim - 1; a++) {
        int64_t more = like.dim[a] < 0 ? 0 : -like.dim[a] % o->factor;
        more = more < 0 ? more + o->factor : more;
        if (__builtin_add_overflow(like.dim[a], more, &like.dim[a]))
            return fvi_fail(ctx, FV_ESHAPE, "pad: a side is too big");
    }
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

static fv_status infer_crop(fv_ctx *ctx, const void *attr, int nx,
                            const fv_tensor x[], fv_tensor *y)
{
    (void)attr, (void)nx;
    FV_TRY(need_map(ctx, "crop", x[0]));
    fv_tensor like = x[1];
    bool fits = x[1].ndim == x[0].ndim && (x[0].dim[0] == x[1].dim[0] ||
                                           x[0].dim[0] < 0 || x[1].dim[0] < 0);
    for (int a = 1; fits && a < x[0].ndim - 1; a++)
        fits = x[1].dim[a] <= x[0].dim[a] || x[0].dim[a] < 0;
    if (!fits) {
        char is[80], wants[80];
        fv_describe(x[0], is, sizeof is);
        fv_describe(x[1], wants, sizeof wants);
        return fvi_fail(ctx, FV_ESHAPE,
                        "crop: %s to the extents of %s, expected no larger "
                        "ones",
                        is, wants);
    }
    like.dim[like.ndim - 1] = x[0].dim[x[0].ndim - 1];
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

/* Position at[] of y is that of x, where there is one. */
static fvi_box reads_pad(const void *attr, const fv_tensor x[], fv_tensor y,
                         int i, const int64_t at[])
{
    bool there = true;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    for (int a = 1; a < y.ndim - 1; a++)
        there = there && at[a] < x[0].dim[a];
    for (int a = 0; a < y.ndim && !there; a++)
        box.lo[a] = box.hi[a] = 0;
    return box;
}

/* Of the second input only the extents count. */
static fvi_box reads_crop(const void *attr, const fv_tensor x[], fv_tensor y,
                          int i, const int64_t at[])
{
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    for (int a = 0; a < y.ndim && i == 1; a++)
        box.lo[a] = box.hi[a] = 0;
    return box;
}

const fvi_op fvi_op_pad = {
    .name = "pad",
    .equation = "y[n,h,w,c] = x[n,h,w,c] inside of x, else 0",
    .attr_size = sizeof(fvi_upsample),
    .keep = 0,
    .infer = infer_pad,
    .work = fvi_work_none,
    .reads = reads_pad,
};

const fvi_op fvi_op_crop = {
    .name = "crop",
    .equation = "y[n,h,w,c] = x[n,h,w,c] inside of the other value",
    .keep = 0,
    .infer = infer_crop,
    .work = fvi_work_none,
    .reads = reads_crop,
};
