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

/* Past the first cache, `once`: loads then go on at the pace of the products as
 * long as the second cache has them. */
#define LOAD(tile, from, once)                   \
    {                                            \
        if (once)                                \
            _tile_stream_loadd(tile, from, ROW); \
        else                                     \
            _tile_loadd(tile, from, ROW);        \
    }

static inline void meanwhile(const fvi_tiles *t, int64_t step)
{
    if (t->meanwhile)
        t->meanwhile(t->of, step);
}

/* Steps lo to hi of one column of tiles; a or b pass by. */
static inline __attribute__((always_inline)) void narrow(const fvi_tiles *t,
                                                         int64_t lo, int64_t hi,
                                                         bool a_once,
                                                         bool b_once)
{
    for (int64_t i = lo; i < hi; i++) {
        const uint16_t *a = t->a + t->at[i], *b = t->b + i * t->step;
        LOAD(6, b, b_once)
        LOAD(4, a, a_once)
        _tile_dpbf16ps(0, 4, 6);
        LOAD(5, a + t->below, a_once)
        _tile_dpbf16ps(2, 5, 6);
        meanwhile(t, i);
    }
}

static inline __attribute__((always_inline)) void wide(const fvi_tiles *t,
                                                       int64_t lo, int64_t hi,
                                                       bool a_once, bool b_once)
{
    for (int64_t i = lo; i < hi; i++) {
        const uint16_t *a = t->a + t->at[i], *b = t->b + i * t->step;
        LOAD(6, b, b_once)
        LOAD(4, a, a_once)
        _tile_dpbf16ps(0, 4, 6);
        LOAD(7, b + t->beside, b_once)
        _tile_dpbf16ps(1, 4, 7);
        LOAD(5, a + t->below, a_once)
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        meanwhile(t, i);
    }
}

static void load_sums(bool narrow, bool add, const float *sum)
{
    const float *low = sum + FVI_TILE * FVI_BLOCK;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (!add)
        return;
    _tile_loadd(0, sum, SUM_ROW);
    _tile_loadd(2, low, SUM_ROW);
    if (narrow)
        return;
    _tile_loadd(1, sum + FVI_TILE, SUM_ROW);
    _tile_loadd(3, low + FVI_TILE, SUM_ROW);
}

static void store_sums(bool narrow, float *sum)
{
    float *low = sum + FVI_TILE * FVI_BLOCK;
    _tile_stored(0, sum, SUM_ROW);
    _tile_stored(2, low, SUM_ROW);
    if (narrow)
        return;
    _tile_stored(1, sum + FVI_TILE, SUM_ROW);
    _tile_stored(3, low + FVI_TILE, SUM_ROW);
}

static void multiply(const fvi_tiles *t, bool add, float *sum)
{
    const int64_t near = t->near < t->steps ? t->near : t->steps;
    load_sums(t->narrow, add, sum);
    if (!t->once && t->narrow) {
        narrow(t, 0, t->steps, false, false);
    } else if (!t->once) {
        wide(t, 0, t->steps, false, false);
    } else if (t->narrow) {
        narrow(t, 0, near, true, false);
        narrow(t, near, t->steps, true, true);
    } else {
        wide(t, 0, near, true, false);
        wide(t, near, t->steps, true, true);
    }
    store_sums(t->narrow, sum);
}

const fvi_tiler fvi_tiler_amx = {begin, end, multiply};
