#ifndef FV_STARS_H
#define FV_STARS_H

#include "fovea/segment.h"

FV_C_BEGIN

/*
 * Objects as stars: a center, and from it the distance to the outline along
 * n rays. Ray k points at the angle 2 pi k/n; one px along it is
 * (sin, cos) on (row, column). Plain functions: arrays in, arrays out.
 * Source: Schmidt et al. 2018, "Cell detection with star-convex polygons"
 * (arXiv:1806.03535).
 */
enum { FV_MIN_RAYS = 3, FV_MAX_RAYS = 256 };

/*
 * From each pixel of an object to its outline along every ray, in px:
 * labels u32 (H,W) -> out f32 (H',W',rays), H' = (H-1)/grid + 1; row i of
 * `out` is row i*grid of the image. 0 where there is no object.
 *   The walk takes steps of one px until the nearest pixel has another label
 *   or lies outside the image; half a pixel before that one, measured along
 *   the longer axis of the ray, is the outline.
 * FV_ESHAPE, FV_EINVAL (grid below 1), FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_star_distances(fv_ctx *ctx, fv_tensor labels,
                                                int grid, fv_tensor out);

/*
 * How central a pixel is: its Euclidean distance to the nearest other label
 * over the largest such distance in its object; 1 in the middle, 0 outside.
 * labels u32 (H,W) -> out f32 (H',W'). As in the field every grid-th pixel is
 * taken first, and the border of the image is not an edge, unless one object
 * fills it. FV_ESHAPE, FV_EINVAL, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_edt_probability(fv_ctx *ctx, fv_tensor labels,
                                                 int grid, fv_tensor out);

/* How maps become stars. */
typedef struct fv_star_options {
    int grid;           /* px of the image per cell of the maps           1   */
    double probability; /* only centers more probable than this           0.5 */
    double overlap;     /* intersection over the smaller area above which
                           the less probable of two stars is dropped      0.4 */
    int rim;            /* cells at the border that are no centers        0   */
    int truncate;       /* 1: overlaps are of corners cut to whole px, and
                           of crossings rounded where it may matter       0   */
} fv_star_options;
FV_API fv_star_options fv_star_default(void);
/* As the StarDist package does it: rim 2, truncate 1. */
FV_API fv_star_options fv_star_as_stardist(void);

/* The stars found, by falling probability. */
typedef struct fv_stars {
    int64_t count;
    int rays;
    float *probability; /* count                                          */
    float *center;      /* count x {row, column}, px                      */
    float *distance;    /* count x rays, px                               */
} fv_stars;
FV_API void fv_stars_free(fv_ctx *ctx, fv_stars *s);

/*
 * maps f32 (H',W',1+rays) of raw network output, logit of the probability and
 * distances in px, -> labels u32 (H,W) with H' = (H-1)/grid + 1. Stars are
 * kept by falling probability (then in raster order) when no star kept before
 * overlaps them too much, and painted so that the most probable lies on top.
 * Number k is the k-th most probable; one that is hidden leaves a gap.
 * A center with a number that is not finite is none. Distances are at least
 * 0.001 px and at most 100,000 px. `stars` may be NULL; else the caller frees
 * it with fv_stars_free. FV_ESHAPE, FV_EINVAL (options; stars that overlap so
 * much that each would be compared with thousands of others), FV_ENOMEM,
 * FV_ECANCEL.
 */
FV_NODISCARD FV_API fv_status fv_star_decode(fv_ctx *ctx, fv_tensor maps,
                                             fv_star_options o,
                                             fv_tensor labels, fv_stars *stars);

FV_C_END

#endif
