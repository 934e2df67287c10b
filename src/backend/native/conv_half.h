#ifndef FVI_CONV_HALF_H
#define FVI_CONV_HALF_H

/*
 * Convolution in 2-D, stride 1, with products of bf16 numbers. Images stay
 * float; a band of their rows is rounded to bf16 and padded, and the pixels of
 * a band are one long line, `pitch` from row to row: what a tap reads then lies
 * equally far on for all of them. Sums in between rows are computed, too, and
 * dropped.
 */

#include "backend/native/tiles.h"

/* Along one axis: taps of the kernel, and how far apart they lie. */
typedef struct fvi_axis {
    int64_t size, taps, apart, pad;
} fvi_axis;

/* One convolution: x (N,H,W,C) -> y (N,Ho,Wo,K). */
typedef struct fvi_conv_half {
    int64_t N, H, W, C, Ho, Wo, K;
    fvi_axis down, across;
    int64_t taps;
    int64_t pitch;         /* pixels of a padded row              */
    int64_t deep, wide;    /* blocks of 32 of C and of K          */
    int64_t rows, bands;   /* rows of y per band, bands per image */
    int64_t spots, pixels; /* of a band: sums, pixels they read   */
    fvi_act act;
    float slope;
    const fvi_tiler *tiler;
} fvi_conv_half;

/* Sizes of a convolution; enough bands for so many threads. */
fvi_conv_half fvi_conv_half_of(int64_t N, fvi_axis down, fvi_axis across,
                               int64_t C, int64_t K, int threads);

/* What a kernel covers besides one pixel. */
static inline int64_t fvi_reach(const fvi_axis *a)
{
    return (a->taps - 1) * a->apart;
}

/* Rows and columns from a sum to what a tap reads of it. */
static inline int64_t fvi_tap_row(const fvi_conv_half *o, int64_t tap)
{
    return tap / o->across.taps * o->down.apart;
}

static inline int64_t fvi_tap_column(const fvi_conv_half *o, int64_t tap)
{
    return tap % o->across.taps * o->across.apart;
}

/* Cuts into bands of about `room` numbers, so many per pixel. */
void fvi_conv_half_divide(fvi_conv_half *o, int64_t per_pixel, int64_t room);

/* A band: rows i to i + rows of y of image n. */
typedef struct fvi_band {
    int64_t n, i, rows;
} fvi_band;

static inline fvi_band fvi_band_at(const fvi_conv_half *o, int64_t b)
{
    const int64_t i = b % o->bands * o->rows, left = o->Ho - i;
    return (fvi_band){b / o->bands, i, left < o->rows ? left : o->rows};
}

/* Whether band b goes on where the one before it, of the same image, ended:
 * the first of its rows of x are packed already. */
static inline bool fvi_band_follows(const fvi_conv_half *o, int64_t b)
{
    return b % o->bands > 0;
}

/* Bytes to ask for ahead of their use, a share at a time. */
typedef struct fvi_ahead {
    const char *at, *end;
    int64_t each;
} fvi_ahead;

/* The rows of x that band b is the first to read, in `shares`. */
fvi_ahead fvi_ahead_of_x(const fvi_conv_half *o, const float *x, int64_t b,
                         int64_t shares);

static inline void fvi_fetch(fvi_ahead *a)
{
    const char *end = a->at + a->each < a->end ? a->at + a->each : a->end;
    for (; a->at < end; a->at += 64)
        __builtin_prefetch(a->at, 0, 2);
}

/* Weights w (taps,C,K) in tiles: [k/32][c/32][tap][k/16][c/2][k][2]. Turned:
 * for the way back, with taps from last to first and w'[k,c] = w[c,k]; o->C is
 * then the K of w. */
size_t fvi_conv_half_weights(const fvi_conv_half *o); /* numbers of bf16 */
void fvi_conv_half_pack(const fvi_conv_half *o, const float *w, bool turned,
                        uint16_t *to, int threads);

/* y = x * w + bias, or y += (add). */
size_t fvi_conv_half_scratch(const fvi_conv_half *o, int threads); /* floats */
void fvi_conv_half_run(const fvi_conv_half *o, const float *x,
                       const uint16_t *w, const float *bias, float *y, bool add,
                       float *scratch, int threads);

/* dw (+)= ..., db (+)= ...; NULL: unwanted. */
size_t fvi_conv_half_gradient_scratch(const fvi_conv_half *o, int threads);
void fvi_conv_half_gradient(const fvi_conv_half *o, const float *x,
                            const float *dy, float *dw, float *db, bool fresh_w,
                            bool fresh_b, float *scratch, int threads);

#endif
