#ifndef FVI_REF_WINDOW_H
#define FVI_REF_WINDOW_H

/*
 * The letters of the window loops. A window ties a wide image to a narrow one:
 * position h of the narrow side and tap r of the kernel meet position
 *   i = h*t + r*d - p
 * of the wide side. Convolution and pooling read the wide side and write the
 * narrow one; transposed convolution goes the other way. Three spatial axes
 * serve all ranks: missing outer axes have extent 1 and kernel 1.
 */

#include "backend/ref/real.h"

typedef struct fvi_grid {
    int64_t N, C, K;                    /* batch, channels of x and of y   */
    int64_t Q, R, S;                    /* kernel                          */
    int64_t wide_pixels, narrow_pixels; /* positions of one image          */
    int64_t wide[3], narrow[3];         /* extents                         */
    const int64_t *stride, *dilation, *pad;
} fvi_grid;

typedef struct fvi_at { /* a position */
    int64_t i[3];
} fvi_at;

static inline fvi_grid fvi_grid_of(const fvi_ref_state *s, bool transposed)
{
    const fvi_window *o = (const fvi_window *)(const void *)s->attr;
    fvi_dims x = fvi_dims_of(s->p.x[0]), y = fvi_dims_of(s->p.y);
    fvi_dims w = transposed ? y : x, n = transposed ? x : y;
    return (fvi_grid){
        .N = x.N,
        .C = x.C,
        .K = y.C,
        .Q = o->kernel[0],
        .R = o->kernel[1],
        .S = o->kernel[2],
        .wide_pixels = w.D * w.H * w.W,
        .narrow_pixels = n.D * n.H * n.W,
        .wide = {w.D, w.H, w.W},
        .narrow = {n.D, n.H, n.W},
        .stride = o->stride,
        .dilation = o->dilation,
        .pad = o->pad,
    };
}

/* The position with number `pixel` in an image of these extents. */
static inline fvi_at fvi_at_pixel(const int64_t extent[3], int64_t pixel)
{
    return (fvi_at){{pixel / extent[2] / extent[1],
                     pixel / extent[2] % extent[1], pixel % extent[2]}};
}

/* The wide pixel that narrow position h meets at tap (q,r,s), or -1 when it
 * lies outside: zero there adds nothing. */
static inline int64_t fvi_wide(const fvi_grid *g, fvi_at h, int64_t q,
                               int64_t r, int64_t s)
{
    const int64_t tap[3] = {q, r, s};
    int64_t pixel = 0;
    for (int a = 0; a < 3; a++) {
        int64_t i = h.i[a] * g->stride[a] + tap[a] * g->dilation[a] - g->pad[a];
        if (i < 0 || i >= g->wide[a])
            return -1;
        pixel = pixel * g->wide[a] + i;
    }
    return pixel;
}

/* The narrow pixel that meets wide position i at tap (q,r,s), or -1. */
static inline int64_t fvi_narrow(const fvi_grid *g, fvi_at i, int64_t q,
                                 int64_t r, int64_t s)
{
    const int64_t tap[3] = {q, r, s};
    int64_t pixel = 0;
    for (int a = 0; a < 3; a++) {
        int64_t ht = i.i[a] + g->pad[a] - tap[a] * g->dilation[a];
        int64_t h = ht / g->stride[a];
        if (ht < 0 || ht % g->stride[a] != 0 || h >= g->narrow[a])
            return -1;
        pixel = pixel * g->narrow[a] + h;
    }
    return pixel;
}

#endif
