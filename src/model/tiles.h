#ifndef FVI_TILES_H
#define FVI_TILES_H

#include "base/base.h"

/*
 * One axis of an image cut into overlapping tiles of equal length. Tiles
 * start on multiples of what the network asks for, so that its pooling grid is
 * the same in every tile. Where two overlap, both count, with weights that
 * pass smoothly from one to the other and add up to 1.
 *
 *   |---------- tile 0 ----------|
 *                     |---------- tile 1 ----------|
 *    weight 1 1 1 1 1 1 .8 .2 0 0
 *                     0 0 .2 .8 1 1 1 1 1 1 1 1 1 1
 */
typedef struct fvi_axis {
    int64_t size; /* px, a multiple */
    int64_t tile; /* px, a multiple, at most size */
    int64_t count;
    int64_t multiple;
    int64_t halo; /* what a tile sees beyond the part it is trusted for */
} fvi_axis;

/* `size` px are rounded up to the multiple. A tile of at most `most` px when
 * that leaves room for the halo: three of them are the least. */
fvi_axis fvi_axis_cut(int64_t size, int64_t most, int64_t halo,
                      int64_t multiple);

/* The same with tiles of exactly `tile` px, a multiple; a shorter axis grows
 * to one tile. The halo is cut to an eighth of it. */
fvi_axis fvi_axis_of_tiles(int64_t size, int64_t tile, int64_t halo,
                           int64_t multiple);

/* Where tile `i` starts. */
int64_t fvi_axis_start(const fvi_axis *a, int64_t i);

/* Weight of tile `i` at its pixel `at`. */
float fvi_axis_weight(const fvi_axis *a, int64_t i, int64_t at);

/* The pixel 0..size-1 that stands for pixel `i` >= 0 of the axis: the axis
 * goes back and forth like between two mirrors. */
int64_t fvi_mirror(int64_t i, int64_t size);

#endif
