/* The adjoint of convolution: every input position stamps the filter onto the
 * output. */
#include "base/base.h"
#include "op/window.h"

/* H' = t(H-1) + d(R-1) + 1 - 2p; -1 stays open. */
static fv_status infer_side(fv_ctx *ctx, const fvi_window *w, int a, int64_t n,
                            int64_t *side)
{
    int64_t reach = 0, span = w->dilation[a] * (w->kernel[a] - 1) + 1;
    *side = -1;
    if (n < 0)
        return FV_OK;
    if (n == 0 || __builtin_mul_overflow(n - 1, w->stride[a], &reach) ||
        __builtin_add_overflow(reach, span, side))
        return fvi_fail(ctx, FV_ESHAPE,
                        "input is %lld wide, which stride %lld cannot enlarge",
                        (long long)n, (long long)w->stride[a]);
    *side -= 2 * w->pad[a];
    if (*side < 1)
        return fvi_fail(ctx, FV_ESHAPE,
                        "padding %lld leaves %lld of the output; expected at "
                        "least 1",
                        (long long)w->pad[a], (long long)*side);
    return FV_OK;
}

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_window *w = attr;
    FV_TRY(fvi_window_check(ctx, w, x[0]));
    int last = x[0].ndim - 1;
    FV_TRY(fvi_window_check_weight(ctx, w, x[0].dim[last], nx, x));
    int64_t dim[FV_MAX_DIM] = {x[0].dim[0]};
    for (int a = 3 - w->rank; a < 3; a++) {
        int axis = fvi_window_axis(w, a);
        FV_TRY(infer_side(ctx, w, a, x[0].dim[axis], &dim[axis]));
    }
    dim[last] = w->channels;
    return fvi_infer_as(ctx, x[0].dtype, x[0].ndim, dim, y);
}

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    return (double)fv_count(x[0]) * fvi_window_taps(attr) *
           (double)y.dim[y.ndim - 1];
}

/* All h with h*t + r*d - p = i for some r: they lie d/gcd(d,t) apart. */
static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    const fvi_window *w = attr;
    (void)y;
    fvi_box box = fvi_reads_all(x[i]);
    if (i > 0)
        return box;
    box.lo[0] = at[0];
    box.hi[0] = at[0] + 1;
    for (int a = 3 - w->rank; a < 3; a++) {
        int axis = fvi_window_axis(w, a);
        int64_t t = w->stride[a], d = w->dilation[a];
        int64_t lo = x[0].dim[axis], hi = 0, next = 0;
        for (int64_t r = w->kernel[a] - 1; r >= 0; r--) {
            int64_t ht = at[axis] + w->pad[a] - r * d;
            if (ht < 0 || ht % t != 0 || ht / t >= x[0].dim[axis])
                continue;
            if (hi > 0 && next == 0)
                next = ht / t - lo;
            lo = ht / t < lo ? ht / t : lo;
            hi = ht / t + 1;
        }
        box.lo[axis] = lo;
        box.hi[axis] = hi;
        box.step[axis] = next > 0 ? next : 1;
    }
    return box;
}

const fvi_op fvi_op_conv_transposed = {
    .name = "conv_transposed",
    .equation = "y[n,i,j,k] = b[k] + sum x[n,h,w,c] f[r,s,c,k] "
                "over h*t+r*d-p = i, w*t+s*d-p = j",
    .attr_size = sizeof(fvi_window),
    .keep = FVI_KEEP_X(0) | FVI_KEEP_X(1),
    .infer = infer,
    .work = work,
    .reads = reads,
};
