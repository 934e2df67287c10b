/*
 * Local shape descriptors from sums over a window: of 1, y, x, yy, xx and yx
 * over the pixels of one object. A Gaussian window is two passes along the
 * axes; a ball takes the difference of running sums in each row it covers.
 */

#include "fovea/shape.h"
#include "task/pieces.h"

#include <math.h>
#include <string.h>

enum { MOMENTS = 6 };

fv_shape_options fv_shape_default(void)
{
    return (fv_shape_options){.sigma = 5};
}

/* The window: of a Gaussian the weights along one axis, of a ball the reach
 * along x for each row. */
typedef struct window {
    fv_shape_options o;
    int64_t reach;
    double total, *weight; /* 2 reach + 1 */
} window;

static fv_status open_window(fv_ctx *ctx, fv_shape_options o, window *out)
{
    window w = {.o = o};
    w.reach = (int64_t)(o.ball ? floor(o.sigma) : ceil(3 * o.sigma));
    w.weight = fvi_alloc(ctx, (size_t)(2 * w.reach + 1) * sizeof *w.weight);
    if (!w.weight)
        return FV_ENOMEM;
    for (int64_t i = -w.reach; i <= w.reach; i++) {
        double r = (double)i, square = o.sigma * o.sigma - r * r;
        double v = o.ball ? floor(sqrt(square > 0 ? square : 0))
                          : exp(-r * r / (2 * o.sigma * o.sigma));
        w.weight[i + w.reach] = v;
        w.total += o.ball ? 2 * v + 1 : v;
    }
    if (!o.ball)
        w.total *= w.total;
    *out = w;
    return FV_OK;
}

/* ---- sums over the window ---- */

/* The box of one object. Positions are counted from its middle. */
typedef struct box {
    const fvi_piece *o;
    const fvi_span *run;
    int64_t h, w;
} box;

static double moment(int q, double y, double x)
{
    const double of[MOMENTS] = {1, y, x, y * y, x * x, y * x};
    return of[q];
}

static double middle_y(const box *b)
{
    return (double)b->o->y0 + (double)(b->h / 2);
}

static double middle_x(const box *b)
{
    return (double)b->o->x0 + (double)(b->w / 2);
}

static void draw(const box *b, int q, double *plane)
{
    memset(plane, 0, (size_t)(b->h * b->w) * sizeof *plane);
    for (int64_t i = 0; i < b->o->runs; i++) {
        const fvi_span *r = b->run + i;
        double *row = plane + (r->y - b->o->y0) * b->w - b->o->x0;
        double y = (double)r->y - middle_y(b);
        for (int64_t x = r->x0; x < r->x1; x++)
            row[x] = moment(q, y, (double)x - middle_x(b));
    }
}

/* to[i] += weight from[i + shift] where both are among n numbers. */
static void add_shifted(const double *from, int64_t n, int64_t shift,
                        double weight, double *to)
{
    int64_t lo = shift < 0 ? -shift : 0, hi = shift < 0 ? n : n - shift;
    for (int64_t i = lo; i < hi; i++)
        to[i] += weight * from[i + shift];
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void gaussian(const box *b, const window *w, double *plane,
                     double *between)
{
    int64_t rx = least(w->reach, b->w - 1), ry = least(w->reach, b->h - 1);
    size_t size = (size_t)(b->h * b->w) * sizeof *plane;
    memset(between, 0, size);
    for (int64_t y = 0; y < b->h; y++)
        for (int64_t d = -rx; d <= rx; d++)
            add_shifted(plane + y * b->w, b->w, d, w->weight[d + w->reach],
                        between + y * b->w);
    memset(plane, 0, size);
    for (int64_t d = -ry; d <= ry; d++)
        add_shifted(between, b->h * b->w, d * b->w, w->weight[d + w->reach],
                    plane);
}

/* Sums of a row up to and without x, then differences over each reach. */
static void disc(const box *b, const window *w, double *plane, double *sums)
{
    int64_t ry = least(w->reach, b->h - 1);
    for (int64_t y = 0; y < b->h; y++) {
        sums[y * (b->w + 1)] = 0;
        for (int64_t x = 0; x < b->w; x++)
            sums[y * (b->w + 1) + x + 1] =
                sums[y * (b->w + 1) + x] + plane[y * b->w + x];
    }
    memset(plane, 0, (size_t)(b->h * b->w) * sizeof *plane);
    for (int64_t y = 0; y < b->h; y++)
        for (int64_t d = -ry; d <= ry; d++) {
            int64_t reach = (int64_t)w->weight[d + w->reach];
            const double *row = sums + (y + d) * (b->w + 1);
            for (int64_t x = 0; x < b->w && y + d >= 0 && y + d < b->h; x++)
                plane[y * b->w + x] += row[least(x + reach + 1, b->w)] -
                                       row[x > reach ? x - reach : 0];
        }
}

/* ---- descriptors from sums ---- */

static void describe(const window *w, const double s[MOMENTS], double y,
                     double x, float *out, int64_t step)
{
    double my = s[1] / s[0], mx = s[2] / s[0];
    double unit = w->o.sigma, square = unit * unit;
    const double v[FV_SHAPE_MAPS] = {(my - y) / unit,
                                     (mx - x) / unit,
                                     (s[3] / s[0] - my * my) / square,
                                     (s[4] / s[0] - mx * mx) / square,
                                     (s[5] / s[0] - my * mx) / square,
                                     s[0] / w->total};
    for (int k = 0; k < FV_SHAPE_MAPS; k++)
        out[k * step] = (float)v[k];
}

static int64_t room_of(const fvi_piece *o)
{
    int64_t h = (int64_t)o->y1 - o->y0, w = (int64_t)o->x1 - o->x0;
    return MOMENTS * h * w + h * (w + 1);
}

static void one_object(const fvi_pieces *p, int64_t k, const window *w,
                       double *scratch, fv_tensor out)
{
    const fvi_piece *o = &p->object[k];
    box b = {.o = o,
             .run = p->run + o->first,
             .h = (int64_t)o->y1 - o->y0,
             .w = (int64_t)o->x1 - o->x0};
    int64_t cells = b.h * b.w;
    for (int q = 0; q < MOMENTS; q++) {
        draw(&b, q, scratch + q * cells);
        (w->o.ball ? disc : gaussian)(&b, w, scratch + q * cells,
                                      scratch + MOMENTS * cells);
    }
    for (int64_t i = 0; i < o->runs; i++)
        for (int64_t x = b.run[i].x0; x < b.run[i].x1; x++) {
            int64_t y = b.run[i].y;
            int64_t at = (y - o->y0) * b.w + x - o->x0;
            double s[MOMENTS];
            for (int q = 0; q < MOMENTS; q++)
                s[q] = scratch[q * cells + at];
            describe(w, s, (double)y - middle_y(&b), (double)x - middle_x(&b),
                     (float *)out.data + y * out.stride[0] + x * out.stride[1],
                     out.stride[2]);
        }
}

/* ---- all objects ---- */

/* Boxes with more numbers than this are not worked on side by side. */
enum { LARGE = 1 << 20 };

static fv_status each(fv_ctx *ctx, const fvi_pieces *p, const window *w,
                      fv_tensor out)
{
    int64_t room = 0;
    for (int64_t k = 0; k < p->count; k++)
        room = room_of(&p->object[k]) > room ? room_of(&p->object[k]) : room;
    int team = room > LARGE ? 1 : fvi_team(ctx, out.dim[0] * out.dim[1]);
    double *scratch = fvi_alloc(ctx, (size_t)(room * team) * sizeof *scratch);
    if (!scratch)
        return FV_ENOMEM;
#pragma omp parallel for schedule(static, 1) num_threads(team)
    for (int t = 0; t < team; t++)
        for (int64_t k = t; k < p->count && !fvi_canceled(ctx); k += team)
            one_object(p, k, w, scratch + t * room, out);
    fvi_free(ctx, scratch);
    return fvi_canceled(ctx) ? fvi_fail(ctx, FV_ECANCEL, "canceled") : FV_OK;
}

static void clear(fv_tensor t)
{
    for (int64_t y = 0; y < t.dim[0]; y++)
        for (int64_t x = 0; x < t.dim[1]; x++)
            for (int64_t k = 0; k < FV_SHAPE_MAPS; k++)
                ((float *)t.data)[y * t.stride[0] + x * t.stride[1] +
                                  k * t.stride[2]] = 0;
}

static fv_status fill(fv_ctx *ctx, const uint32_t *labels, fv_shape_options o,
                      fv_tensor out)
{
    fvi_pieces p;
    window w = {.weight = NULL};
    FV_TRY(fvi_pieces_new(ctx, labels, out.dim[0], out.dim[1], &p));
    fv_status status = open_window(ctx, o, &w);
    clear(out);
    if (status == FV_OK)
        status = each(ctx, &p, &w, out);
    fvi_free(ctx, w.weight);
    fvi_pieces_free(ctx, &p);
    return status;
}

fv_status fv_shape_descriptors(fv_ctx *ctx, fv_tensor labels,
                               fv_shape_options o, fv_tensor out)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "descriptors", out, FV_F32, 3, "f32 (H,W,6)"));
    FV_TRY(fvi_want_same(ctx, "labels", labels, "descriptors", out));
    if (out.dim[2] != FV_SHAPE_MAPS)
        return fvi_fail(ctx, FV_ESHAPE,
                        "descriptors: found %lld channels, expected %d",
                        (long long)out.dim[2], FV_SHAPE_MAPS);
    if (!(o.sigma > 0 && o.sigma <= 1000))
        return fvi_fail(ctx, FV_EINVAL,
                        "descriptors: sigma %g px, expected more than 0 and "
                        "at most 1000",
                        o.sigma);
    fvi_dense l;
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fill(ctx, l.view.data, o, out);
    fvi_dense_close(ctx, &l);
    return status;
}
