/* Cross-correlation with a bank of filters, which the field calls
 * convolution. */
#include "base/base.h"
#include "op/window.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_window *w = attr;
    FV_TRY(fvi_window_check(ctx, w, x[0]));
    int64_t C = x[0].dim[x[0].ndim - 1];
    FV_TRY(fvi_window_check_weight(ctx, w, C, nx, x));
    return fvi_window_infer(ctx, w, x[0], w->channels, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    return (double)fv_count(y) * fvi_window_taps(attr) *
           (double)x[0].dim[x[0].ndim - 1];
}

static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)y;
    return i > 0 ? fvi_reads_all(x[i]) : fvi_window_reads(attr, x[0], at);
}

const fvi_op fvi_op_conv = {
    .name = "conv",
    .equation = "y[n,h,w,k] = b[k] + "
                "sum_rsc x[n,h*t+r*d-p,w*t+s*d-p,c] f[r,s,c,k]",
    .attr_size = sizeof(fvi_window),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
