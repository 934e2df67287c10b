/* The mean under a window, channel by channel. */
#include "op/window.h"

const fvi_op fvi_op_avg_pool = {
    .name = "avg_pool",
    .equation = "y[n,h,w,c] = 1/(R S) sum_rs x[n,h*t+r,w*t+s,c]",
    .attr_size = sizeof(fvi_window),
    .infer = fvi_pool_infer,
    .work = fvi_work_none,
    .reads = fvi_pool_reads,
};
