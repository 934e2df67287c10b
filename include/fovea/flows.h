#ifndef FV_FLOWS_H
#define FV_FLOWS_H

#include "fovea/segment.h"

FV_C_BEGIN

/*
 * Flows: at each pixel of an object the direction to its center, found by
 * heat that spreads from there. A network learns them; following them back
 * brings the pixels of one object together.
 * Source: Stringer, Wang, Michaelos & Pachitariu 2021 (Cellpose).
 */

/* The pixel of an object where heat enters. Ties: the first by row. */
typedef enum fv_flow_center {
    FV_CENTER_MEAN,    /* nearest to the mean of the pixels                  */
    FV_CENTER_MEDIAN,  /* nearest to the median of rows and of columns       */
    FV_CENTER_ROUNDED, /* the mean, rounded half to even inside the box;
                          nearest to that where it is not of the object      */
} fv_flow_center;

/* How many steps heat spreads, by height h and width w of the box in px. */
typedef enum fv_flow_steps {
    FV_STEPS_OWN,     /* 2 (h + w + 4) of each object                        */
    FV_STEPS_EXTENT,  /* 2 (h - 1 + w - 1) of each object                    */
    FV_STEPS_LARGEST, /* 2 (h + w + 2), the largest serving all              */
} fv_flow_steps;

typedef enum fv_flow_log {
    FV_LOG_NONE,
    FV_LOG_ALL,     /* directions of log(1 + heat)                           */
    FV_LOG_SHIFTED, /* log only where the upper left neighbor is of the
                       object too, as Cellpose 2 did                         */
} fv_flow_log;

typedef struct fv_flow_options {
    fv_flow_center center;
    fv_flow_steps steps;
    fv_flow_log log;
    int neighbors; /* 1: heat of touching objects bends the directions       */
} fv_flow_options;

/*
 * Options by name, for equality with what the field's programs compute:
 *   fovea      mean, own, none, own heat only          the default
 *   v2         median, extent, shifted, own            Cellpose 1 and 2
 *   v3.1-cpu   as fovea                                Cellpose 3 on a CPU
 *   v4         rounded, largest, none, neighbors       Cellpose 4
 * FV_EINVAL.
 */
FV_NODISCARD FV_API fv_status fv_flow_profile(fv_ctx *ctx, const char *name,
                                              fv_flow_options *out);
FV_API fv_flow_options fv_flow_default(void);

/*
 * Labels u32 (H,W) -> f32 (H,W,2): unit vectors (dY, dX), 0 outside objects
 * and where no direction exists (an object of one pixel). Each step adds 1 at
 * the center and then replaces the heat of each pixel by 1/9 of the sum over
 * its 3x3 neighborhood inside the object; the direction is that of
 *   (T[y+1,x] - T[y-1,x], T[y,x+1] - T[y,x-1]).
 * Objects need not be connected. Memory: the boxes at work and the runs of
 * labels; with `neighbors` also 8 bytes per pixel. FV_ESHAPE, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_flows_from_labels(fv_ctx *ctx,
                                                   fv_tensor labels,
                                                   fv_flow_options o,
                                                   fv_tensor flows);

/* How flows become objects. */
typedef struct fv_flow_decode_options {
    double logit;      /* object where the logit of "cell" is above      0   */
    double scale;      /* maps are this many times unit vectors          5   */
    double max_error;  /* flow error above which an object is removed    0.4
                          (mean squared distance of vectors); 0: keep all    */
    double max_share;  /* share of the image above which one is removed  0.4 */
    int64_t steps;     /* Euler steps of at most 1 px                    200 */
    int64_t min_area;  /* smaller objects are removed, px                15  */
    int fill_holes;    /*                                                1   */
    int judge_edges;   /* 1: the flow error also of objects at the edge of
                          the image, whose center may lie beyond         0   */
    int shifted;       /* 1: the field at pixel i of n is read at
                          i n/(n - 1) - 1/2, zero outside, as Cellpose does
                          on a GPU and everywhere since version 4        0   */
    int whole_fill;    /* 1: filling a hole swallows objects inside      0   */
    int small_by_rank; /* 1: the first removal of small objects takes the
                          k-th label for label k, as Cellpose 3.1.1.3 did 0  */
    fv_flow_options flows; /* of the flows that errors are measured against  */
} fv_flow_decode_options;

/*
 *   fovea        the numbers above                     the default
 *   v3.1.1.3-cpu judge_edges, whole_fill, small_by_rank, flows v3.1-cpu
 *   v4           judge_edges, whole_fill, shifted, flows v4; of 4.0.8, 4.0.9
 * FV_EINVAL.
 */
FV_NODISCARD FV_API fv_status fv_flow_decode_profile(
    fv_ctx *ctx, const char *name, fv_flow_decode_options *out);
FV_API fv_flow_decode_options fv_flow_decode_default(void);

/*
 * Maps f32 (H,W,3) of raw network outputs (scale dY, scale dX, logit) ->
 * labels u32 (H,W), dense 1..count in raster order of first pixel. Pixels
 * follow the flow by Euler steps with bilinear reading; where more than 10
 * arrive, and no bin of the 5x5 around holds more, is a sink; it gathers what
 * arrives at bins with more than 2 that five 3x3 dilations reach; the sink
 * with more pixels wins. Then the removals named above. A NaN makes its pixel
 * background. Memory is proportional to the pixels above `logit`.
 * The same bits for any number of threads. FV_ESHAPE, FV_EINVAL, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_flow_decode(fv_ctx *ctx, fv_tensor maps,
                                             fv_flow_decode_options o,
                                             fv_tensor labels, int64_t *count);

FV_C_END

#endif
