/* A channel is damped by the strength of its neighbors.
 * Source: Krizhevsky, Sutskever & Hinton 2012, NIPS, section 3.3. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_response *o = attr;
    FV_TRY(fvi_need_channels(ctx, "local_response_norm", x[0]));
    if (o->size < 1 || o->size % 2 == 0 || !(o->k > 0) || !(o->alpha >= 0))
        return fvi_fail(ctx, FV_EINVAL,
                        "local_response_norm: size %lld, k %g, alpha %g; "
                        "expected an odd size, k above 0, alpha 0 or more",
                        (long long)o->size, (double)o->k, (double)o->alpha);
    return fvi_infer_same(ctx, attr, nx, x, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    const fvi_response *o = attr;
    (void)x;
    return (double)o->size * (double)fv_count(y);
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_response *o = attr;
    fvi_box box = fvi_reads_point(attr, x, y, i, at);
    int last = y.ndim - 1;
    int64_t reach = o->size / 2, C = y.dim[last];
    box.lo[last] = at[last] > reach ? at[last] - reach : 0;
    box.hi[last] = at[last] + reach + 1 < C ? at[last] + reach + 1 : C;
    return box;
}

const fvi_op fvi_op_local_response_norm = {
    .name = "local_response_norm",
    .equation = "y[...,c] = x[...,c] / (k + alpha sum_j x[...,j]^2)^beta",
    .attr_size = sizeof(fvi_response),
    .keep = FVI_KEEP_X(0),
    .infer = infer,
    .work = work,
    .reads = reads,
};
