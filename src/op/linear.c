/* A linear layer: one matrix product over the last axis. */
#include "base/base.h"
#include "op/op.h"

static fv_status check_weight(fv_ctx *ctx, int64_t C, int64_t K, bool bias,
                              const fv_tensor x[])
{
    if (x[1].ndim != 2 || x[1].dim[0] != C || x[1].dim[1] != K) {
        char text[128];
        fv_describe(x[1], text, sizeof text);
        return fvi_fail(ctx, FV_ESHAPE,
                        "weight is %s; expected [%lld,%lld] for %lld channels "
                        "in and %lld out",
                        text, (long long)C, (long long)K, (long long)C,
                        (long long)K);
    }
    if (bias && (x[2].ndim != 1 || x[2].dim[0] != K)) {
        char text[128];
        fv_describe(x[2], text, sizeof text);
        return fvi_fail(ctx, FV_ESHAPE, "bias is %s; expected [%lld]", text,
                        (long long)K);
    }
    return FV_OK;
}

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_linear *o = attr;
    if (x[0].ndim < 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %d axes; expected at least 2 (N,...,C)",
                        x[0].ndim);
    if (o->channels < 1)
        return fvi_fail(ctx, FV_ESHAPE,
                        "%lld output channels; expected 1 or more",
                        (long long)o->channels);
    int last = x[0].ndim - 1;
    FV_TRY(
        check_weight(ctx, x[0].dim[last], o->channels, nx - o->added > 2, x));
    int64_t dim[FV_MAX_DIM] = {0};
    for (int a = 0; a < last; a++)
        dim[a] = x[0].dim[a];
    dim[last] = o->channels;
    return fvi_infer_as(ctx, x[0].dtype, x[0].ndim, dim, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)attr;
    return (double)fv_count(y) * (double)x[0].dim[x[0].ndim - 1];
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)attr;
    (void)y;
    fvi_box box = fvi_reads_all(x[i]);
    if (i > 0)
        return box;
    for (int a = 0; a < x[0].ndim - 1; a++) {
        box.lo[a] = at[a];
        box.hi[a] = at[a] + 1;
    }
    return box;
}

const fvi_op fvi_op_linear = {
    .name = "linear",
    .equation = "y[...,k] = b[k] + sum_c x[...,c] w[c,k]",
    .attr_size = sizeof(fvi_linear),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
