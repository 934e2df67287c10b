/* Every spatial axis times a factor, by repetition or linear interpolation. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_upsample *o = attr;
    (void)nx;
    if (x[0].ndim < 3)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %d axes; expected 3 to %d (N, spatial, C)",
                        x[0].ndim, FV_MAX_DIM);
    if (o->factor < 1)
        return fvi_fail(ctx, FV_ESHAPE, "factor %lld; expected 1 or more",
                        (long long)o->factor);
    int64_t dim[FV_MAX_DIM] = {x[0].dim[0]};
    int last = x[0].ndim - 1;
    for (int a = 1; a < last; a++) {
        dim[a] = x[0].dim[a];
        if (dim[a] >= 0 && __builtin_mul_overflow(dim[a], o->factor, &dim[a]))
            return fvi_fail(ctx, FV_ESHAPE, "%lld times %lld is too big",
                            (long long)x[0].dim[a], (long long)o->factor);
    }
    dim[last] = x[0].dim[last];
    return fvi_infer_as(ctx, x[0].dtype, x[0].ndim, dim, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    const fvi_upsample *o = attr;
    int taps = o->how == FV_BILINEAR ? 1 << (x[0].ndim - 2) : 0;
    return taps * (double)fv_count(y);
}

/* Position o of an axis of n numbers enlarged f times lies at u/(2f), where
 * u = 2o + 1 - f, kept inside 0..2f(n-1); it reads both whole neighbors, or
 * one if it hits it. */
static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_upsample *o = attr;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    for (int a = 1; a < x[i].ndim - 1; a++) {
        int64_t f = o->factor, u = 2 * at[a] + 1 - f;
        int64_t top = 2 * f * (x[i].dim[a] - 1);
        u = u < 0 ? 0 : u > top ? top : u;
        box.lo[a] = o->how == FV_NEAREST ? at[a] / f : u / (2 * f);
        bool two = o->how == FV_BILINEAR && u % (2 * f) != 0;
        box.hi[a] = box.lo[a] + (two ? 2 : 1);
    }
    return box;
}

const fvi_op fvi_op_upsample = {
    .name = "upsample",
    .equation = "y[n,i,j,c] = sum_hw a[i,h] a[j,w] x[n,h,w,c]",
    .attr_size = sizeof(fvi_upsample),
    .infer = infer,
    .work = work,
    .reads = reads,
};
