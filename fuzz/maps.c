/* Adversarial maps: constants, numbers that are none, giants, boards, spirals,
 * gradients, flows that circle or meet in a point, stars that lie upon each
 * other. Channels are what the decoders take them for: 0 and 1 the flow, or a
 * logit and a distance; 2 a logit; 1 to 32 the rays of a star. */
#include "maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What varies within a kind, drawn once for a map. */
typedef struct look {
    int64_t h, w;
    double angle, pitch, scale, y, x; /* y, x: a point in the map */
    uint64_t seed;
} look;

typedef double pattern(const look *k, int64_t y, int64_t x, int c);

static double zero(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)y, (void)x, (void)c;
    return 0;
}

static double one(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)y, (void)x, (void)c;
    return 1;
}

static double minus_one(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)y, (void)x, (void)c;
    return -1;
}

static double no_number(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)y, (void)x, (void)c;
    return NAN;
}

static double infinite(const look *k, int64_t y, int64_t x, int c)
{
    return (y / 5 + x / 7 + c + (int64_t)(k->seed % 2)) % 2 ? HUGE_VAL
                                                            : -HUGE_VAL;
}

static double largest(const look *k, int64_t y, int64_t x, int c)
{
    (void)k;
    return (y + x + c) % 3 ? 3.4e38 : -3.4e38;
}

/* One object that fills the image, with flows to its middle. */
static double giant(const look *k, int64_t y, int64_t x, int c)
{
    double dy = (double)k->h / 2 - (double)y, dx = (double)k->w / 2 - (double)x;
    double r = hypot(dy, dx) + 1e-9;
    return c == 0 ? 5 * dy / r : c == 1 ? 5 * dx / r : 6;
}

static double giant_hill(const look *k, int64_t y, int64_t x, int c)
{
    double dy = (double)y - (double)k->h / 2, dx = (double)x - (double)k->w / 2;
    return c == 0 ? 9 : (double)(k->h + k->w) / 2 - hypot(dy, dx);
}

static double checkerboard(const look *k, int64_t y, int64_t x, int c)
{
    (void)k;
    return (y + x) % 2 ? 5 : (double)c - 5;
}

static double tall_board(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)c;
    return (y + x) % 2 ? 50 : 49;
}

static double comb(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)c;
    return y % 2 == 0 || x == 0 ? 4 : -4;
}

static double between(const look *k, int64_t y, int64_t x, int c, double lo,
                      double hi)
{
    uint32_t v[4];
    fvi_philox(k->seed, (uint64_t)c, (uint64_t)(y * k->w + x), v);
    return lo + (hi - lo) * (double)v[0] / 4294967296.;
}

static double noise(const look *k, int64_t y, int64_t x, int c)
{
    return between(k, y, x, c, -6, 6);
}

/* Any bits at all: tiny, huge, infinite, none. */
static double any_bits(const look *k, int64_t y, int64_t x, int c)
{
    uint32_t v[4];
    float f;
    fvi_philox(k->seed, (uint64_t)c, (uint64_t)(y * k->w + x), v);
    memcpy(&f, v, sizeof f);
    return (double)f;
}

static double salt(const look *k, int64_t y, int64_t x, int c)
{
    return between(k, y, x, 0, 0, 1) < 0.07 ? (double)NAN : noise(k, y, x, c);
}

/* An arm one or two px wide around the middle, with flows along it. */
static double spiral(const look *k, int64_t y, int64_t x, int c)
{
    double dy = (double)y - (double)k->h / 2, dx = (double)x - (double)k->w / 2;
    double r = hypot(dy, dx), turn = atan2(dy, dx) / 6.283185307179586;
    double at = r / k->pitch - turn;
    bool arm = at - floor(at) < 1.5 / k->pitch;
    if (c == 0 || c == 1)
        return arm ? 5 * (c ? dy : -dx) / (r + 1e-9) : -5;
    return arm ? 6 : -6;
}

/* Nested square rings, joined into one winding path: a single object. */
static double maze(const look *k, int64_t y, int64_t x, int c)
{
    (void)c;
    if (y % 2 == 0)
        return 5;
    return x == (y / 2 % 2 ? 0 : k->w - 1) ? 5 : -5;
}

static double gradient(const look *k, int64_t y, int64_t x, int c)
{
    return k->scale *
           (sin(k->angle + c) * (double)y + cos(k->angle + c) * (double)x) /
           (double)(k->h + k->w);
}

static double staircase(const look *k, int64_t y, int64_t x, int c)
{
    return c == 0 ? 3 : (double)(y * k->w + x) / 100;
}

static double circling(const look *k, int64_t y, int64_t x, int c)
{
    double dy = (double)y - k->y, dx = (double)x - k->x;
    double r = hypot(dy, dx) + 1e-9;
    return c == 0 ? 5 * dx / r : c == 1 ? -5 * dy / r : 6;
}

static double whirls(const look *k, int64_t y, int64_t x, int c)
{
    double dy = fmod((double)y, 9) - 4, dx = fmod((double)x, 9) - 4;
    double r = hypot(dy, dx) + 1e-9;
    (void)k;
    return c == 0 ? 5 * dx / r : c == 1 ? -5 * dy / r : 6;
}

static double to_one_pixel(const look *k, int64_t y, int64_t x, int c)
{
    double dy = k->y - (double)y, dx = k->x - (double)x;
    return c == 0 ? 5 * dy : c == 1 ? 5 * dx : 6;
}

/* Everything slides along one diagonal, or off the image. */
static double slide(const look *k, int64_t y, int64_t x, int c)
{
    (void)y, (void)x;
    return c == 0 ? 5 * sin(k->angle) : c == 1 ? 5 * cos(k->angle) : 6;
}

/* Diagonal lanes that end in sinks 60 px apart: long thin leaning objects. */
static double lanes(const look *k, int64_t y, int64_t x, int c)
{
    (void)k;
    bool end = (y + x) % 120 == 0 || (y + x) % 120 == 1;
    return c >= 2 ? 6 : end ? 0 : 5;
}

/* As far as flows reach: half the rows run left, the others right, and each
 * object lies in two places. */
static double shuttles(const look *k, int64_t y, int64_t x, int c)
{
    int64_t at = x % 400;
    bool end = at == 0 || at == 399;
    (void)k;
    return c >= 2 ? 6 : c == 0 || end ? 0 : y % 2 ? 5 : -5;
}

static double equal_stars(const look *k, int64_t y, int64_t x, int c)
{
    (void)y, (void)x;
    return c == 0 ? 2 : k->pitch / 10;
}

static double huge_stars(const look *k, int64_t y, int64_t x, int c)
{
    (void)k;
    return c == 0 ? 1 + (double)((y * 31 + x * 17) % 101) : 1e30;
}

static double points(const look *k, int64_t y, int64_t x, int c)
{
    (void)k, (void)y, (void)x;
    return c == 0 ? 3 : -5;
}

/* Long thin rays: large, but hardly any of it is common to two. */
static double thorns(const look *k, int64_t y, int64_t x, int c)
{
    if (c == 0)
        return 1;
    return between(k, y, x, c, 0, 1) < 0.1 ? (double)(k->h + k->w) : 0.02;
}

/* Needles: all equal, all crossing. */
static double needles(const look *k, int64_t y, int64_t x, int c)
{
    bool along = c == 1 + (y * 7 + x * 3) % 32;
    return c == 0 ? 2 : along ? (double)k->w : 0.01;
}

/* Every other star fills the image; what decides first is small. */
static double large_and_small(const look *k, int64_t y, int64_t x, int c)
{
    bool large = (y * k->w + x) % 2;
    return c == 0 ? large ? 1 : 2 : large ? 1e4 : 0.03;
}

static double spikes(const look *k, int64_t y, int64_t x, int c)
{
    (void)k;
    return c ? (double)((x * 7919 + y * 104729 + c * 1301) % 97) / 10 : 1;
}

static const struct {
    const char *name;
    pattern *at;
} kinds[] = {
    {"zero", zero},
    {"one", one},
    {"minus-one", minus_one},
    {"nan", no_number},
    {"infinite", infinite},
    {"largest", largest},
    {"giant", giant},
    {"giant-hill", giant_hill},
    {"checkerboard", checkerboard},
    {"tall-board", tall_board},
    {"comb", comb},
    {"noise", noise},
    {"any-bits", any_bits},
    {"salt", salt},
    {"spiral", spiral},
    {"maze", maze},
    {"gradient", gradient},
    {"staircase", staircase},
    {"circling", circling},
    {"whirls", whirls},
    {"to-one-pixel", to_one_pixel},
    {"slide", slide},
    {"lanes", lanes},
    {"shuttles", shuttles},
    {"equal-stars", equal_stars},
    {"huge-stars", huge_stars},
    {"points", points},
    {"thorns", thorns},
    {"needles", needles},
    {"large-and-small", large_and_small},
    {"spikes", spikes},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *maps_kind(int kind)
{
    return kind < KINDS ? kinds[kind].name : NULL;
}

static look draw_look(fvi_rng *r, fv_tensor maps)
{
    look k = {.h = maps.dim[0], .w = maps.dim[1]};
    k.angle = fvi_rng_between(r, 0, 6.283185307179586);
    k.pitch = fvi_rng_between(r, 3, 12);
    k.scale = fvi_rng_between(r, 1, 200);
    k.y = (double)fvi_rng_below(r, k.h + 1);
    k.x = (double)fvi_rng_below(r, k.w + 1);
    k.seed = fvi_rng_u32(r);
    return k;
}

void maps_fill(int kind, fvi_rng *r, fv_tensor maps)
{
    look k = draw_look(r, maps);
    float *v = maps.data;
    for (int64_t y = 0; y < k.h; y++)
        for (int64_t x = 0; x < k.w; x++)
            for (int c = 0; c < FUZZ_CHANNELS; c++)
                *v++ = (float)kinds[kind].at(&k, y, x, c);
}

/* Another kind in a rectangle, in some channels, or in scattered pixels. */
static void mix(fvi_rng *r, fv_tensor maps, float *scratch)
{
    fv_tensor other = maps;
    int64_t h = maps.dim[0], w = maps.dim[1];
    other.data = scratch;
    maps_fill((int)fvi_rng_below(r, KINDS), r, other);
    int64_t y0 = fvi_rng_below(r, h + 1), x0 = fvi_rng_below(r, w + 1);
    int how = (int)fvi_rng_below(r, 3), c0 = (int)fvi_rng_below(r, 4);
    for (int64_t i = 0; i < h * w; i++) {
        bool here = how == 0   ? i / w >= y0 && i % w >= x0
                    : how == 1 ? true
                               : fvi_rng_below(r, 8) == 0;
        for (int c = how == 1 ? c0 : 0; here && c < FUZZ_CHANNELS; c++)
            ((float *)maps.data)[i * FUZZ_CHANNELS + c] =
                scratch[i * FUZZ_CHANNELS + c];
    }
}

static void draw_size(fvi_rng *r, int64_t dim[3])
{
    static const int64_t most[] = {3, 12, 24, 40, 64};
    int64_t side = most[fvi_rng_below(r, 5)];
    dim[0] = fvi_rng_below(r, side + 1);
    dim[1] = fvi_rng_below(r, side + 1);
    dim[2] = FUZZ_CHANNELS;
    if (fvi_rng_below(r, 12) == 0) { /* a line */
        dim[0] = fvi_rng_below(r, 2) ? 1 : 700;
        dim[1] = 701 - dim[0];
    }
}

fv_tensor maps_number(uint64_t number)
{
    fvi_rng r = fvi_rng_new(number, 1);
    int64_t dim[3];
    draw_size(&r, dim);
    fv_tensor maps = fv_dense(NULL, FV_F32, 3, dim);
    size_t bytes = (size_t)fv_count(maps) * sizeof(float);
    float *scratch = malloc(bytes + 1);
    maps.data = malloc(bytes + 1);
    if (!maps.data || !scratch) {
        free(scratch);
        free(maps.data);
        maps.data = NULL;
        return maps;
    }
    maps_fill((int)fvi_rng_below(&r, KINDS), &r, maps);
    for (int64_t k = fvi_rng_below(&r, 3); k > 0; k--)
        mix(&r, maps, scratch);
    free(scratch);
    return maps;
}
