#ifndef FVI_PIECES_H
#define FVI_PIECES_H

/* A label image taken apart, for work on one object at a time. */

#include "task/task.h"

/* One object. */
typedef struct fvi_piece {
    uint32_t label;
    int32_t y0, x0, y1, x1; /* box; y1 and x1 excluded */
    int64_t area, first;    /* its runs are run[first] .. run[first + runs) */
    int64_t runs;
} fvi_piece;

/* The objects of a label image in raster order of first pixel, each with its
 * runs by row, then by column. */
typedef struct fvi_pieces {
    int64_t count;
    fvi_piece *object;
    fvi_span *run;
} fvi_pieces;

fv_status fvi_pieces_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                         int64_t w, fvi_pieces *out);
void fvi_pieces_free(fv_ctx *ctx, fvi_pieces *o);

#endif
