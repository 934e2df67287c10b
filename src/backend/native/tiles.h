#ifndef FVI_TILES_H
#define FVI_TILES_H

/*
 * Sums of products of bf16 numbers, a block of 32 by 32 results at a time.
 * A tile of the left factor holds 16 rows of 32 numbers along the sum; a tile
 * of the right one 16 pairs along the sum of 16 columns each. Both are 1 KB
 * without gaps; a block takes two of each per step.
 */

#include "backend/native/native.h"

enum {
    FVI_TILE = 16,       /* rows or columns                */
    FVI_TILE_DEPTH = 32, /* numbers of a sum in one tile   */
    FVI_TILE_SIZE = 512, /* numbers in all                 */
    FVI_BLOCK = 32       /* rows and columns of a block    */
};

/* sum[i][j] (+)= the steps' products; offsets count numbers. */
typedef struct fvi_tiles {
    int64_t steps;
    const uint16_t *a, *b;
    const int64_t *at;    /* where in a each step begins          */
    int64_t below;        /* to the tile with rows 16 to 31       */
    int64_t step, beside; /* in b: to the next step, to columns 16 to 31 */
    bool narrow;          /* columns 0 to 15 only                 */
    bool once;            /* more goes by than stays in the first cache: */
    int64_t near;         /* keep b of so many steps there, nothing else */
    /* NULL, or what else to do, a share after every step: the multipliers of
     * AMX work on while the other units do. */
    void (*meanwhile)(void *of, int64_t step);
    void *of;
} fvi_tiles;

/* Who multiplies. A thread calls begin before and end after its products;
 * sum has rows of FVI_BLOCK floats and is aligned to 64 bytes. */
typedef struct fvi_tiler {
    void (*begin)(void);
    void (*end)(void);
    void (*multiply)(const fvi_tiles *t, bool add, float *sum);
} fvi_tiler;

extern const fvi_tiler fvi_tiler_amx;     /* AMX                     */
extern const fvi_tiler fvi_tiler_v4_half; /* AVX-512 with bf16       */

/* FV_ENOTSUP with a sentence where AMX is not to be had. The system is asked
 * for its registers; asking again, or from several threads, does no harm. */
fv_status fvi_amx_open(fv_ctx *ctx);

#endif
