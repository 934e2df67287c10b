/* Simulated nuclei: outlines drawn at random, placed apart or touching, never
 * overlapping. */
#include "task/nuclei.h"

#include <math.h>
#include <string.h>

enum {
    GAP = 2,           /* px kept free around a nucleus that stands alone   */
    POSITIONS = 100,   /* tried before a nucleus is given up                */
    GIVE_UP_AFTER = 20 /* nuclei in a row without room: the field is full   */
};
static const double pi = 3.14159265358979323846;
static const double stride_in = 0.25; /* px per move toward the neighbor  */
static const double least_seen = 0.3; /* share of a nucleus in the picture */

typedef struct field {
    int64_t height, width;
    uint32_t *label;     /* 0, or the nucleus there              */
    unsigned char *near; /* 1 within GAP px of a nucleus         */
    fvi_outline *placed;
    int64_t count;
} field;

static double scale_of(const fvi_outline *o, double cos_t, double sin_t)
{
    double sum = 1, c = cos_t, s = sin_t;
    for (int m = 0; m < FVI_MODES; m++) {
        double next = c * cos_t - s * sin_t;
        s = s * cos_t + c * sin_t;
        c = next;
        sum += o->c[m] * c + o->s[m] * s;
    }
    return fmax(sum, 0.3);
}

/* Is the point at (dy, dx) from the center inside the outline? */
static bool inside(const fvi_outline *o, double dy, double dx)
{
    double r = sqrt(dy * dy + dx * dx);
    if (r < 1e-9)
        return true;
    if (r > o->reach)
        return false;
    double cos_t = dx / r, sin_t = dy / r;
    double u = cos_t * o->cos_tilt + sin_t * o->sin_tilt;
    double v = sin_t * o->cos_tilt - cos_t * o->sin_tilt;
    double ellipse =
        o->a * o->b / sqrt(o->b * u * o->b * u + o->a * v * o->a * v);
    return r <= ellipse * scale_of(o, cos_t, sin_t);
}

static fvi_outline draw_outline(const fv_synth *s, fvi_rng *r)
{
    double size = 1 + s->spread * fmin(fmax(fvi_rng_normal(r), -3), 3);
    double radius = 0.5 * s->diameter * fmax(size, 0.25);
    double aspect = fvi_rng_between(r, 1.0, 1.5);
    double tilt = fvi_rng_between(r, 0.0, pi);
    fvi_outline o = {.a = radius * sqrt(aspect),
                     .b = radius / sqrt(aspect),
                     .cos_tilt = cos(tilt),
                     .sin_tilt = sin(tilt)};
    /* weights 1/m^2, scaled so that the relative radius has the standard
     * deviation `roughness` along the outline, over many nuclei */
    double norm = 0, most = 1;
    for (int m = 0; m < FVI_MODES; m++)
        norm += 1.0 / pow(m + 2, 4);
    for (int m = 0; m < FVI_MODES; m++) {
        double w = s->roughness / ((m + 2) * (m + 2) * sqrt(norm));
        o.c[m] = w * fmin(fmax(fvi_rng_normal(r), -2), 2);
        o.s[m] = w * fmin(fmax(fvi_rng_normal(r), -2), 2);
        most += hypot(o.c[m], o.s[m]);
    }
    o.reach = o.a * most;
    return o;
}

/* The pixels an outline can reach, cut to the picture. */
typedef struct box {
    int64_t y0, x0, y1, x1;
} box;

static int64_t clip(double v, int64_t hi)
{
    return v < 0 ? 0 : v > (double)hi ? hi : (int64_t)v;
}

static box box_of(const field *f, const fvi_outline *o)
{
    return (box){clip(floor(o->y - o->reach), f->height),
                 clip(floor(o->x - o->reach), f->width),
                 clip(ceil(o->y + o->reach) + 1, f->height),
                 clip(ceil(o->x + o->reach) + 1, f->width)};
}

/* Pixels of the outline in the picture; -1 when one of them is taken. */
static int64_t free_pixels(const field *f, const fvi_outline *o, bool apart)
{
    int64_t n = 0;
    box b = box_of(f, o);
    for (int64_t y = b.y0; y < b.y1; y++)
        for (int64_t x = b.x0; x < b.x1; x++) {
            if (!inside(o, (double)y - o->y, (double)x - o->x))
                continue;
            int64_t at = y * f->width + x;
            if (apart ? f->near[at] != 0 : f->label[at] != 0)
                return -1;
            n++;
        }
    return n;
}

static bool enough(const fvi_outline *o, int64_t pixels)
{
    return pixels >= 4 && (double)pixels >= least_seen * pi * o->a * o->b;
}

/* Does a pixel of the outline have a 4-neighbor in another nucleus? */
static bool touches(const field *f, const fvi_outline *o)
{
    box b = box_of(f, o);
    for (int64_t y = b.y0; y < b.y1; y++)
        for (int64_t x = b.x0; x < b.x1; x++) {
            if (!inside(o, (double)y - o->y, (double)x - o->x))
                continue;
            const uint32_t *l = f->label + y * f->width + x;
            if ((y > 0 && l[-f->width]) || (y + 1 < f->height && l[f->width]) ||
                (x > 0 && l[-1]) || (x + 1 < f->width && l[1]))
                return true;
        }
    return false;
}

static bool place_apart(const field *f, fvi_outline *o, fvi_rng *r)
{
    for (int i = 0; i < POSITIONS; i++) {
        o->y = fvi_rng_between(r, 0.0, (double)f->height) - 0.5;
        o->x = fvi_rng_between(r, 0.0, (double)f->width) - 0.5;
        if (enough(o, free_pixels(f, o, true)))
            return true;
    }
    return false;
}

/* Moves the nucleus toward another one until one more move would overlap. */
static bool place_touching(const field *f, fvi_outline *o, fvi_rng *r)
{
    for (int i = 0; i < POSITIONS; i++) {
        const fvi_outline *other = f->placed + fvi_rng_below(r, f->count);
        double t = fvi_rng_between(r, 0.0, 2 * pi);
        double start = o->reach + other->reach + 1;
        int64_t pixels = -1;
        for (int k = (int)(start / stride_in); k > 0; k--) {
            double away = k * stride_in;
            fvi_outline moved = *o;
            moved.y = other->y + away * sin(t);
            moved.x = other->x + away * cos(t);
            int64_t n = free_pixels(f, &moved, false);
            if (n < 0)
                break;
            *o = moved;
            pixels = n;
        }
        if (enough(o, pixels) && touches(f, o))
            return true;
    }
    return false;
}

static void mark_near(field *f, int64_t y, int64_t x)
{
    for (int64_t j = y - GAP; j <= y + GAP; j++)
        for (int64_t i = x - GAP; i <= x + GAP; i++)
            if (j >= 0 && j < f->height && i >= 0 && i < f->width)
                f->near[j * f->width + i] = 1;
}

static void add(field *f, const fvi_outline *o)
{
    f->placed[f->count++] = *o;
    box b = box_of(f, o);
    for (int64_t y = b.y0; y < b.y1; y++)
        for (int64_t x = b.x0; x < b.x1; x++)
            if (inside(o, (double)y - o->y, (double)x - o->x)) {
                f->label[y * f->width + x] = (uint32_t)f->count;
                mark_near(f, y, x);
            }
}

static fv_status grow(fv_ctx *ctx, field *f, int64_t *room)
{
    if (f->count < *room)
        return FV_OK;
    int64_t more = 2 * *room + 64;
    void *block = fvi_realloc(ctx, f->placed, (size_t)more * sizeof *f->placed);
    if (!block)
        return FV_ENOMEM;
    f->placed = block;
    *room = more;
    return FV_OK;
}

static fv_status place_all(fv_ctx *ctx, const fv_synth *s, field *f)
{
    int64_t room = 0;
    int failures = 0;
    for (int i = 0; i < s->nuclei && failures < GIVE_UP_AFTER; i++) {
        FV_TRY(grow(ctx, f, &room));
        fvi_rng r =
            fvi_rng_new(s->seed, fvi_hash_text("nucleus") + (uint64_t)i);
        fvi_outline o = draw_outline(s, &r);
        bool touching = fvi_rng_uniform(&r) < s->touching && f->count > 0;
        bool placed =
            touching ? place_touching(f, &o, &r) : place_apart(f, &o, &r);
        failures = placed ? 0 : failures + 1;
        if (placed)
            add(f, &o);
    }
    return FV_OK;
}

fv_status fvi_nuclei_place(fv_ctx *ctx, const fv_synth *s, uint32_t *labels,
                           int64_t *count)
{
    field f = {.height = s->height, .width = s->width, .label = labels};
    f.near = fvi_calloc(ctx, (size_t)s->height, (size_t)s->width);
    if (!f.near)
        return FV_ENOMEM;
    fv_status status = place_all(ctx, s, &f);
    fvi_free(ctx, f.near);
    fvi_free(ctx, f.placed);
    *count = f.count;
    return status;
}
