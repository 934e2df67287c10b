/* Convolution with products of bf16 numbers: sizes, packing, running. The
 * gradient to the input is a convolution with turned weights. */
#include "backend/native/conv_half.h"
#include "backend/native/half.h"

#include <omp.h>
#include <string.h>

enum {
    NEAR = 64 << 10, /* numbers of a band, at least; and at most: */
    ROOM = 256 << 10,
    LEAST = 4,  /* rows of a band                         */
    SHARES = 4, /* parts of the work per thread, at least */
    SQUARE = FVI_BLOCK * FVI_BLOCK
};

static int64_t up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void fvi_conv_half_divide(fvi_conv_half *o, int64_t per_pixel, int64_t room)
{
    const int64_t more = fvi_reach(&o->down);
    int64_t rows = room / (o->pitch * per_pixel) - more;
    rows = rows < LEAST ? LEAST : rows;
    o->bands = (o->Ho + rows - 1) / rows;
    o->rows = (o->Ho + o->bands - 1) / o->bands;
    o->spots = up(o->rows * o->pitch, FVI_BLOCK);
    o->pixels =
        more * o->pitch + up(o->spots + fvi_reach(&o->across), FVI_BLOCK);
}

/* All weights go by for every band: these grow with them. */
fvi_conv_half fvi_conv_half_of(int64_t N, fvi_axis down, fvi_axis across,
                               int64_t C, int64_t K, int threads)
{
    fvi_conv_half o = {.N = N,
                       .H = down.size,
                       .W = across.size,
                       .C = C,
                       .K = K,
                       .down = down,
                       .across = across,
                       .taps = down.taps * across.taps};
    o.Ho = o.H + 2 * down.pad - fvi_reach(&down);
    o.Wo = o.W + 2 * across.pad - fvi_reach(&across);
    o.pitch = up(o.W + 2 * across.pad, 2);
    o.deep = up(C, FVI_BLOCK) / FVI_BLOCK;
    o.wide = up(K, FVI_BLOCK) / FVI_BLOCK;
    int64_t room = 2 * (int64_t)fvi_conv_half_weights(&o);
    room = room < NEAR ? NEAR : least(room, ROOM);
    fvi_conv_half_divide(&o, o.deep * FVI_BLOCK, room);
    while (N * o.bands < SHARES * threads && o.rows > LEAST) {
        room /= 2;
        fvi_conv_half_divide(&o, o.deep * FVI_BLOCK, room);
    }
    return o;
}

fvi_ahead fvi_ahead_of_x(const fvi_conv_half *o, const float *x, int64_t b,
                         int64_t shares)
{
    if (b >= o->N * o->bands)
        return (fvi_ahead){0};
    const fvi_band band = fvi_band_at(o, b);
    const int64_t more = fvi_reach(&o->down), top = band.i - o->down.pad;
    int64_t from = top + (fvi_band_follows(o, b) ? more : 0);
    from = from < 0 ? 0 : least(from, o->H);
    const int64_t to = least(top + band.rows + more, o->H);
    const char *image = (const char *)(x + band.n * o->H * o->W * o->C);
    const int64_t row = o->W * o->C * (int64_t)sizeof *x;
    return (fvi_ahead){image + from * row, image + to * row,
                       up((to - from) * row / shares, 64)};
}

/* ---- weights ---- */

size_t fvi_conv_half_weights(const fvi_conv_half *o)
{
    return (size_t)(o->deep * o->wide * o->taps * 2 * FVI_TILE_SIZE);
}

/* Tiles side by side in block k of the outputs. */
static int64_t beside(const fvi_conv_half *o, int64_t k)
{
    return o->K - k * FVI_BLOCK > FVI_TILE ? 2 : 1;
}

/* One tile, from input c and output k on, of the weights of a tap. */
static void pack_tile(const fvi_conv_half *o, const float *w, int64_t c,
                      int64_t k, uint16_t *to)
{
    for (int64_t i = 0; i < FVI_TILE; i++) {
        const float *row = w + (c + 2 * i) * o->K + k;
        const int64_t left = o->C - c - 2 * i, n = o->K - k;
        __m512i r = pairs(load_n(row, left > 0 ? n : 0),
                          load_n(row + o->K, left > 1 ? n : 0));
        _mm512_storeu_si512(to + i * FVI_TILE_DEPTH, r);
    }
}

static void pack_tile_turned(const fvi_conv_half *o, const float *w, int64_t c,
                             int64_t k, uint16_t *to)
{
    __m512i r[FVI_TILE];
    for (int64_t i = 0; i < FVI_TILE; i++) {
        const float *row = w + (k + i) * o->C + c;
        const int64_t n = k + i < o->K ? o->C - c : 0;
        r[i] = line(load_n(row, n), load_n(row + FVI_TILE, n - FVI_TILE));
    }
    turn(r);
    for (int64_t i = 0; i < FVI_TILE; i++)
        _mm512_storeu_si512(to + i * FVI_TILE_DEPTH, r[i]);
}

void fvi_conv_half_pack(const fvi_conv_half *o, const float *w, bool turned,
                        uint16_t *to, int threads)
{
    const int64_t full = 2 * FVI_TILE_SIZE, C = o->C, K = o->K;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < o->wide * o->deep * o->taps; i++) {
        const int64_t tap = i % o->taps, c = i / o->taps % o->deep;
        const int64_t k = i / o->taps / o->deep, n = beside(o, k);
        uint16_t *tile = to + (k * o->deep * o->taps) * full +
                         (c * o->taps + tap) * n * FVI_TILE_SIZE;
        for (int64_t z = 0; z < n; z++, tile += FVI_TILE_SIZE)
            if (turned)
                pack_tile_turned(o, w + (o->taps - 1 - tap) * C * K,
                                 c * FVI_BLOCK, k * FVI_BLOCK + z * FVI_TILE,
                                 tile);
            else
                pack_tile(o, w + tap * C * K, c * FVI_BLOCK,
                          k * FVI_BLOCK + z * FVI_TILE, tile);
    }
}

/* ---- a band ---- */

/* Pixels of one row, 32 channels from c on, `pixels` per block of channels. */
static void pack_row(const fvi_conv_half *o, const float *row, uint16_t *to)
{
    const __m512i zero = _mm512_setzero_si512();
    for (int64_t c = 0; c < o->deep; c++, to += o->pixels * FVI_BLOCK) {
        const int64_t n = o->C - c * FVI_BLOCK;
        const float *x = row ? row + c * FVI_BLOCK : NULL;
        uint16_t *at = to;
        for (int64_t j = 0; j < o->across.pad; j++, at += FVI_BLOCK)
            _mm512_storeu_si512(at, zero);
        for (int64_t j = 0; row && j < o->W; j++, at += FVI_BLOCK, x += o->C)
            _mm512_storeu_si512(
                at, line(load_n(x, n), load_n(x + FVI_TILE, n - FVI_TILE)));
        for (; at < to + o->pitch * FVI_BLOCK; at += FVI_BLOCK)
            _mm512_storeu_si512(at, zero);
    }
}

/* Its rows: [c/32][row][pixel][32]. What lies after the last row meets sums
 * that are dropped. */
static void pack_band(const fvi_conv_half *o, const float *x, const fvi_band *b,
                      bool follows, uint16_t *to)
{
    const float *image = x + b->n * o->H * o->W * o->C;
    const int64_t row = o->pitch * FVI_BLOCK, more = fvi_reach(&o->down);
    for (int64_t c = 0; follows && c < o->deep; c++) {
        uint16_t *block = to + c * o->pixels * FVI_BLOCK;
        memmove(block, block + o->rows * row,
                (size_t)(more * row) * sizeof *to);
    }
    for (int64_t r = follows ? more : 0; r < b->rows + more; r++) {
        const int64_t h = b->i + r - o->down.pad;
        const bool in = h >= 0 && h < o->H;
        pack_row(o, in ? image + h * o->W * o->C : NULL, to + r * row);
    }
}

/* ---- results ---- */

/* What sums become. */
typedef struct finish {
    vec bias[2], slope;
    __mmask16 some[2];
    fvi_act act;
    bool add, past;
} finish;

static finish finish_of(const fvi_conv_half *o, const float *bias, int64_t k,
                        bool add, bool past)
{
    finish f = {.act = o->act, .add = add, .past = past};
    f.slope = _mm512_set1_ps(o->slope);
    for (int z = 0; z < 2; z++) {
        const int64_t at = k + z * FVI_TILE;
        f.some[z] = lanes(o->K - at);
        f.bias[z] = load_n(bias ? bias + at : NULL, bias ? o->K - at : 0);
    }
    return f;
}

static inline vec activate(const finish *f, vec y)
{
    const vec zero = _mm512_setzero_ps();
    if (f->act == FVI_ACT_RELU)
        return _mm512_max_ps(zero, y); /* NaN stays */
    if (f->act == FVI_ACT_LEAKY)
        return _mm512_mask_mul_ps(y, _mm512_cmp_ps_mask(y, zero, _CMP_LT_OQ), y,
                                  f->slope);
    return y;
}

static inline void put(const finish *f, const float *sum, float *y)
{
    for (int z = 0; z < 2 && f->some[z]; z++) {
        vec v = _mm512_load_ps(sum + z * FVI_TILE);
        float *to = y + z * FVI_TILE;
        v = _mm512_add_ps(v, f->bias[z]);
        if (f->add)
            v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(f->some[z], to));
        v = activate(f, v);
        if (f->past)
            _mm512_stream_ps(to, v);
        else
            _mm512_mask_storeu_ps(to, f->some[z], v);
    }
}

/* A block of sums, from spot q of the band on; y: channel k of its corner. */
static void put_block(const fvi_conv_half *o, const finish *f, const float *sum,
                      int64_t q, int64_t rows, float *y)
{
    int64_t i = q / o->pitch, j = q % o->pitch;
    for (int64_t l = 0; l < FVI_BLOCK && i < rows; l++) {
        if (j < o->Wo)
            put(f, sum + l * FVI_BLOCK, y + (i * o->Wo + j) * o->K);
        if (++j == o->pitch) {
            j = 0;
            i++;
        }
    }
}

/* ---- running ---- */

static size_t band_size(const fvi_conv_half *o)
{
    return (size_t)(o->deep * o->pixels * FVI_BLOCK);
}

/* Floats: sums of two blocks, then the band. */
static size_t per_thread(const fvi_conv_half *o)
{
    return 2 * SQUARE + band_size(o) / 2;
}

static int64_t steps(const fvi_conv_half *o)
{
    return o->deep * o->taps;
}

/* Floats that hold where each step reads. */
static size_t plan_size(const fvi_conv_half *o)
{
    return (size_t)up(2 * steps(o), FVI_TILE);
}

size_t fvi_conv_half_scratch(const fvi_conv_half *o, int threads)
{
    return plan_size(o) + (size_t)threads * per_thread(o);
}

static const int64_t *plan(const fvi_conv_half *o, int64_t *at)
{
    for (int64_t i = 0; i < steps(o); i++) {
        const int64_t tap = i % o->taps, c = i / o->taps;
        at[i] = (c * o->pixels + fvi_tap_row(o, tap) * o->pitch +
                 fvi_tap_column(o, tap)) *
                FVI_BLOCK;
    }
    return at;
}

/* All channels of one band of y, which begins there. */
static void run_band(const fvi_conv_half *o, const int64_t *at,
                     const uint16_t *w, const float *bias, int64_t rows,
                     bool add, bool past, float *room, float *y)
{
    const uint16_t *band = (const uint16_t *)(const void *)(room + 2 * SQUARE);
    for (int64_t k = 0; k < o->wide; k++) {
        const int64_t n = beside(o, k);
        const finish f = finish_of(o, bias, k * FVI_BLOCK, add, past);
        fvi_tiles t = {.steps = steps(o),
                       .at = at,
                       .below = FVI_TILE_SIZE,
                       .b = w + k * steps(o) * 2 * FVI_TILE_SIZE,
                       .step = n * FVI_TILE_SIZE,
                       .beside = FVI_TILE_SIZE,
                       .narrow = n == 1};
        /* one block behind: its sums have left the store buffers by then */
        float *now = room, *before = room + SQUARE;
        const int64_t spots = rows * o->pitch;
        for (int64_t q = 0; q < spots + FVI_BLOCK; q += FVI_BLOCK) {
            t.a = band + q * FVI_BLOCK;
            if (q < spots)
                o->tiler->multiply(&t, false, now);
            if (q > 0)
                put_block(o, &f, before, q - FVI_BLOCK, rows,
                          y + k * FVI_BLOCK);
            float *other = now;
            now = before;
            before = other;
        }
    }
    _mm_sfence();
}

/* One of `shares` of the bands. */
static void run_share(const fvi_conv_half *o, const int64_t *at, const float *x,
                      const uint16_t *w, const float *bias, bool add, bool past,
                      int64_t share, int64_t shares, float *room, float *y)
{
    const int64_t all = o->N * o->bands, first = share * all / shares;
    const int64_t end = (share + 1) * all / shares;
    for (int64_t i = first; i < end; i++) {
        const fvi_band b = fvi_band_at(o, i);
        pack_band(o, x, &b, i > first && fvi_band_follows(o, i),
                  (uint16_t *)(void *)(room + 2 * SQUARE));
        run_band(o, at, w, bias, b.rows, add, past, room,
                 y + (b.n * o->Ho + b.i) * o->Wo * o->K);
    }
}

void fvi_conv_half_run(const fvi_conv_half *o, const float *x,
                       const uint16_t *w, const float *bias, float *y, bool add,
                       float *scratch, int threads)
{
    const int64_t *at = plan(o, (int64_t *)(void *)scratch);
    const int64_t shares = least(o->N * o->bands, SHARES * threads);
    const bool past = !add && o->K % FVI_TILE == 0 && (uintptr_t)y % 64 == 0 &&
                      o->N * o->Ho * o->Wo * o->K >= FVI_PAST;
#pragma omp parallel num_threads(threads)
    {
        float *room = scratch + plan_size(o) +
                      per_thread(o) * (size_t)omp_get_thread_num();
        o->tiler->begin();
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < shares; i++)
            run_share(o, at, x, w, bias, add, past, i, shares, room, y);
        o->tiler->end();
    }
}
