/* The same numbers in the same order under other extents; N stays. */
#include "base/base.h"
#include "op/op.h"

#include <string.h>

/* The product of the extents after N, taking `hole` as 1. -1 when one is open,
 * -2 when it does not fit in 63 bits. */
static int64_t size_after_n(int ndim, const int64_t dim[], int hole)
{
    int64_t d[FV_MAX_DIM] = {0};
    for (int a = 1; a < ndim; a++) {
        if (a != hole && dim[a] < 0)
            return -1;
        d[a - 1] = a == hole ? 1 : dim[a];
    }
    fv_tensor t = fv_dense(NULL, FV_U8, ndim - 1, d);
    return t.ndim < 0 ? -2 : fv_count(t);
}

static fv_status fail(fv_ctx *ctx, fv_tensor x, const fvi_shape *o)
{
    fv_tensor wanted = {.dtype = x.dtype, .ndim = o->ndim};
    memcpy(wanted.dim, o->dim, sizeof wanted.dim);
    char is[80], wants[80];
    fv_describe(x, is, sizeof is);
    fv_describe(wanted, wants, sizeof wants);
    return fvi_fail(ctx, FV_ESHAPE,
                    "reshape: input is %s, expected numbers for %s", is, wants);
}

/* The axis with extent -1, the one that takes what is left; 0 when all are
 * given. */
static fv_status find_hole(fv_ctx *ctx, const fvi_shape *o, int *hole)
{
    *hole = 0;
    if (o->ndim < 1 || o->ndim > FV_MAX_DIM)
        return fvi_fail(ctx, FV_EINVAL,
                        "reshape: %d extents wanted, expected 1 to %d", o->ndim,
                        FV_MAX_DIM);
    for (int a = 1; a < o->ndim; a++) {
        if (o->dim[a] >= 0)
            continue;
        if (*hole)
            return fvi_fail(ctx, FV_EINVAL,
                            "reshape: extents %d and %d are both -1, expected "
                            "one at most",
                            *hole, a);
        *hole = a;
    }
    return FV_OK;
}

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    (void)nx;
    const fvi_shape *o = attr;
    int hole;
    FV_TRY(fvi_need_channels(ctx, "reshape", x[0]));
    FV_TRY(find_hole(ctx, o, &hole));

    int64_t dim[FV_MAX_DIM] = {0};
    for (int a = 0; a < o->ndim; a++)
        dim[a] = a ? o->dim[a] : x[0].dim[0];
    int64_t have = size_after_n(x[0].ndim, x[0].dim, 0);
    int64_t want = size_after_n(o->ndim, dim, hole);
    bool last_open = hole && hole == o->ndim - 1;

    if (want < -1 || have < -1 || (have < 0 && last_open))
        return fail(ctx, x[0], o);
    if (have >= 0 && hole && (want == 0 || have % want != 0))
        return fail(ctx, x[0], o);
    if (have >= 0 && !hole && have != want)
        return fail(ctx, x[0], o);
    if (have >= 0 && hole)
        dim[hole] = have / want;
    return fvi_infer_as(ctx, x[0].dtype, o->ndim, dim, y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)attr;
    int64_t index = 0;
    for (int a = 0; a < y.ndim; a++)
        index = index * y.dim[a] + at[a];
    fvi_box box = {0};
    for (int a = x[i].ndim - 1; a >= 0; a--) {
        box.lo[a] = index % x[i].dim[a];
        box.hi[a] = box.lo[a] + 1;
        box.step[a] = 1;
        index /= x[i].dim[a];
    }
    return box;
}

const fvi_op fvi_op_reshape = {
    .name = "reshape",
    .equation = "y = x, the same numbers in the same order",
    .attr_size = sizeof(fvi_shape),
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
