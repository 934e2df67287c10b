/*
 * Weight gradient of a convolution with products of bf16 numbers:
 *   dw[tap][c][k] = sum over pixels of x[pixel + tap][c] dy[pixel][k]
 * A band of dy is the left factor, its pixels side by side; of x there are two
 * copies, paired from the first pixel and from the second, so that any tap
 * begins with a pair. The result depends on the sizes alone: bands are summed
 * in slices, and these are joined in order.
 */
#include "backend/native/conv_half.h"
#include "backend/native/half.h"

#include <omp.h>
#include <string.h>

enum {
    ITEMS = 8,       /* slices times groups, at least */
    SLICES = 16,     /* at most                       */
    NEAR = 3 << 20,  /* floats of all slices          */
    LOW = 128 << 10, /* numbers of a band, at least; and at most: */
    ROOM = 384 << 10,
    SQUARE = FVI_BLOCK * FVI_BLOCK,
    STRETCH = 8 /* blocks of pixels, near to the sums of all taps */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t parts_of(int64_t n, int64_t part)
{
    return (n + part - 1) / part;
}

/* Numbers of bf16 of one copy of x, and of dy for `wide` blocks. */
static int64_t size_of_x(const fvi_conv_half *o)
{
    return o->deep * FVI_BLOCK * o->pixels;
}

static int64_t size_of_dy(const fvi_conv_half *o, int64_t wide)
{
    return wide * FVI_BLOCK * o->spots;
}

/* Floats of all sums. */
static int64_t sums_of(const fvi_conv_half *o)
{
    return o->deep * o->wide * o->taps * SQUARE;
}

/* The convolution in bands for the gradient. All sums go by for every band:
 * these grow with them. */
static fvi_conv_half banded(const fvi_conv_half *o)
{
    fvi_conv_half g = *o;
    int64_t room = 8 * sums_of(o);
    room = room < LOW ? LOW : least(room, ROOM);
    fvi_conv_half_divide(&g, (2 * o->deep + o->wide) * FVI_BLOCK, room);
    return g;
}

/* How the sum is divided. */
typedef struct cut {
    int64_t slices, slice; /* parts, bands per part                     */
    int64_t groups, wide;  /* parts, blocks of output channels per part */
    size_t per_thread, per_slice; /* floats of scratch */
} cut;

static cut cut_of(const fvi_conv_half *o)
{
    cut u = {0};
    const int64_t sums = sums_of(o);
    int64_t slices = least(SLICES, NEAR / sums);
    slices = least(slices < 2 ? 2 : slices, o->N * o->bands);
    u.slice = parts_of(o->N * o->bands, slices);
    u.slices = parts_of(o->N * o->bands, u.slice);
    u.groups = least(o->wide, parts_of(ITEMS, u.slices));
    u.wide = parts_of(o->wide, u.groups);
    u.groups = parts_of(o->wide, u.wide);
    u.per_slice = (size_t)(sums + o->wide * FVI_BLOCK);
    u.per_thread = (size_t)(2 * size_of_x(o) + size_of_dy(o, u.wide)) / 2;
    return u;
}

/* Where steps begin: one block of pixels after another. */
static size_t plan_size(const fvi_conv_half *o)
{
    return (size_t)(parts_of(2 * o->spots / FVI_BLOCK, FVI_TILE) * FVI_TILE);
}

size_t fvi_conv_half_gradient_scratch(const fvi_conv_half *o, int threads)
{
    const fvi_conv_half g = banded(o);
    const cut u = cut_of(&g);
    return plan_size(&g) + u.per_thread * (size_t)threads +
           u.per_slice * (size_t)u.slices;
}

/* ---- packing ---- */

/* Images whose rows from i on and columns from j on a band has; of them there
 * are `rows`. */
typedef struct grid {
    const float *image;
    int64_t H, W, C, i, j, rows, pitch;
} grid;

static grid grid_of_x(const fvi_conv_half *o, const float *x, const fvi_band *b)
{
    return (grid){x + b->n * o->H * o->W * o->C,
                  o->H,
                  o->W,
                  o->C,
                  b->i - o->down.pad,
                  -o->across.pad,
                  b->rows + fvi_reach(&o->down),
                  o->pitch};
}

static grid grid_of_dy(const fvi_conv_half *o, const float *dy,
                       const fvi_band *b)
{
    return (grid){dy + b->n * o->Ho * o->Wo * o->K,
                  o->Ho,
                  o->Wo,
                  o->K,
                  b->i,
                  0,
                  b->rows,
                  o->pitch};
}

/* The pixels at some spots in a row; where there is none the mask is empty. */
typedef struct found {
    const float *at[FVI_BLOCK + 1];
    __mmask16 in[FVI_BLOCK + 1];
} found;

static void find(const grid *g, int64_t q, int64_t count, found *f)
{
    int64_t i = q / g->pitch, j = q % g->pitch;
    for (int64_t l = 0; l < count; l++) {
        const int64_t h = g->i + i, w = g->j + j;
        const bool in = i < g->rows && h >= 0 && h < g->H && w >= 0 && w < g->W;
        f->at[l] = in ? g->image + (h * g->W + w) * g->C : g->image;
        f->in[l] = in ? 0xFFFF : 0;
        if (++j == g->pitch) {
            j = 0;
            i++;
        }
    }
}

static inline vec numbers(const found *f, int64_t l, int64_t c, __mmask16 some)
{
    return _mm512_maskz_loadu_ps(f->in[l] & some, f->at[l] + c);
}

/* Pixels of x from spot q on as pairs: [c/16][pair][c%16][2], from the first
 * pixel on and from the second. */
static void pack_x(const fvi_conv_half *o, const grid *g, int64_t q,
                   uint16_t *even, uint16_t *odd)
{
    found f;
    for (; q < o->pixels; q += FVI_BLOCK) {
        const int64_t count = least(FVI_BLOCK, o->pixels - q);
        find(g, q, count + 1, &f);
        for (int64_t c = 0; c < o->deep * FVI_BLOCK; c += FVI_TILE) {
            const int64_t at = c * o->pixels + q * FVI_TILE;
            const __mmask16 some = lanes(o->C - c);
            vec a = numbers(&f, 0, c, some);
            for (int64_t l = 0; l < count; l += 2) {
                vec m = numbers(&f, l + 1, c, some);
                vec z = numbers(&f, l + 2, c, some);
                _mm512_storeu_si512(even + at + l * FVI_TILE, pairs(a, m));
                _mm512_storeu_si512(odd + at + l * FVI_TILE, pairs(m, z));
                a = z;
            }
        }
    }
}

/* The last rows of a full band become the first of the next. */
static void keep_rows(const fvi_conv_half *o, uint16_t *x)
{
    const int64_t row = o->pitch * FVI_TILE, more = fvi_reach(&o->down);
    for (int64_t c = 0; c < 2 * o->deep; c++, x += o->pixels * FVI_TILE)
        memmove(x, x + o->rows * row, (size_t)(more * row) * sizeof *x);
}

/* Blocks of 32 pixels of dy, `wide` blocks of channels from k on:
 * [k/32][pixel/32][k%32][pixel%32]. Adds their sums to db. */
static void pack_dy(const fvi_conv_half *o, const grid *g, int64_t k,
                    int64_t wide, uint16_t *to, float *db)
{
    found f;
    for (int64_t q = 0; q < o->spots; q += FVI_BLOCK) {
        find(g, q, FVI_BLOCK, &f);
        for (int64_t z = 0; z < 2 * wide; z++) {
            const int64_t at = k * FVI_BLOCK + z * FVI_TILE;
            const __mmask16 some = lanes(o->K - at);
            vec sum = _mm512_load_ps(db + z * FVI_TILE);
            __m512i r[FVI_TILE];
            for (int64_t l = 0; l < FVI_TILE; l++) {
                vec u = numbers(&f, 2 * l, at, some);
                vec v = numbers(&f, 2 * l + 1, at, some);
                sum = _mm512_add_ps(sum, _mm512_add_ps(u, v));
                r[l] = pairs(u, v);
            }
            turn(r);
            _mm512_store_ps(db + z * FVI_TILE, sum);
            uint16_t *tile = to + z / 2 * FVI_BLOCK * o->spots +
                             (q / FVI_BLOCK * 2 + z % 2) * FVI_TILE_SIZE;
            for (int64_t l = 0; l < FVI_TILE; l++)
                _mm512_storeu_si512(tile + l * FVI_TILE_DEPTH, r[l]);
        }
    }
}

/* ---- sums ---- */

/* Where the sums of block (k, c) of a tap begin. */
static int64_t square(const fvi_conv_half *o, int64_t k, int64_t c, int64_t tap)
{
    return ((k * o->deep + c) * o->taps + tap) * SQUARE;
}

/* Steps first to first + steps of a packed band, block (k, c) of the sums;
 * left and right begin there. */
static void add_steps(const fvi_conv_half *o, const int64_t *at, int64_t steps,
                      const uint16_t *left, const uint16_t *even,
                      const uint16_t *odd, bool narrow, bool first,
                      fvi_ahead *ahead, float *sum)
{
    for (int64_t tap = 0; tap < o->taps; tap++) {
        fvi_fetch(&ahead[0]);
        fvi_fetch(&ahead[1]);
        const int64_t s = fvi_tap_column(o, tap);
        const int64_t pair = (fvi_tap_row(o, tap) * o->pitch + s) / 2;
        fvi_tiles t = {.steps = steps,
                       .a = left,
                       .at = at,
                       .below = FVI_TILE_SIZE,
                       .b = (s % 2 ? odd : even) + pair * FVI_TILE_DEPTH,
                       .step = FVI_TILE_SIZE,
                       .beside = o->pixels * FVI_TILE,
                       .narrow = narrow};
        o->tiler->multiply(&t, !first, sum + tap * SQUARE);
    }
}

/* Adds a packed band to sum[k/32][c/32][tap][32][32], a stretch of pixels
 * that stays in the first level of the caches after another. */
static void add_band(const fvi_conv_half *o, const int64_t *at, int64_t k,
                     int64_t wide, const uint16_t *even, const uint16_t *odd,
                     const uint16_t *dy, bool first, fvi_ahead *ahead,
                     float *sum)
{
    const int64_t all = o->spots / FVI_BLOCK;
    for (int64_t z = 0; z < wide; z++)
        for (int64_t c = 0; c < o->deep; c++)
            for (int64_t i = 0; i < all; i += STRETCH) {
                const int64_t right =
                    (2 * c * o->pixels + i * FVI_BLOCK) * FVI_TILE;
                add_steps(o, at, least(STRETCH, all - i),
                          dy + (z * o->spots + i * FVI_BLOCK) * FVI_BLOCK,
                          even + right, odd + right,
                          o->C - c * FVI_BLOCK <= FVI_TILE, first && i == 0,
                          ahead, sum + square(o, k + z, c, 0));
            }
}

/* What band b will read, in as many shares as there are products. */
static void look_ahead(const fvi_conv_half *o, const float *x, const float *dy,
                       int64_t b, int64_t wide, fvi_ahead ahead[2])
{
    const int64_t stretches = parts_of(o->spots / FVI_BLOCK, STRETCH);
    const int64_t shares = o->taps * o->deep * wide * stretches;
    const fvi_band band = fvi_band_at(o, b);
    const int64_t row = o->Wo * o->K * (int64_t)sizeof *dy;
    const char *from = (const char *)dy + (band.n * o->Ho + band.i) * row;
    ahead[0] = fvi_ahead_of_x(o, x, b, shares);
    ahead[1] = (fvi_ahead){from, from + band.rows * row,
                           parts_of(band.rows * row / shares, 64) * 64};
}

/* One slice of bands for one group of output channels. */
static void add_slice(const fvi_conv_half *o, const cut *u, const int64_t *at,
                      const float *x, const float *dy, int64_t slice,
                      int64_t group, float *room, float *sum)
{
    uint16_t *even = (uint16_t *)(void *)room, *odd = even + size_of_x(o);
    uint16_t *turned = odd + size_of_x(o);
    const int64_t k = group * u->wide, wide = least(u->wide, o->wide - k);
    const int64_t begin = slice * u->slice;
    const int64_t end = least(begin + u->slice, o->N * o->bands);
    float *db = sum + square(o, o->wide, 0, 0) + k * FVI_BLOCK;
    memset(db, 0, (size_t)(wide * FVI_BLOCK) * sizeof *db);
    for (int64_t i = begin; i < end; i++) {
        const fvi_band b = fvi_band_at(o, i);
        const bool follows = i > begin && fvi_band_follows(o, i);
        const grid right = grid_of_x(o, x, &b), left = grid_of_dy(o, dy, &b);
        fvi_ahead ahead[2] = {{0}};
        if (follows) {
            keep_rows(o, even);
            keep_rows(o, odd);
        }
        pack_x(o, &right, follows ? fvi_reach(&o->down) * o->pitch : 0, even,
               odd);
        pack_dy(o, &left, k, wide, turned, db);
        if (i + 1 < end)
            look_ahead(o, x, dy, i + 1, wide, ahead);
        add_band(o, at, k, wide, even, odd, turned, i == begin, ahead, sum);
    }
}

/* ---- joining ---- */

/* dw[tap][c][k..k+16) of sixteen c (+)= the slices' sums, in order. */
static void join_tile(const fvi_conv_half *o, const cut *u, const float *sum,
                      int64_t tap, int64_t c, int64_t k, bool fresh, float *dw)
{
    const float *from = sum + square(o, k / FVI_BLOCK, c / FVI_BLOCK, tap) +
                        k % FVI_BLOCK * FVI_BLOCK + c % FVI_BLOCK;
    __m512i r[FVI_TILE];
    for (int64_t l = 0; l < FVI_TILE; l++) {
        vec v = _mm512_load_ps(from + l * FVI_BLOCK);
        for (int64_t i = 1; i < u->slices; i++)
            v = _mm512_add_ps(v, _mm512_load_ps(from + l * FVI_BLOCK +
                                                (size_t)i * u->per_slice));
        r[l] = _mm512_castps_si512(v);
    }
    turn(r);
    for (int64_t l = 0; l < FVI_TILE && c + l < o->C; l++) {
        float *to = dw + (tap * o->C + c + l) * o->K + k;
        vec v = _mm512_castsi512_ps(r[l]);
        if (!fresh)
            v = _mm512_add_ps(v, load_n(to, o->K - k));
        _mm512_mask_storeu_ps(to, lanes(o->K - k), v);
    }
}

static void join_bias(const fvi_conv_half *o, const cut *u, const float *sum,
                      bool fresh, float *db)
{
    const float *from = sum + square(o, o->wide, 0, 0);
    for (int64_t k = 0; k < o->K; k++) {
        float v = fresh ? 0 : db[k];
        for (int64_t i = 0; i < u->slices; i++)
            v += from[(size_t)i * u->per_slice + (size_t)k];
        db[k] = v;
    }
}

static void join(const fvi_conv_half *o, const cut *u, const float *sum,
                 bool fresh, float *dw, int threads)
{
    const int64_t across = parts_of(o->K, FVI_TILE);
    const int64_t down = parts_of(o->C, FVI_TILE);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < o->taps * down * across; i++)
        join_tile(o, u, sum, i / across / down, i / across % down * FVI_TILE,
                  i % across * FVI_TILE, fresh, dw);
}

void fvi_conv_half_gradient(const fvi_conv_half *whole, const float *x,
                            const float *dy, float *dw, float *db, bool fresh_w,
                            bool fresh_b, float *scratch, int threads)
{
    const fvi_conv_half o = banded(whole);
    const cut u = cut_of(&o);
    int64_t *at = (int64_t *)(void *)scratch;
    float *rooms = scratch + plan_size(&o);
    float *sum = rooms + u.per_thread * (size_t)threads;
    for (int64_t i = 0; i < o.spots / FVI_BLOCK; i++)
        at[i] = i * 2 * FVI_TILE_SIZE;
#pragma omp parallel num_threads(threads)
    {
        float *room = rooms + u.per_thread * (size_t)omp_get_thread_num();
        o.tiler->begin();
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < u.slices * u.groups; i++) {
            const int64_t slice = i / u.groups;
            add_slice(&o, &u, at, x, dy, slice, i % u.groups, room,
                      sum + u.per_slice * (size_t)slice);
        }
        o.tiler->end();
    }
    if (dw)
        join(&o, &u, sum, fresh_w, dw, threads);
    if (db)
        join_bias(&o, &u, sum, fresh_b, db);
}
