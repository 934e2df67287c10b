#ifndef FVI_ROWS_H
#define FVI_ROWS_H

/*
 * Rows of channels times a matrix: what 1x1 convolutions are, and transposed
 * convolutions whose stamps lie side by side. Rows come in strips, within
 * which neighbors lie a fixed pitch apart.
 */

#include "backend/native/native.h"

enum { FVI_ROWS_PARTS = 16 }; /* matrices summed into one result */

/* y[row][0..K) = sum over parts and c of x[part][row][c] w[part][c][0..K) */
typedef struct fvi_rows {
    int64_t C, K;
    int parts;
    fvi_act act;
    float slope;
} fvi_rows;

typedef struct fvi_strip {
    int64_t rows;
    const float *x[FVI_ROWS_PARTS]; /* one per part  */
    int64_t from;                   /* pitch of x    */
    float *y;
    int64_t to; /* pitch of y    */
    bool add;
    bool past; /* write past the caches; every vector of y is aligned */
} fvi_strip;

/* Floats of packed matrices, ordered [k/32][part][c][k%32]. */
size_t fvi_rows_weights(const fvi_rows *r);

/* Packs w[part][c][k]; turned: from w[part][k][c]. */
void fvi_rows_pack_v4(const fvi_rows *r, const float *w, bool turned, float *u,
                      int threads);

/* One strip; bias may be NULL. */
void fvi_rows_run_v4(const fvi_rows *r, const float *u, const float *bias,
                     const fvi_strip *s);

/* Whether y (rows of K numbers, `count` in all) is to be written so. */
bool fvi_rows_past(const float *y, int64_t count, int64_t K);

/* Sums of products of rows: s[i][j] (+)= sum over rows of a[row][i] b[row][j].
 * s has rows of fvi_rows_wide(nb) floats. */
int64_t fvi_rows_wide(int64_t n);
void fvi_rows_outer_v4(int64_t rows, const float *a, int64_t na,
                       int64_t pitch_a, const float *b, int64_t nb,
                       int64_t pitch_b, bool first, float *s);

/* s[j] (+)= sum over rows of b[row][j] */
void fvi_rows_sum_v4(int64_t rows, const float *b, int64_t nb, int64_t pitch,
                     bool first, float *s);

#endif
