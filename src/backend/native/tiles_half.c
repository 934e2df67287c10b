/* Blocks of products by AVX-512 with bf16: eight rows in registers at once. */
#include "backend/native/tiles.h"

#include <immintrin.h>
#include <string.h>

enum { ROWS = 8, PAIRS = FVI_TILE_DEPTH / 2 };

static void begin(void) {}

static void end(void) {}

static inline __m512bh pairs_at(const uint16_t *b)
{
    return (__m512bh)_mm512_loadu_si512(b);
}

static inline __m512bh pair_everywhere(const uint16_t *a)
{
    int32_t pair;
    memcpy(&pair, a, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* Rows first to first + ROWS by Z vectors. */
static inline __attribute__((always_inline)) void rows(const fvi_tiles *t,
                                                       int Z, int64_t first,
                                                       bool add, float *sum)
{
    __m512 s[ROWS][2];
    for (int r = 0; r < ROWS; r++)
        for (int z = 0; z < Z; z++)
            s[r][z] = add ? _mm512_load_ps(sum + r * FVI_BLOCK + z * FVI_TILE)
                          : _mm512_setzero_ps();
    const int64_t row =
        first / FVI_TILE * t->below + first % FVI_TILE * FVI_TILE_DEPTH;
    for (int64_t i = 0; i < t->steps; i++) {
        const uint16_t *a = t->a + t->at[i] + row, *b = t->b + i * t->step;
        for (int k = 0; k < PAIRS; k++, a += 2, b += 2 * FVI_TILE) {
            __m512bh right[2];
            for (int z = 0; z < Z; z++)
                right[z] = pairs_at(b + z * t->beside);
            for (int r = 0; r < ROWS; r++) {
                __m512bh left = pair_everywhere(a + r * FVI_TILE_DEPTH);
                for (int z = 0; z < Z; z++)
                    s[r][z] = _mm512_dpbf16_ps(s[r][z], left, right[z]);
            }
        }
    }
    for (int r = 0; r < ROWS; r++)
        for (int z = 0; z < Z; z++)
            _mm512_store_ps(sum + r * FVI_BLOCK + z * FVI_TILE, s[r][z]);
}

static void multiply(const fvi_tiles *t, bool add, float *sum)
{
    for (int64_t r = 0; r < FVI_BLOCK; r += ROWS)
        if (t->narrow)
            rows(t, 1, r, add, sum + r * FVI_BLOCK);
        else
            rows(t, 2, r, add, sum + r * FVI_BLOCK);
    for (int64_t i = 0; t->meanwhile && i < t->steps; i++)
        t->meanwhile(t->of, i);
}

const fvi_tiler fvi_tiler_v4_half = {begin, end, multiply};
