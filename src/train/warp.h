#ifndef FVI_WARP_H
#define FVI_WARP_H

/* The geometry of a training crop: one map from output to input pixels. */

#include "base/base.h"
#include "fovea/augment.h"

enum { FVI_KNOT_SPACING = 32 }; /* px between knots of the elastic warp */

/*
 * Output pixel (i,j) of a crop with side S reads the input at
 *   center + map * (i - (S-1)/2 + dy(i,j), j - (S-1)/2 + dx(i,j))
 * where (dy,dx) is a cubic B-spline over random knots, or 0 without knots.
 */
typedef struct fvi_warp {
    double map[2][2];
    double center[2];
    const float *knots; /* grid x grid x {dy,dx}, in units of B-splines */
    int64_t grid;       /* fvi_warp_grid(S) */
} fvi_warp;

/* Knots along one axis of a crop with side `side`. */
int64_t fvi_warp_grid(int64_t side);

/* Random geometry; `knots` has room for 2 grid^2 numbers. */
fvi_warp fvi_warp_draw(const fv_augment *a, fvi_rng *r, fv_tensor labels,
                       int64_t side, float *knots);

/* The pixels from row `top` and column `left` on, as they are. */
fvi_warp fvi_warp_still(int64_t top, int64_t left, int64_t side);

/* Whole pixels only: quarter turns (a->rotate) and mirror images (a->flip) of a
 * random place, so that every number of the crop is one of the picture. */
fvi_warp fvi_warp_exact(const fv_augment *a, fvi_rng *r, const int64_t dim[2],
                        int64_t side);

/* Image f32 (H,W,C) bilinear, labels u32 (H,W) nearest, mirrored outside, into
 * dense crops (S,S,C) and (S,S); labels_out without data: none. `row` has room
 * for 2 grid numbers. */
void fvi_warp_apply(const fvi_warp *w, fv_tensor image, fv_tensor labels,
                    fv_tensor image_out, fv_tensor labels_out, float *row);

#endif
