#ifndef FVI_WINDOW_H
#define FVI_WINDOW_H

/* Windows that slide over the spatial axes: what convolutions and pooling
 * share. Axis 0, 1, 2 is D, H, W as in fvi_window. */

#include "op/op.h"

/* Axis `axis` of the window is axis fvi_window_axis() of the tensor. */
static inline int fvi_window_axis(const fvi_window *w, int axis)
{
    return axis - 3 + w->rank + 1;
}

/* FV_ESHAPE unless the window is sound and x has its rank. */
fv_status fvi_window_check(fv_ctx *ctx, const fvi_window *w, fv_tensor x);

/* FV_ESHAPE unless weight and bias fit C channels in and w->channels out. */
fv_status fvi_window_check_weight(fv_ctx *ctx, const fvi_window *w, int64_t C,
                                  int nx, const fv_tensor x[]);

/* y for windows over x: H' = floor((H + 2p + tail - d(R-1) - 1)/t) + 1. */
fv_status fvi_window_infer(fv_ctx *ctx, const fvi_window *w, fv_tensor x,
                           int64_t channels, fv_tensor *y);

/* The part of x under the window at y[at]; all channels. */
fvi_box fvi_window_reads(const fvi_window *w, fv_tensor x, const int64_t at[]);

/* Pooling: as above, channel by channel, without dilation, and with less
 * padding than the side, so that every window covers a pixel. */
fv_status fvi_pool_infer(fv_ctx *ctx, const void *attr, int nx,
                         const fv_tensor x[], fv_tensor *y);
fvi_box fvi_pool_reads(const void *attr, const fv_tensor x[], fv_tensor y,
                       int i, const int64_t at[]);

/* Multiply-adds per weight and channel pair: the taps of the kernel. */
double fvi_window_taps(const fvi_window *w);

#endif
