/* Where tiles lie and how they are blended. */
#include "model/tiles.h"

static int64_t round_up(int64_t n, int64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

fvi_axis fvi_axis_cut(int64_t size, int64_t most, int64_t halo,
                      int64_t multiple)
{
    fvi_axis a = {.multiple = multiple, .count = 1};
    a.size = a.tile = round_up(size > 0 ? size : 1, multiple);
    a.halo = round_up(halo, multiple);
    int64_t least = 3 * a.halo + multiple;
    int64_t tile = most / multiple * multiple;
    if (tile < least)
        tile = round_up(least, multiple);
    if (a.size <= tile)
        return a;
    /* neighbors share two halos, one for each side of the seam; starts are
     * rounded down, which may cost one more multiple */
    int64_t shared = 2 * a.halo;
    int64_t step = tile - shared - (a.halo ? multiple : 0);
    if (step < multiple)
        step = multiple;
    a.count = 1 + (a.size - tile + step - 1) / step;
    /* as small as that number of tiles allows: less work */
    int64_t even = (a.size + (a.count - 1) * (shared + multiple)) / a.count;
    even = round_up(even, multiple);
    a.tile = even < tile ? even : tile;
    return a;
}

fvi_axis fvi_axis_of_tiles(int64_t size, int64_t tile, int64_t halo,
                           int64_t multiple)
{
    fvi_axis a = {.multiple = multiple, .tile = tile, .count = 1};
    int64_t most = tile / 8 / multiple * multiple;
    a.size = round_up(size > tile ? size : tile, multiple);
    a.halo = round_up(halo, multiple) < most ? round_up(halo, multiple) : most;
    int64_t step = tile - 2 * a.halo - (a.halo ? multiple : 0);
    a.count += (a.size - tile + step - 1) / step;
    return a;
}

int64_t fvi_axis_start(const fvi_axis *a, int64_t i)
{
    if (i == 0 || a->count == 1)
        return 0;
    int64_t last = a->size - a->tile;
    return i == a->count - 1
               ? last
               : i * last / (a->count - 1) / a->multiple * a->multiple;
}

/* 0 to 1 with level ends: 3x^2 - 2x^3. */
static double smooth(double x)
{
    return x <= 0 ? 0 : x >= 1 ? 1 : x * x * (3 - 2 * x);
}

/* How much the later of tiles i and i + 1 counts at pixel `at` of the axis.
 * The outer three quarters of the halo, which see the tile's edge, do not. */
static double later(const fvi_axis *a, int64_t i, int64_t at)
{
    int64_t lo = fvi_axis_start(a, i + 1);
    int64_t hi = fvi_axis_start(a, i) + a->tile;
    double edge = 0.75 * (double)a->halo, shared = (double)(hi - lo);
    if (2 * edge > shared)
        edge = shared / 2;
    double width = shared - 2 * edge, x = (double)(at - lo) + 0.5 - edge;
    if (width <= 0)
        return x > 0;
    return smooth(x / width);
}

static double raw_weight(const fvi_axis *a, int64_t i, int64_t pixel)
{
    int64_t at = pixel - fvi_axis_start(a, i);
    if (at < 0 || at >= a->tile)
        return 0;
    double weight = 1;
    if (i > 0)
        weight *= later(a, i - 1, pixel);
    if (i < a->count - 1)
        weight *= 1 - later(a, i, pixel);
    return weight;
}

float fvi_axis_weight(const fvi_axis *a, int64_t i, int64_t at)
{
    int64_t pixel = fvi_axis_start(a, i) + at;
    double all = 0;
    for (int64_t k = i - 3; k <= i + 3; k++) /* tiles that can reach here */
        if (k >= 0 && k < a->count)
            all += raw_weight(a, k, pixel);
    return (float)(raw_weight(a, i, pixel) / all);
}

int64_t fvi_mirror(int64_t i, int64_t size)
{
    if (size == 1)
        return 0;
    int64_t period = 2 * (size - 1), at = i % period;
    return at < size ? at : period - at;
}
