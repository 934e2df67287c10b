/* Blocks of products by AMX: tiles 0 to 3 hold the sums, 4 and 5 the left
 * factor, 6 and 7 the right one. */
#include "backend/native/tiles.h"

#include <immintrin.h>

enum { ROW = 64, SUM_ROW = FVI_BLOCK * sizeof(float) };

/* As the processor reads it: eight full tiles. Static, since the compiler does
 * not see that all of it is read. */
static const struct {
    uint8_t palette, start, zero[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} config __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW},
    .rows = {FVI_TILE, FVI_TILE, FVI_TILE, FVI_TILE, FVI_TILE, FVI_TILE,
             FVI_TILE, FVI_TILE},
};

static void begin(void)
{
    _tile_loadconfig(&config);
}

static void end(void)
{
    _tile_release();
}

/* Without taking the place of what lies near: loads then go on at the pace of
 * the products as long as the second cache has them. */
#define LOAD(tile, from)                         \
    {                                            \
        if (once)                                \
            _tile_stream_loadd(tile, from, ROW); \
        else                                     \
            _tile_loadd(tile, from, ROW);        \
    }

static inline __attribute__((always_inline)) void narrow(const fvi_tiles *t,
                                                         bool once, bool add,
                                                         float *sum)
{
    _tile_zero(0);
    _tile_zero(2);
    if (add) {
        _tile_loadd(0, sum, SUM_ROW);
        _tile_loadd(2, sum + FVI_TILE * FVI_BLOCK, SUM_ROW);
    }
    const uint16_t *b = t->b;
    for (int64_t i = 0; i < t->steps; i++, b += t->step) {
        const uint16_t *a = t->a + t->at[i];
        LOAD(6, b)
        LOAD(4, a)
        _tile_dpbf16ps(0, 4, 6);
        LOAD(5, a + t->below)
        _tile_dpbf16ps(2, 5, 6);
    }
    _tile_stored(0, sum, SUM_ROW);
    _tile_stored(2, sum + FVI_TILE * FVI_BLOCK, SUM_ROW);
}

static inline __attribute__((always_inline)) void wide(const fvi_tiles *t,
                                                       bool once, bool add,
                                                       float *sum)
{
    float *low = sum + FVI_TILE * FVI_BLOCK;
    if (add) {
        _tile_loadd(0, sum, SUM_ROW);
        _tile_loadd(1, sum + FVI_TILE, SUM_ROW);
        _tile_loadd(2, low, SUM_ROW);
        _tile_loadd(3, low + FVI_TILE, SUM_ROW);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    const uint16_t *b = t->b;
    for (int64_t i = 0; i < t->steps; i++, b += t->step) {
        const uint16_t *a = t->a + t->at[i];
        LOAD(6, b)
        LOAD(4, a)
        _tile_dpbf16ps(0, 4, 6);
        LOAD(7, b + t->beside)
        _tile_dpbf16ps(1, 4, 7);
        LOAD(5, a + t->below)
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sum, SUM_ROW);
    _tile_stored(1, sum + FVI_TILE, SUM_ROW);
    _tile_stored(2, low, SUM_ROW);
    _tile_stored(3, low + FVI_TILE, SUM_ROW);
}

static void multiply(const fvi_tiles *t, bool add, float *sum)
{
    if (t->narrow && t->once)
        narrow(t, true, add, sum);
    else if (t->narrow)
        narrow(t, false, add, sum);
    else if (t->once)
        wide(t, true, add, sum);
    else
        wide(t, false, add, sum);
}

const fvi_tiler fvi_tiler_amx = {begin, end, multiply};
