/* A blur by binomial weights, channel by channel, at every t-th pixel: what
 * keeps a stride from making patterns of its own.
 * Source: Zhang 2019 (arXiv:1904.11486), section 3.2. */
#include "op/window.h"

static double work(const void *attr, const fv_tensor x[], fv_tensor y)
{
    (void)x;
    return fvi_window_taps(attr) * (double)fv_count(y);
}

const fvi_op fvi_op_blur_pool = {
    .name = "blur_pool",
    .equation = "y[n,h,w,c] = sum_rs b[r] b[s] x[n,h*t+r-p,w*t+s-p,c]",
    .attr_size = sizeof(fvi_window),
    .infer = fvi_pool_infer,
    .work = work,
    .reads = fvi_pool_reads,
};
