/*
 * Outlines by walking along pixel edges with the object at the right hand.
 * Where two pixels of an object meet in a corner only, the walk stays with its
 * pixel, so a ring is the border of one 4-connected part; there it may pass a
 * corner twice, and is cut into rings that do not.
 */

#include "task/outline.h"

#include <stdlib.h>
#include <string.h>

enum { EAST, SOUTH, WEST, NORTH };

static const int step_x[4] = {1, 0, -1, 0}, step_y[4] = {0, 1, 0, -1};
/* Pixels ahead of a corner, as offsets from the one south-east of it. */
static const int right_x[4] = {0, -1, -1, 0}, right_y[4] = {0, 0, -1, -1};
static const int left_x[4] = {0, 0, -1, -1}, left_y[4] = {-1, 0, 0, -1};

typedef struct walk {
    fv_ctx *ctx;
    const uint32_t *labels;
    int64_t h, w;
    uint8_t *walked; /* pixels whose upper edge was walked */
    fvi_tally twice; /* corner -> place on the path, where pixels pinch */
    int32_t *path;   /* corners so far */
    int64_t path_count, path_room;
    fvi_outlines out;
    int64_t ring_room, xy_room;
} walk;

static bool inside(const walk *k, uint32_t label, int64_t x, int64_t y)
{
    return x >= 0 && y >= 0 && x < k->w && y < k->h &&
           k->labels[y * k->w + x] == label;
}

/* Room for `more` items of `size` bytes, by doubling. */
static fv_status reserve(fv_ctx *ctx, void *array, int64_t count, int64_t more,
                         size_t size, int64_t *room)
{
    void *old, *grown;
    if (count + more <= *room)
        return FV_OK;
    int64_t wanted = 2 * (count + more) + 64;
    memcpy(&old, array, sizeof old);
    grown = fvi_realloc(ctx, old, (size_t)wanted * size);
    if (!grown)
        return FV_ENOMEM;
    memcpy(array, &grown, sizeof grown);
    *room = wanted;
    return FV_OK;
}

/* Moves the path from corner `from` on into a ring of its own. */
static fv_status close_ring(walk *k, int64_t from, uint32_t label)
{
    fvi_outlines *o = &k->out;
    int64_t n = k->path_count - from, twice_area = 0;
    const int32_t *p = k->path + 2 * from;
    FV_TRY(
        reserve(k->ctx, &o->xy, o->corners, n, 2 * sizeof *o->xy, &k->xy_room));
    FV_TRY(
        reserve(k->ctx, &o->ring, o->count, 1, sizeof *o->ring, &k->ring_room));
    for (int64_t i = 0, j = n - 1; i < n; j = i++)
        twice_area +=
            (int64_t)p[2 * j] * p[2 * i + 1] - (int64_t)p[2 * i] * p[2 * j + 1];
    memcpy(o->xy + 2 * o->corners, p, (size_t)n * 2 * sizeof *p);
    o->ring[o->count++] = (fvi_ring){label, 0, o->corners, n, twice_area / 2};
    o->corners += n;
    k->path_count = from;
    return FV_OK;
}

static fv_status add_corner(walk *k, int64_t x, int64_t y)
{
    FV_TRY(reserve(k->ctx, &k->path, k->path_count, 1, 2 * sizeof *k->path,
                   &k->path_room));
    k->path[2 * k->path_count] = (int32_t)x;
    k->path[2 * k->path_count + 1] = (int32_t)y;
    k->path_count++;
    return FV_OK;
}

/* A corner where two pixels of the object meet: the second time, what was
 * walked since the first is a ring of its own. */
static fv_status pinch(walk *k, uint32_t label, int64_t x, int64_t y)
{
    int64_t i;
    FV_TRY(fvi_tally_add(
        &k->twice, (uint64_t)y * ((uint64_t)k->w + 1) + (uint64_t)x, 0, &i));
    int64_t at = k->twice.sum[i];
    if (at < k->path_count && k->path[2 * at] == x && k->path[2 * at + 1] == y)
        FV_TRY(close_ring(k, at, label));
    k->twice.sum[i] = k->path_count;
    return add_corner(k, x, y);
}

/* Walks the ring that holds the upper edge of pixel (x0,y0). */
static fv_status walk_ring(walk *k, int64_t x0, int64_t y0)
{
    uint32_t label = k->labels[y0 * k->w + x0];
    int64_t x = x0, y = y0;
    int d = EAST;
    k->path_count = 0;
    do {
        if (d == EAST)
            k->walked[y * k->w + x] = 1;
        x += step_x[d];
        y += step_y[d];
        bool right = inside(k, label, x + right_x[d], y + right_y[d]);
        bool left = inside(k, label, x + left_x[d], y + left_y[d]);
        if (right && !left)
            continue;
        if (!right && left)
            FV_TRY(pinch(k, label, x, y));
        else
            FV_TRY(add_corner(k, x, y));
        d = (right ? d + 3 : d + 1) % 4;
    } while (x != x0 || y != y0 || d != EAST);
    return close_ring(k, 0, label);
}

static fv_status walk_all(walk *k, const fvi_runs *r, const uint32_t *part)
{
    for (int64_t i = 0; i < r->count; i++) {
        const fvi_span *run = r->run + i;
        const uint32_t *row = k->labels + run->y * k->w;
        for (int64_t x = run->x0; x < run->x1; x++) {
            bool edge = run->y == 0 || row[x - k->w] != run->label;
            if (!edge || k->walked[run->y * k->w + x])
                continue;
            int64_t before = k->out.count;
            FV_TRY(walk_ring(k, x, run->y));
            for (int64_t n = before; n < k->out.count; n++)
                k->out.ring[n].part = part[i];
        }
    }
    return FV_OK;
}

static int by_object(const void *x, const void *y)
{
    const fvi_ring *a = x, *b = y;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    if ((a->area < 0) != (b->area < 0))
        return a->area < 0 ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

static fv_status walk_parts(walk *k)
{
    fvi_runs r;
    uint32_t *part;
    int64_t parts;
    FV_TRY(fvi_runs_new(k->ctx, k->labels, k->h, k->w, false, &r));
    fv_status status = fvi_runs_join(k->ctx, &r, 0, &part, &parts);
    if (status == FV_OK) {
        status = walk_all(k, &r, part);
        fvi_free(k->ctx, part);
    }
    fvi_runs_free(k->ctx, &r);
    return status;
}

fv_status fvi_outlines_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                           int64_t w, fvi_outlines *out)
{
    walk k = {
        .ctx = ctx, .labels = labels, .h = h, .w = w, .twice = {.ctx = ctx}};
    k.walked = fvi_calloc(ctx, (size_t)h, (size_t)w);
    if (!k.walked)
        return FV_ENOMEM;
    fv_status status = walk_parts(&k);
    fvi_free(ctx, k.walked);
    fvi_free(ctx, k.path);
    fvi_tally_free(&k.twice);
    if (status != FV_OK) {
        fvi_outlines_free(ctx, &k.out);
        return status;
    }
    if (k.out.count)
        qsort(k.out.ring, (size_t)k.out.count, sizeof *k.out.ring, by_object);
    *out = k.out;
    return FV_OK;
}

void fvi_outlines_free(fv_ctx *ctx, fvi_outlines *o)
{
    fvi_free(ctx, o->ring);
    fvi_free(ctx, o->xy);
    *o = (fvi_outlines){0};
}

int64_t fvi_outlines_end(const fvi_outlines *o, int64_t i, bool of_part)
{
    int64_t end = i;
    while (end < o->count && o->ring[end].label == o->ring[i].label &&
           (!of_part || o->ring[end].part == o->ring[i].part))
        end++;
    return end;
}
