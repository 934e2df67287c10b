#ifndef FVI_OP_ATTENTION_H
#define FVI_OP_ATTENTION_H

/* Attributes of attention, and which tokens see each other. */

#include "op/op.h"

/* Where the order of tokens comes from, beside what they say themselves. */
typedef enum fvi_position {
    FVI_POSITION_NONE,
    FVI_POSITION_AXES, /* a table of vectors per axis, by distance   */
    FVI_POSITION_TABLE /* a number per distance and head             */
} fvi_position;

typedef struct fvi_attention {
    int64_t channels, heads; /* of y; a head has channels/heads of them      */
    int64_t at[3];           /* where q, k, v begin in the channels of x     */
    int64_t window, shift;   /* side of the windows, 0: one for all; and how
                                far they are moved, around the edges         */
    fvi_position position;
} fvi_attention;

/* The windows of a map, axes D, H, W; those a lower rank lacks are 1 wide. */
typedef struct fvi_windows {
    int64_t extent[3], side[3], count[3], shift[3];
    int64_t tokens, windows; /* tokens in each of so many windows */
} fvi_windows;
fvi_windows fvi_windows_of(const fvi_attention *o, fv_tensor map);

/* A token: its position in the map, and the part of the window it belongs to.
 * A window that a shift has put together from opposite edges has several;
 * only tokens of one part see each other. */
typedef struct fvi_token {
    int64_t at;
    int part;
} fvi_token;
fvi_token fvi_token_of(const fvi_windows *w, int64_t window, int64_t t);

/* Distances -(E-1)..E-1 between the tokens of a side E, and all of them
 * together. */
static inline int64_t fvi_distances(int64_t side)
{
    return 2 * side - 1;
}
int64_t fvi_distances_in(const fvi_windows *w);

/* A table of `rows` vectors read as one of `wanted`, linearly, centers at half
 * integers: row i is (1 - part) row[lo] + part row[hi]. */
typedef struct fvi_between {
    int64_t lo, hi;
    double part;
} fvi_between;
fvi_between fvi_table_row(int64_t i, int64_t rows, int64_t wanted);

#endif
