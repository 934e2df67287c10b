/* Sizes of a Winograd convolution; the arithmetic is in winograd_*_v4.c. */
#include "backend/native/winograd.h"

/* Tiles of one block: their transforms (36 numbers per tile and channel) and
 * one block of products are to stay in the second-level cache. */
static int64_t choose_block(int64_t C, int64_t tiles)
{
    int64_t block = C > 160 ? FVI_WINO_ROWS : 2 * FVI_WINO_ROWS;
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

/* A block of the gradient is as many tiles as keep the transforms of both
 * sides within about 4 MB. It depends on the sizes alone: it decides in which
 * order numbers are added. */
int64_t fvi_wino_gradient_block(const fvi_wino *w)
{
    int64_t channels = fvi_up(w->C, 16) + fvi_up(w->K, 16);
    int64_t block = (4 << 20) / (FVI_WINO_POINTS * 4 * channels) / 16 * 16;
    block = block < 32 ? 32 : fvi_min(block, 128);
    return fvi_min(block, w->tiles);
}

/* Transforms of x and dy, products, sums for the bias. */
size_t fvi_wino_gradient_scratch(const fvi_wino *w)
{
    int64_t channels = fvi_up(w->C, 16) + fvi_up(w->K, FVI_WINO_K);
    int64_t block = fvi_wino_gradient_block(w) * channels + 32;
    return (size_t)(FVI_WINO_POINTS * block) + fvi_wino_weights(w) +
           (size_t)fvi_up(w->K, FVI_WINO_K);
}
