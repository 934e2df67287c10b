/* The map as a picture. */
#include "atlas.h"

#include "fovea/image.h"
#include "task/color.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOT = 3, FRAME = 2, GROUND = 24 }; /* px, px, gray */

static const char *const color_names[FVI_COLORS] = {
    "yellow", "sky blue", "vermilion", "green",
    "pink",   "orange",   "cyan",      "violet",
};

const char *atlas_color(int group)
{
    return color_names[group % FVI_COLORS];
}

typedef struct canvas {
    const atlas *a;
    int64_t size, room; /* px: of the picture, of the places in it */
    uint8_t *rgb;
    int64_t *corner; /* of each picture: y and x                 */
    int64_t *order;  /* pictures as they are drawn               */
    int64_t *taken;  /* by cells of one small picture: 1 + which */
    int64_t cells;
} canvas;

/* ---- places ---- */

/* Places along one axis, 0 = y downwards, fill the room. */
static void scale_axis(canvas *c, int axis)
{
    const atlas *a = c->a;
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int64_t i = 0; i < a->count; i++) {
        double v = axis ? a->xy[2 * i] : -a->xy[2 * i + 1];
        low = fmin(low, v);
        high = fmax(high, v);
    }
    for (int64_t i = 0; i < a->count; i++) {
        double v = axis ? a->xy[2 * i] : -a->xy[2 * i + 1];
        double at = high > low ? (v - low) / (high - low) : 0.5;
        c->corner[2 * i + axis] = (int64_t)(at * (double)c->room + 0.5);
    }
}

/* ---- pixels ---- */

static const uint8_t *color_of(const atlas *a, int64_t i)
{
    static const uint8_t white[3] = {255, 255, 255};
    int group = atlas_group(a, i);
    return a->groups.count > 1 ? fvi_palette[group % FVI_COLORS] : white;
}

static void put(canvas *c, int64_t y, int64_t x, const uint8_t color[3])
{
    if (y >= 0 && x >= 0 && y < c->size && x < c->size)
        memcpy(c->rgb + 3 * (y * c->size + x), color, 3);
}

/* A dot at the middle of where the small picture would be. */
static void draw_dot(canvas *c, int64_t i)
{
    int64_t half = c->a->side > 0 ? c->a->side / 2 : DOT;
    for (int64_t y = -DOT; y <= DOT; y++)
        for (int64_t x = -DOT; x <= DOT; x++)
            if (x * x + y * y <= DOT * DOT)
                put(c, c->corner[2 * i] + half + y,
                    c->corner[2 * i + 1] + half + x, color_of(c->a, i));
}

static void draw_small(canvas *c, int64_t i)
{
    int64_t side = c->a->side, frame = c->a->groups.count > 1 ? FRAME : 0;
    const uint8_t *from = (const uint8_t *)c->a->small.data;
    from += 3 * side * side * i;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++, from += 3) {
            bool edge = y < frame || x < frame || y >= side - frame ||
                        x >= side - frame;
            put(c, c->corner[2 * i] + y, c->corner[2 * i + 1] + x,
                edge ? color_of(c->a, i) : from);
        }
}

/* Whether small picture `i` would cover one that is drawn; if not it takes its
 * place. No two of them fit into one cell. */
static bool free_place(canvas *c, int64_t i)
{
    int64_t side = c->a->side, *at = &c->corner[2 * i];
    int64_t row = at[0] / side, column = at[1] / side;
    for (int64_t y = row - 1; y <= row + 1; y++)
        for (int64_t x = column - 1; x <= column + 1; x++) {
            bool inside = y >= 0 && x >= 0 && y < c->cells && x < c->cells;
            int64_t other = inside ? c->taken[y * c->cells + x] : 0;
            if (!other)
                continue;
            const int64_t *there = &c->corner[2 * (other - 1)];
            if (llabs(there[0] - at[0]) < side &&
                llabs(there[1] - at[1]) < side)
                return false;
        }
    c->taken[row * c->cells + column] = i + 1;
    return true;
}

/* At random, the same each time, so that no folder comes first. */
static void shuffle(canvas *c)
{
    fvi_rng r = fvi_rng_new(1, 0);
    for (int64_t i = 0; i < c->a->count; i++) {
        int64_t k = fvi_rng_below(&r, i + 1);
        c->order[i] = c->order[k];
        c->order[k] = i;
    }
}

static int64_t draw_all(canvas *c)
{
    int64_t shown = 0;
    scale_axis(c, 0);
    scale_axis(c, 1);
    shuffle(c);
    for (int64_t i = 0; i < c->a->count; i++)
        draw_dot(c, c->order[i]);
    for (int64_t i = 0; i < c->a->count && c->a->side > 0; i++)
        if (free_place(c, c->order[i])) {
            draw_small(c, c->order[i]);
            shown++;
        }
    return shown;
}

fv_status atlas_draw(const atlas *a, int64_t size, const char *path,
                     int64_t *shown)
{
    int64_t side = a->side > 0 ? a->side : 2 * DOT + 1;
    int64_t dim[3] = {size, size, 3};
    canvas c = {
        .a = a, .size = size, .room = size - side, .cells = size / side + 1};
    fv_image *im;
    FV_TRY(fv_image_new(a->ctx, FV_U8, "YXS", dim, &im));
    im->rgb = 1;
    c.rgb = im->pixels.data;
    memset(c.rgb, GROUND, (size_t)fv_count(im->pixels));
    c.corner = fvi_calloc(a->ctx, 2 * (size_t)a->count + 1, sizeof *c.corner);
    c.order = fvi_calloc(a->ctx, (size_t)a->count + 1, sizeof *c.order);
    c.taken = fvi_calloc(a->ctx, (size_t)(c.cells * c.cells), sizeof *c.taken);
    fv_status status = c.corner && c.order && c.taken ? FV_OK : FV_ENOMEM;
    if (status == FV_OK) {
        *shown = draw_all(&c);
        status = fv_image_write(a->ctx, path, im);
    }
    fvi_free(a->ctx, c.corner);
    fvi_free(a->ctx, c.order);
    fvi_free(a->ctx, c.taken);
    fv_image_free(a->ctx, im);
    return status;
}
