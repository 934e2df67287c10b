/* The largest number under a window, channel by channel. */
#include "op/window.h"

const fvi_op fvi_op_max_pool = {
    .name = "max_pool",
    .equation = "y[n,h,w,c] = max_rs x[n,h*t+r-p,w*t+s-p,c]",
    .attr_size = sizeof(fvi_window),
    .keep = FVI_KEEP_X(0),
    .infer = fvi_pool_infer,
    .work = fvi_work_none,
    .reads = fvi_pool_reads,
};
