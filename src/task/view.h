#ifndef FVI_VIEW_H
#define FVI_VIEW_H

/*
 * An image mirrored and turned, and answers turned back. The eight views of a
 * square: pixel (y',x') of a view shows pixel (y,x) of the image with
 *   (a,b) = swap ? (x',y') : (y',x'),  y = down ? H-1-a : a,
 *                                      x = across ? W-1-b : b
 */

#include "task/task.h"

enum { FVI_VIEWS = 8 };

typedef struct fvi_view {
    bool down, across, swap;
} fvi_view;

/* View `i` of 8: 0 is the image as it is, 0..3 are mirrored, 4..7 swap rows
 * and columns, too. */
fvi_view fvi_view_at(int i);

/* `image` f32 (H,W,C) as the view shows it: `seen` f32 (H,W,C), or (W,H,C)
 * when it swaps. Both dense. */
void fvi_view_show(fv_ctx *ctx, fvi_view v, fv_tensor image, fv_tensor seen);

/* The answer to a view turned back, times `weight`, added to `sum` f32 (H,W,K).
 * Directions turn, too: flows, rays and descriptors of `target`; without one
 * (NULL) every map is a plain number. Both dense. */
void fvi_view_add(fv_ctx *ctx, fvi_view v, const fv_target *target,
                  fv_tensor answer, float weight, fv_tensor sum);

#endif
