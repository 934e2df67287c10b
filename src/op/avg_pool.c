/* The mean under a window, channel by channel. */
#include "base/base.h"
#include "op/window.h"

/* Padding would leave open whether it counts. */
static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    const fvi_window *w = attr;
    for (int a = 0; a < 3; a++)
        if (w->pad[a] != 0 || w->tail[a] != 0)
            return fvi_fail(ctx, FV_ESHAPE,
                            "avg_pool with padding %lld; expected 0",
                            (long long)(w->pad[a] + w->tail[a]));
    return fvi_pool_infer(ctx, attr, nx, x, y);
}

const fvi_op fvi_op_avg_pool = {
    .name = "avg_pool",
    .equation = "y[n,h,w,c] = 1/(R S) sum_rs x[n,h*t+r,w*t+s,c]",
    .attr_size = sizeof(fvi_window),
    .infer = infer,
    .work = fvi_work_none,
    .reads = fvi_pool_reads,
};
