/* Channels laid out as pixels, and back. Source: Shi et al. 2016
 * (arXiv:1609.05158), equation 4, with the channels in PyTorch's order. */
#include "base/base.h"
#include "op/op.h"

/* f to the power of the spatial rank; -1 when that or x does not fit. */
static int64_t block_of(fv_tensor x, int64_t factor)
{
    int64_t block = 1;
    if (x.ndim < 3 || factor < 1)
        return -1;
    for (int a = 1; a < x.ndim - 1; a++)
        if (__builtin_mul_overflow(block, factor, &block))
            return -1;
    return block;
}

static fv_status fail(fv_ctx *ctx, const char *op, fv_tensor x, int64_t factor)
{
    char is[80];
    fv_describe(x, is, sizeof is);
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: input is %s, expected 1 to 3 spatial axes and extents "
                    "that %lld divides",
                    op, is, (long long)factor);
}

static fv_status infer_shuffle(fv_ctx *ctx, const void *attr, int nx,
                               const fv_tensor x[], fv_tensor *y)
{
    const fvi_upsample *o = attr;
    int64_t block = block_of(x[0], o->factor);
    int last = x[0].ndim - 1;
    fv_tensor like = x[0];
    (void)nx;
    if (block < 1 || x[0].dim[last] % block)
        return fail(ctx, "pixel_shuffle", x[0], o->factor);
    for (int a = 1; a < last; a++)
        if (like.dim[a] >= 0 &&
            __builtin_mul_overflow(like.dim[a], o->factor, &like.dim[a]))
            return fail(ctx, "pixel_shuffle", x[0], o->factor);
    like.dim[last] /= block;
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

static fv_status infer_unshuffle(fv_ctx *ctx, const void *attr, int nx,
                                 const fv_tensor x[], fv_tensor *y)
{
    const fvi_upsample *o = attr;
    int64_t block = block_of(x[0], o->factor);
    int last = x[0].ndim - 1;
    fv_tensor like = x[0];
    (void)nx;
    if (block < 1 ||
        __builtin_mul_overflow(like.dim[last], block, &like.dim[last]))
        return fail(ctx, "pixel_unshuffle", x[0], o->factor);
    for (int a = 1; a < last; a++) {
        if (like.dim[a] >= 0 && like.dim[a] % o->factor)
            return fail(ctx, "pixel_unshuffle", x[0], o->factor);
        like.dim[a] = like.dim[a] < 0 ? -1 : like.dim[a] / o->factor;
    }
    return fvi_infer_as(ctx, x[0].dtype, like.ndim, like.dim, y);
}

/* Position `at` of the enlarged tensor, in the one with more channels. */
static fvi_box reads_shuffle(const void *attr, const fv_tensor x[], fv_tensor y,
                             int i, const int64_t at[])
{
    const fvi_upsample *o = attr;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    int last = y.ndim - 1;
    int64_t c = at[last];
    for (int a = 1; a < last; a++) {
        c = c * o->factor + at[a] % o->factor;
        box.lo[a] = at[a] / o->factor;
        box.hi[a] = box.lo[a] + 1;
    }
    box.lo[last] = c;
    box.hi[last] = c + 1;
    return box;
}

static fvi_box reads_unshuffle(const void *attr, const fv_tensor x[],
                               fv_tensor y, int i, const int64_t at[])
{
    const fvi_upsample *o = attr;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    int last = y.ndim - 1;
    int64_t c = at[last];
    for (int a = last - 1; a >= 1; a--) {
        box.lo[a] = at[a] * o->factor + c % o->factor;
        box.hi[a] = box.lo[a] + 1;
        c /= o->factor;
    }
    box.lo[last] = c;
    box.hi[last] = c + 1;
    return box;
}

const fvi_op fvi_op_pixel_shuffle = {
    .name = "pixel_shuffle",
    .equation = "y[n,f h+i,f w+j,c] = x[n,h,w,(c f + i) f + j]",
    .attr_size = sizeof(fvi_upsample),
    .keep = 0,
    .infer = infer_shuffle,
    .work = fvi_work_none,
    .reads = reads_shuffle,
};

const fvi_op fvi_op_pixel_unshuffle = {
    .name = "pixel_unshuffle",
    .equation = "y[n,h,w,(c f + i) f + j] = x[n,f h+i,f w+j,c]",
    .attr_size = sizeof(fvi_upsample),
    .keep = 0,
    .infer = infer_unshuffle,
    .work = fvi_work_none,
    .reads = reads_unshuffle,
};
