#ifndef FVI_TASK_OVERLAP_H
#define FVI_TASK_OVERLAP_H

/* The objects of two label images and the pixels they share. Memory is that
 * of the objects and of the pairs that overlap. */

#include "task/task.h"

/* Two objects that share pixels, by their indices in the tallies. */
typedef struct fvi_pair {
    int32_t truth, pred;
    int64_t shared; /* px */
    double iou;
} fvi_pair;

typedef struct fvi_overlaps {
    fvi_tally truth, pred; /* pixels by label, in raster order of the first */
    fvi_pair *pair;        /* by truth, then pred                           */
    int64_t pairs;
} fvi_overlaps;

/* FV_ESHAPE unless both are u32 (H,W) of one size. Free also on failure. */
fv_status fvi_overlaps_new(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                           fvi_overlaps *out);
void fvi_overlaps_free(fv_ctx *ctx, fvi_overlaps *o);

/* The one-to-one matching at IoU >= `iou`: match[t] is the index of the
 * prediction of truth t, or -1. FV_ENOMEM. */
fv_status fvi_overlaps_match(fv_ctx *ctx, const fvi_overlaps *o, double iou,
                             int32_t *match);

/* FV_EINVAL unless 0 < iou <= 1. */
fv_status fvi_want_iou(fv_ctx *ctx, double iou);

#endif
