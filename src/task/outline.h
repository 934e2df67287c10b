#ifndef FVI_TASK_OUTLINE_H
#define FVI_TASK_OUTLINE_H

/* Outlines of objects as polygons whose corners are corners of pixels: the
 * pixel in column x covers x to x + 1. */

#include "task/task.h"

/* A closed ring, clockwise on the screen around an object and counterclockwise
 * around a hole. It never touches itself; rings may touch in corners. */
typedef struct fvi_ring {
    uint32_t label;
    uint32_t part; /* 4-connected part of the object, in raster order */
    int64_t first, corners;
    int64_t area; /* px; negative: a hole */
} fvi_ring;

/* Rings by label, then part, the outer one before its holes. */
typedef struct fvi_outlines {
    int64_t count, corners;
    fvi_ring *ring;
    int32_t *xy; /* corner k is xy[2k], xy[2k + 1] */
} fvi_outlines;

/* Memory is that of the corners, plus a byte per pixel meanwhile. */
fv_status fvi_outlines_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                           int64_t w, fvi_outlines *out);
void fvi_outlines_free(fv_ctx *ctx, fvi_outlines *o);

/* One past the last ring of the object (or of its part) of ring `i`. */
int64_t fvi_outlines_end(const fvi_outlines *o, int64_t i, bool of_part);

#endif
