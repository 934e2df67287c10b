#ifndef FVI_WINOGRAD_H
#define FVI_WINOGRAD_H

/*
 * 3x3 convolution in 2-D with a quarter of the multiplications: F(4x4,3x3).
 *   y = A' [ (G g G') . (B' d B) ] A
 * on tiles of 4x4 outputs, with the points 0, 1, -1, 2, -2 and infinity.
 * Source: Lavin & Gray 2016 (arXiv:1509.09308), sections 4.1 and 4.3.
 * The gradient with respect to g is the transpose of the same formula.
 */

#include "backend/native/native.h"

enum {
    FVI_WINO_POINTS = 36, /* 6x6 products of a tile                     */
    FVI_WINO_ROWS = 14,   /* tiles whose sums fit in registers          */
    FVI_WINO_K = 32       /* output channels of one block: two vectors  */
};

/* One convolution: x (N,H,W,C) -> y (N,Ho,Wo,K). */
typedef struct fvi_wino {
    int64_t N, H, W, C, Ho, Wo, K, pad;
    int64_t down, across, tiles; /* tiles per column, per row, in all */
    int64_t block;               /* tiles worked on together          */
    fvi_act act;
    float slope;
} fvi_wino;

/* How the sum of a weight gradient is divided. */
typedef struct fvi_wino_cut {
    int64_t slices, slice;        /* parts, tiles per part                */
    int64_t groups, wide;         /* parts, output channels per part      */
    int64_t block;                /* tiles transformed together           */
    size_t per_thread, per_slice; /* floats of scratch                    */
} fvi_wino_cut;
fvi_wino_cut fvi_wino_cut_of(const fvi_wino *w);

/* Sizes for a problem; `side` floats of input channels are rounded up. */
fvi_wino fvi_wino_of(int64_t N, int64_t H, int64_t W, int64_t C, int64_t K,
                     int64_t pad);

/* Floats of transformed weights. */
size_t fvi_wino_weights(const fvi_wino *w);
/* Floats of scratch: per thread of a run, in all of a weight gradient. */
size_t fvi_wino_scratch(const fvi_wino *w);
size_t fvi_wino_gradient_scratch(const fvi_wino *w, int threads);

/* U = G g G' for weights g (3,3,C,K). Turned: for the way back to the input,
 * g'[r,s,k,c] = g[2-r,2-s,c,k]; then w->C is the K of g. */
void fvi_wino_pack_v4(const fvi_wino *w, const float *g, float *u, int threads);
void fvi_wino_pack_turned_v4(const fvi_wino *w, const float *g, float *u,
                             int threads);

/* y = x * g + bias, or y += (add). */
void fvi_wino_run_v4(const fvi_wino *w, const float *x, const float *u,
                     const float *bias, float *y, bool add, float *scratch,
                     int threads);

/* dg += ..., db += ... (NULL: unwanted). */
void fvi_wino_gradient_v4(const fvi_wino *w, const float *x, const float *dy,
                          float *dg, float *db, float *scratch, int threads);

/* Steps of the above that the weight gradient shares. Tile t of x goes to
 * v[point][c/16][row][16]; `step` floats lie between points. */
void fvi_wino_input_v4(const fvi_wino *w, const float *x, int64_t t,
                       int64_t row, int64_t rows, float *v, int64_t step);

/* dg += G' (sum of du) G; each of `parts` du is ordered like transformed
 * weights, `size` floats from the next. */
void fvi_wino_unpack_v4(const fvi_wino *w, const float *du, size_t size,
                        int64_t parts, float *dg, int threads);

static inline int64_t fvi_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static inline int64_t fvi_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Transformed weights are ordered [k/32][point][c][k%32], the last block being
 * 16 wide when that is enough. Where (k, point 0, c) lies, and the floats from
 * point to point. */
typedef struct fvi_wino_spot {
    int64_t at, step;
} fvi_wino_spot;

static inline fvi_wino_spot fvi_wino_find(const fvi_wino *w, int64_t k,
                                          int64_t c)
{
    int64_t C = fvi_up(w->C, 16), block = k / FVI_WINO_K;
    int64_t wide = w->K - block * FVI_WINO_K > 16 ? 32 : 16;
    int64_t before = block * FVI_WINO_K * FVI_WINO_POINTS * C;
    return (fvi_wino_spot){before + c * wide + k % FVI_WINO_K, C * wide};
}

#endif
