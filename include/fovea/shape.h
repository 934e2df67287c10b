#ifndef FV_SHAPE_H
#define FV_SHAPE_H

#include "fovea/segment.h"

FV_C_BEGIN

/*
 * Local shape descriptors: what the part of an object looks like that a window
 * around a pixel shows. A network that learns them beside the boundary draws
 * better boundaries.
 *
 * In D dimensions, for a position v in the object of label l, over the
 * positions u with label l and the weights w(u - v) of the window:
 *   s = sum w,  m = (sum w u)/s,  C = (sum w (u - m)(u - m)^T)/s
 * and the descriptors are, in this order,
 *   the offset (m - v)/sigma           D numbers: y, x; in 3-D z, y, x
 *   the covariance C/sigma^2           yy, xx, yx; in 3-D zz, yy, xx, zy, zx,
 *                                      yx
 *   the size s/(sum of w over the whole window), 0 to 1
 * 6 numbers in 2-D, 10 in 3-D; all are 0 outside objects.
 * Source: Sheridan et al. 2023, Nature Methods 20, 295, equations of "Local
 * shape descriptors"; lengths in units of sigma are ours.
 */
enum { FV_SHAPE_MAPS = 6 };

typedef struct fv_shape_options {
    double sigma; /* px                                                   5 */
    int ball;     /* 0: w = exp(-|u - v|^2/(2 sigma^2)) where no coordinate
                     is farther than ceil(3 sigma); 1: w = 1 within sigma 0 */
} fv_shape_options;
FV_API fv_shape_options fv_shape_default(void);

/*
 * Labels u32 (H,W) -> f32 (H,W,6). sigma is above 0 and at most 1000 px.
 * Memory: 100 bytes per pixel of the boxes of objects at work. The same bits
 * for any number of threads. FV_ESHAPE, FV_EINVAL, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_shape_descriptors(fv_ctx *ctx,
                                                   fv_tensor labels,
                                                   fv_shape_options o,
                                                   fv_tensor out);

FV_C_END

#endif
