#ifndef FV_SEGMENT_H
#define FV_SEGMENT_H

#include "fovea/image.h"

FV_C_BEGIN

/*
 * Targets a network can be trained on, and the decoders that turn its maps
 * back into objects. Plain functions: arrays in, label image out.
 *
 *   name      maps from the network (channels)         loss
 *   cell      logit of "cell"                     (1)  binary cross-entropy
 *   boundary  logits background/inside/boundary   (3)  cross-entropy
 *   distance  logit of "cell", distance           (2)  BCE + MSE
 *   stars     logit of "center", 32 rays         (33)  fv_loss_star
 *   flows     5 dY, 5 dX, logit of "cell"         (3)  MSE/2 + BCE
 *   shape     those of boundary, 6 descriptors    (9)  cross-entropy + MSE of
 *                                                      the latter in objects
 */
typedef enum fv_target {
    FV_TARGET_CELL,
    FV_TARGET_BOUNDARY,
    FV_TARGET_DISTANCE,
    FV_TARGET_STARS,
    FV_TARGET_FLOWS,
    FV_TARGET_SHAPE,
    FV_TARGET_COUNT
} fv_target;

/* "cell", "boundary" ...; "unknown" for any other number. Never NULL. */
FV_API const char *fv_target_name(fv_target t);
/* FV_EINVAL: the sentence lists the names. */
FV_NODISCARD FV_API fv_status fv_target_find(fv_ctx *ctx, const char *name,
                                             fv_target *out);
/* Channels of the network's answer, and of the truth that `fv_target_fill`
 * writes: cell 1/1, boundary 3/1 (class number), distance 2/2, stars 33/33,
 * flows 3/3, shape 9/8. */
FV_API int fv_target_maps(fv_target t);
FV_API int fv_target_truth_channels(fv_target t);

/*
 * The truth for training from labels u32 (H,W), into f32 (H,W,channels):
 *   cell      1 inside objects, else 0
 *   boundary  0 background, 2 where an object pixel has a 4-neighbor of
 *             another label (the outline drawn inside), 1 inside otherwise;
 *             objects too thin to keep an inside pixel keep their middle
 *   distance  channel 0: as cell; channel 1: Euclidean distance in px to the
 *             nearest pixel outside the own object, divided by 10
 *   stars     channel 0: fv_edt_probability; the others: fv_star_distances,
 *             divided by 10 (numbers near 1 suit the start of a network)
 *   flows     channels 0, 1: 5 times fv_flows_from_labels; 2: as cell
 *   shape     channel 0: as boundary; 1..6: fv_shape_descriptors; 7: as cell
 * FV_ESHAPE, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_target_fill(fv_ctx *ctx, fv_target t,
                                             fv_tensor labels, fv_tensor out);

/* How maps become objects; tuned on validation images, kept in the model. */
typedef struct fv_decode_options {
    double threshold; /* probability above which a pixel is object   0.5  */
    double seed;      /* rise of a seed over the pass to a higher one:
                         boundary: of P(inside)                      0.2
                         distance: of the distance, /10 px           0.1
                         stars: overlap of two that are kept         0.4
                         flows: the flow error at most               0.4
                         shape: as boundary                          0.2
                         0 means the number at the right, by target  0    */
    int64_t min_area; /* smaller objects are removed, px             10   */
    int fill_holes;   /* 1                                                */
} fv_decode_options;
FV_API fv_decode_options fv_decode_default(void);

/*
 * Maps f32 (H,W,K) of raw network outputs -> labels u32 (H,W), dense 1..count
 * in raster order of first pixel. 4-connected objects. NaN counts as
 * background. `labels` is the caller's; its numbers are undefined after a
 * failure. FV_ESHAPE, FV_EINVAL (a target or threshold that is none; what
 * fv_star_decode refuses), FV_ENOMEM, FV_ECANCEL (stars and flows).
 *   cell      sigmoid >= threshold, connected components
 *   boundary  watershed of P(inside), blurred by 1 px, from its maxima that
 *             rise at least `seed`, inside P(inside) + P(boundary) >=
 *             threshold
 *   distance  watershed of the distance from its maxima that rise at least
 *             `seed`, inside sigmoid >= threshold
 *   stars     fv_star_decode of centers more probable than `threshold`,
 *             overlap `seed`
 *   flows     fv_flow_decode of sigmoid > threshold, with `seed` as max_error;
 *             its objects need not be connected
 *   shape     as boundary, from the first three maps
 */
FV_NODISCARD FV_API fv_status fv_decode(fv_ctx *ctx, fv_target t,
                                        fv_tensor maps, fv_decode_options o,
                                        fv_tensor labels, int64_t *count);

/* ---- building blocks, usable alone; FV_ESHAPE, FV_EINVAL, FV_ENOMEM ---- */

/* Components of mask u8 (H,W) != 0 -> labels u32 (H,W), 1..count in raster
 * order of first pixel; connectivity 4 or 8. */
FV_NODISCARD FV_API fv_status fv_connected_components(fv_ctx *ctx,
                                                      fv_tensor mask,
                                                      int connectivity,
                                                      fv_tensor labels,
                                                      int64_t *count);

/* Exact Euclidean distance (px) of each object pixel to the nearest pixel with
 * another label; the outside of the image counts as no object only when
 * `border` is 1. out f32 (H,W). Source: Felzenszwalb & Huttenlocher 2012. */
FV_NODISCARD FV_API fv_status fv_distance_transform(fv_ctx *ctx,
                                                    fv_tensor labels,
                                                    int border, fv_tensor out);

/* Grows seeds (u32, >0) over f32 `relief` from high to low inside u8 `mask`;
 * ties by distance in steps, then by raster order. In place in `seeds`.
 * Source: Meyer 1994 (flooding by priority queue). */
FV_NODISCARD FV_API fv_status fv_watershed(fv_ctx *ctx, fv_tensor relief,
                                           fv_tensor mask, fv_tensor seeds);

/* In place: fills holes of each object, removes objects under min_area px,
 * renumbers 1..count in raster order. */
FV_NODISCARD FV_API fv_status fv_clean_labels(fv_ctx *ctx, fv_tensor labels,
                                              int64_t min_area, int fill_holes,
                                              int64_t *count);

/* In place: removes objects under min_area px; the others keep their numbers.
 * FV_ESHAPE, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_drop_small(fv_ctx *ctx, fv_tensor labels,
                                            int64_t min_area);

/* The median over the objects of labels u32 (H,W) of the diameter of a circle
 * of equal area, px; 0 without objects. `objects` (their number) may be NULL.
 * FV_ESHAPE, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_median_diameter(fv_ctx *ctx, fv_tensor labels,
                                                 double *diameter,
                                                 int64_t *objects);

/* Otsu's threshold of f32 (H,W): the value that best parts the histogram of
 * 256 bins in two. Source: Otsu 1979. */
FV_NODISCARD FV_API fv_status fv_otsu(fv_ctx *ctx, fv_tensor gray,
                                      double *threshold);

/* ---- objects ---- */

/* One object. Pixel coordinates have the center of the first pixel at 0;
 * angles and axes as in skimage.measure.regionprops. */
typedef struct fv_object {
    uint32_t label;
    int64_t box[4];      /* y0, x0, y1, x1 in pixels; y1 and x1 excluded     */
    double center[2];    /* y, x in pixels                                   */
    int64_t area;        /* pixels                                           */
    double perimeter;    /* pixels, as skimage.measure.perimeter, 4 neighbors*/
    double eccentricity; /* of the ellipse with the same second moments      */
    double solidity;     /* area over area of the convex hull of the pixels  */
    double major, minor; /* axis lengths of that ellipse, pixels             */
    double orientation;  /* radians, between the row axis and the major axis */
} fv_object;

/* The objects of an image, by rising label. */
typedef struct fv_objects {
    int64_t count;
    fv_object *object;
    int channels;
    double *intensities; /* count x channels x {mean, min, max}, or NULL */
} fv_objects;

/* Measures labels u32 (H,W), any numbers; `intensity` is f32 (H,W,C) or
 * {.ndim = -1} for none. The caller frees `*out` with fv_objects_free.
 * FV_ESHAPE, FV_EINVAL, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_measure(fv_ctx *ctx, fv_tensor labels,
                                         fv_tensor intensity, fv_objects *out);
FV_API void fv_objects_free(fv_ctx *ctx, fv_objects *o);

/* ---- what other programs read ----
 * All or nothing: a failed write leaves no file. FV_EIO, FV_ENOMEM, and
 * FV_ESHAPE where tensors do not fit. */

/* Comma-separated table with skimage's names: label, area, centroid-0,
 * centroid-1, bbox-0..3, eccentricity, solidity, perimeter,
 * axis_major_length, axis_minor_length, orientation, intensity_mean-K,
 * intensity_max-K, intensity_min-K; with a known `pitch` (um along z, y, x;
 * NULL or 0: unknown) also area_um2, centroid_um-0, centroid_um-1,
 * perimeter_um. */
FV_NODISCARD FV_API fv_status fv_objects_write_csv(fv_ctx *ctx,
                                                   const char *path,
                                                   const fv_objects *o,
                                                   const double pitch[3]);
/* ImageJ RoiSet.zip: one polygon ROI per object. */
FV_NODISCARD FV_API fv_status fv_rois_write(fv_ctx *ctx, const char *path,
                                            fv_tensor labels);
/* GeoJSON FeatureCollection of polygons, as QuPath imports (pixels). */
FV_NODISCARD FV_API fv_status fv_geojson_write(fv_ctx *ctx, const char *path,
                                               fv_tensor labels);
/* `plane` f32 (H,W,C) (percentiles 1..99.8 to gray) with outlines of `labels`
 * u32 (H,W) in colors that differ between neighbors; PNG, RGB. */
FV_NODISCARD FV_API fv_status fv_overlay_write(fv_ctx *ctx, const char *path,
                                               fv_tensor plane,
                                               fv_tensor labels);

FV_C_END

#endif
