#ifndef FVI_DIAMETER_H
#define FVI_DIAMETER_H

/* Diameters of objects, gathered over label images. */

#include "base/base.h"
#include "fovea/segment.h"

/* Appends to `out` the diameter (px, a float) of each object of labels u32
 * (H,W): that of a circle of equal area. FV_ESHAPE, FV_ENOMEM. */
fv_status fvi_diameters(fv_ctx *ctx, fv_tensor labels, fvi_text *out);

/* The median of the floats in `numbers`, which are reordered; 0 without any.
 * None is NaN. `count` may be NULL. */
double fvi_median_of(fvi_text *numbers, int64_t *count);

#endif
