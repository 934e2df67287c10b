/* Group normalization: groups of neighboring channels, over all positions of
 * an image, to mean 0 and variance 1, then scaled and shifted.
 * Source: Wu & He 2018 (arXiv:1803.08494), equations 1 and 7. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_norm *o = attr;
    FV_TRY(fvi_need_channels(ctx, "group_norm", x[0]));
    int64_t C = x[0].dim[x[0].ndim - 1];
    if (x[0].ndim < 2 || o->groups < 1 || C % o->groups)
        return fvi_fail(ctx, FV_ESHAPE,
                        "group_norm: %lld channels in %lld groups, expected a "
                        "multiple",
                        (long long)C, (long long)o->groups);
    fv_tensor per_channel;
    FV_TRY(fvi_infer_as(ctx, x[0].dtype, 1, &C, &per_channel));
    FV_TRY(fvi_agree(ctx, "group_norm: scale", x[1], &per_channel));
    FV_TRY(fvi_agree(ctx, "group_norm: shift", x[2], &per_channel));
    return fvi_infer_same(ctx, attr, nx, x, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr, (void)x;
    return 2 * (double)fv_count(y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_norm *o = attr;
    fvi_box box = fvi_reads_all(x[i]);
    int last = y.ndim - 1;
    int64_t width = y.dim[last] / o->groups;
    if (i > 0)
        return box;
    box.lo[0] = at[0];
    box.hi[0] = at[0] + 1;
    box.lo[last] = at[last] / width * width;
    box.hi[last] = box.lo[last] + width;
    return box;
}

const fvi_op fvi_op_group_norm = {
    .name = "group_norm",
    .equation = "y = scale (x - mean)/sqrt(var + eps) + shift, per group",
    .attr_size = sizeof(fvi_norm),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
