#ifndef FVI_BLOCKS_H
#define FVI_BLOCKS_H

/*
 * Sums over many rows whose order does not depend on the number of threads:
 * rows are cut into blocks of BLOCK; one thread sums a block into its own row
 * of `part`, and the blocks are then added in order.
 */

#include <stdint.h>

enum { BLOCK = 256 };

static inline int64_t block_count(int64_t rows)
{
    return (rows + BLOCK - 1) / BLOCK;
}

/* The rows m of block b, of `rows` in all. */
#define FOR_BLOCK(m, b, rows) \
    for (int64_t m = (b)*BLOCK; m < (rows) && m < ((b) + 1) * BLOCK; m++)

/* part[0][c] += part[1][c] + part[2][c] + ... for `blocks` rows of `width`. */
static inline void add_blocks(double *part, int64_t blocks, int64_t width)
{
    for (int64_t b = 1; b < blocks; b++)
        for (int64_t c = 0; c < width; c++)
            part[c] += part[b * width + c];
}

#endif
