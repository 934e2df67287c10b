/* The factors of a linear layer as tiles. */
#include "backend/native/linear_half.h"

/* Block k of the outputs: [c/32][k/16][c/2][k][2]. */
static void pack_block(const fvi_linear_half *s, int64_t k, const float *w,
                       uint16_t *to)
{
    to += k * s->deep * FVI_LINEAR_PAIR;
    for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK)
        for (int64_t z = k * FVI_BLOCK; z < (k + 1) * FVI_BLOCK; z += FVI_TILE)
            for (int64_t i = c; i < c + FVI_BLOCK; i += 2, to += 2 * FVI_TILE) {
                const float *row = w + i * s->K + z;
                const __m512i both =
                    pairs(load_n(row, i < s->C ? s->K - z : 0),
                          load_n(row + s->K, i + 1 < s->C ? s->K - z : 0));
                _mm512_storeu_si512(to, both);
            }
}

void fvi_linear_half_weights(const fvi_linear_half *s, const float *w,
                             uint16_t *to, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < s->wide; k++)
        pack_block(s, k, w, to);
}

/* [c/32][row][32] */
void fvi_linear_half_rows(const fvi_linear_half *s, int64_t m, const float *x,
                          uint16_t *to)
{
    to += m * s->deep * FVI_LINEAR_PAIR;
    for (int64_t i = 0; i < FVI_BLOCK; i++) {
        const int64_t at = m * FVI_BLOCK + i;
        const float *row = x + at * s->C;
        for (int64_t c = 0; c < s->deep; c++) {
            const int64_t n = at < s->M ? s->C - c * FVI_BLOCK : 0;
            const float *from = row + c * FVI_BLOCK;
            _mm512_storeu_si512(
                to + c * FVI_LINEAR_PAIR + i * FVI_TILE_DEPTH,
                line(load_n(from, n), load_n(from + FVI_TILE, n - FVI_TILE)));
        }
    }
}
