#ifndef FVI_LINEAR_HALF_H
#define FVI_LINEAR_HALF_H

/* A linear layer by tiles of bf16 numbers: what its files share. */

#include "backend/native/half.h"

enum {
    FVI_LINEAR_SQUARE = FVI_BLOCK * FVI_BLOCK,
    FVI_LINEAR_PAIR = 2 * FVI_TILE_SIZE, /* two tiles */
    FVI_LINEAR_WHOLE = 32                /* steps of a sum taken at once */
};

/* Settled in prepare. */
typedef struct fvi_linear_half {
    fvi_linear o;
    int64_t M, C, K;
    int64_t high, deep, wide; /* blocks of 32 of rows, inputs, outputs */
    int64_t stretch;          /* steps                                 */
    int64_t at[FVI_LINEAR_WHOLE];
    int threads;
    bool bias;
    const fvi_tiler *tiler;
    uint16_t *packed; /* NULL: packed in every call */
} fvi_linear_half;

/* Of a call: x and w in tiles. */
typedef struct fvi_linear_factors {
    const uint16_t *x, *w;
    const float *bias, *added; /* or NULL */
    void *y;                   /* floats, or tiles when `tiled` */
    bool tiled;
} fvi_linear_factors;

/* linear_half_pack.c: all weights; block m of the rows. */
void fvi_linear_half_weights(const fvi_linear_half *s, const float *w,
                             uint16_t *to, int threads);
void fvi_linear_half_rows(const fvi_linear_half *s, int64_t m, const float *x,
                          uint16_t *to);

/* Tiles that are soon to be read: so many numbers to ask for after a step. */
typedef struct fvi_linear_ask {
    const uint16_t *from;
    int64_t numbers;
} fvi_linear_ask;

/* A block of sums that waits to become outputs, and what to ask for: some of
 * it after each step of the next block. */
typedef struct fvi_linear_end {
    vec bias[2];
    const fvi_linear_half *s;
    const fvi_linear_factors *f;
    const float *sum;  /* NULL: none waits                 */
    int64_t m, k;      /* its rows and outputs begin here  */
    int64_t row, rows; /* the next one, and how many; rows past the last one
                          of all become zeros in tiles */
    int64_t share;     /* rows after a step */
    __mmask16 mask[2]; /* outputs that are */
    fvi_linear_ask next_w, next_x;
} fvi_linear_end;

/* linear_half_end.c: block `sum` with its first row m and output k waits. */
void fvi_linear_half_wait(fvi_linear_end *e, const float *sum, int64_t m,
                          int64_t k);
/* `of` is an fvi_linear_end; as fvi_tiles has it. */
void fvi_linear_half_meanwhile(void *of, int64_t step);
/* All rows that are left. */
void fvi_linear_half_finish(fvi_linear_end *e);

#endif
