/* Sizes of a Winograd convolution; the arithmetic is in winograd_*_v4.c. */
#include "backend/native/winograd.h"

/* Tiles of one block: their transforms (36 numbers per tile and channel) and
 * one block of products are to stay in the second-level cache. */
static int64_t choose_block(int64_t C, int64_t tiles)
{
    int64_t block = C > 48 ? FVI_WINO_ROWS : 2 * FVI_WINO_ROWS;
    while (block > FVI_WINO_ROWS && tiles < 16 * block)
        block -= FVI_WINO_ROWS;
    return block;
}

fvi_wino fvi_wino_of(int64_t N, int64_t H, int64_t W, int64_t C, int64_t K,
                     int64_t pad)
{
    fvi_wino w = {.N = N, .H = H, .W = W, .C = C, .K = K, .pad = pad};
    w.Ho = H + 2 * pad - 2;
    w.Wo = W + 2 * pad - 2;
    w.down = (w.Ho + 3) / 4;
    w.across = (w.Wo + 3) / 4;
    w.tiles = N * w.down * w.across;
    w.block = choose_block(C, w.tiles);
    return w;
}

size_t fvi_wino_weights(const fvi_wino *w)
{
    return (size_t)(FVI_WINO_POINTS * fvi_up(w->C, 16) *
                    fvi_up(w->K, FVI_WINO_K));
}

/* Input transforms and products of one block. */
size_t fvi_wino_scratch(const fvi_wino *w)
{
    int64_t input = w->block * fvi_up(w->C, 16) + 16;
    int64_t product = w->block * FVI_WINO_K + 16;
    return (size_t)(FVI_WINO_POINTS * (input + product));
}

/*
 * The weight gradient is a sum over tiles. It is cut into `slices` of tiles
 * and `groups` of output channels, each summed by one thread, and the slices
 * are added in order: the result depends on the sizes alone.
 */
fvi_wino_cut fvi_wino_cut_of(const fvi_wino *w)
{
    enum { ITEMS = 8 };
    fvi_wino_cut cut = {0};
    int64_t C = fvi_up(w->C, 16), K = fvi_up(w->K, FVI_WINO_K);
    cut.wide = fvi_min(K, C > 128 ? 64 : 128);
    cut.groups = (K + cut.wide - 1) / cut.wide;
    cut.block = C + cut.wide > 96 ? 32 : 64;
    int64_t slices = fvi_up(ITEMS, cut.groups) / cut.groups;
    cut.slice = fvi_up((w->tiles + slices - 1) / slices, cut.block);
    cut.slices = (w->tiles + cut.slice - 1) / cut.slice;
    cut.per_thread =
        (size_t)(FVI_WINO_POINTS * (cut.block * (C + cut.wide) + 32));
    cut.per_slice = fvi_wino_weights(w) + (size_t)K;
    return cut;
}

size_t fvi_wino_gradient_scratch(const fvi_wino *w, int threads)
{
    fvi_wino_cut cut = fvi_wino_cut_of(w);
    return cut.per_thread * (size_t)threads +
           cut.per_slice * (size_t)cut.slices;
}
