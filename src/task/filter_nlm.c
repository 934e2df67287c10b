/* Non-local means. For one shift after the other the square differences are
 * summed over patches by running sums; rows go in bands of fixed height, so
 * that the sums do not depend on threads. */

#include "fovea/filter.h"
#include "task/volume.h"

#include <math.h>

enum { BAND = 64 };

fv_nlm fv_nlm_default(void)
{
    return (fv_nlm){.h = 0.6, .patch = 2, .search = 8};
}

/* Room of one thread. */
typedef struct band {
    int64_t y0, y1; /* rows to be filtered               */
    double *across; /* sums along rows, BAND + 2 patch of them */
    double *column; /* running sums down the columns     */
    double *square; /* one row of square differences     */
    double *sum, *weight;
} band;

typedef struct job {
    const fv_nlm *o;
    int64_t h, w;
    int64_t margin, stride; /* of `v`, the image with mirrored margins */
    float *v;
    float *to;
} job;

static const float *row_at(const job *j, int64_t y)
{
    return j->v + (y + j->margin) * j->stride + j->margin;
}

/* The square differences of row y, summed over 2 p + 1 columns. */
static void sum_across(const job *j, int64_t y, int64_t dy, int64_t dx,
                       double *square, double *out)
{
    const float *a = row_at(j, y), *b = row_at(j, y + dy) + dx;
    int64_t p = j->o->patch;
    double sum = 0;
    for (int64_t x = -p; x < j->w + p; x++) {
        double d = (double)a[x] - (double)b[x];
        square[x + p] = d * d;
    }
    for (int64_t x = 0; x < 2 * p; x++)
        sum += square[x];
    for (int64_t x = 0; x < j->w; x++) {
        sum += square[x + 2 * p];
        out[x] = sum;
        sum -= square[x];
    }
}

static void add_row(const job *j, const band *b, int64_t y, int64_t dy,
                    int64_t dx)
{
    const fv_nlm *o = j->o;
    double side = 2 * o->patch + 1, scale = 1 / (side * side);
    double noise = 2 * o->sigma * o->sigma;
    double fade = 1 / (o->h * o->sigma * o->h * o->sigma);
    const float *row = row_at(j, y + dy) + dx;
    double *sum = b->sum + (y - b->y0) * j->w;
    double *weight = b->weight + (y - b->y0) * j->w;
    for (int64_t x = 0; x < j->w; x++) {
        double d = b->column[x] * scale - noise;
        double w = d > 0 ? exp(-d * fade) : 1;
        sum[x] += w * (double)row[x];
        weight[x] += w;
    }
}

static void add_shift(const job *j, const band *b, int64_t dy, int64_t dx)
{
    int64_t p = j->o->patch, w = j->w, rows = b->y1 - b->y0;
    for (int64_t y = 0; y < rows + 2 * p; y++)
        sum_across(j, b->y0 + y - p, dy, dx, b->square, b->across + y * w);
    for (int64_t x = 0; x < w; x++)
        b->column[x] = 0;
    for (int64_t y = 0; y < 2 * p; y++)
        for (int64_t x = 0; x < w; x++)
            b->column[x] += b->across[y * w + x];
    for (int64_t y = 0; y < rows; y++) {
        const double *in = b->across + (y + 2 * p) * w;
        const double *gone = b->across + y * w;
        for (int64_t x = 0; x < w; x++)
            b->column[x] += in[x];
        add_row(j, b, b->y0 + y, dy, dx);
        for (int64_t x = 0; x < w; x++)
            b->column[x] -= gone[x];
    }
}

static void filter_band(const job *j, const band *b)
{
    int64_t s = j->o->search, n = (b->y1 - b->y0) * j->w;
    for (int64_t i = 0; i < n; i++)
        b->sum[i] = b->weight[i] = 0;
    for (int64_t dy = -s; dy <= s; dy++)
        for (int64_t dx = -s; dx <= s; dx++)
            add_shift(j, b, dy, dx);
    for (int64_t i = 0; i < n; i++)
        j->to[b->y0 * j->w + i] = (float)(b->sum[i] / b->weight[i]);
}

static void run_bands(job *j, int64_t team, double *room, size_t each)
{
    int64_t bands = (j->h + BAND - 1) / BAND, rows = BAND + 2 * j->o->patch;
#pragma omp parallel for schedule(static) num_threads((int)team)
    for (int64_t t = 0; t < team; t++)
        for (int64_t k = t; k < bands; k += team) {
            int64_t y1 = (k + 1) * BAND < j->h ? (k + 1) * BAND : j->h;
            band b = {.y0 = k * BAND, .y1 = y1};
            b.across = room + each * (size_t)t;
            b.column = b.across + rows * j->w;
            b.sum = b.column + j->w;
            b.weight = b.sum + BAND * j->w;
            b.square = b.weight + BAND * j->w;
            filter_band(j, &b);
        }
}

static void fill_margins(const job *j, const float *from)
{
    int64_t m = j->margin;
    float *to = j->v;
    for (int64_t y = -m; y < j->h + m; y++)
        for (int64_t x = -m; x < j->w + m; x++)
            *to++ = from[fvi_reflect(y, j->h) * j->w + fvi_reflect(x, j->w)];
}

static fv_status run(fv_ctx *ctx, const int64_t dim[3], const float *from,
                     float *to, const void *args)
{
    const fv_nlm *o = args;
    job j = {.o = o, .h = dim[1], .w = dim[2], .to = to};
    j.margin = o->patch + o->search;
    j.stride = j.w + 2 * j.margin;
    int64_t bands = (j.h + BAND - 1) / BAND;
    int64_t team = bands < fv_threads(ctx) ? bands : fv_threads(ctx);
    int64_t lines = 3 * BAND + 2 * o->patch + 2;
    size_t each = (size_t)(lines * j.w + 2 * o->patch);
    size_t padded = (size_t)((j.h + 2 * j.margin) * j.stride);
    double *room = fvi_calloc(ctx, each * (size_t)team, sizeof *room);
    j.v = fvi_alloc(ctx, padded * sizeof *j.v);
    if (room && j.v) {
        fill_margins(&j, from);
        run_bands(&j, team, room, each);
    }
    fv_status status = room && j.v ? FV_OK : FV_ENOMEM;
    fvi_free(ctx, room);
    fvi_free(ctx, j.v);
    return status;
}

fv_status fv_filter_nlm(fv_ctx *ctx, fv_tensor image, fv_nlm o, fv_tensor out)
{
    if (!(o.sigma > 0 && o.sigma < 1e30 && o.h > 0 && o.h < 1e6))
        return fvi_fail(ctx, FV_EINVAL,
                        "non-local means: sigma is %g and h %g, expected both "
                        "over 0",
                        o.sigma, o.h);
    if (o.patch < 0 || o.patch > 32 || o.search < 0 || o.search > 128)
        return fvi_fail(ctx, FV_EINVAL,
                        "non-local means: radii of patch and search are %d and "
                        "%d px, expected 0 to 32 and 0 to 128",
                        o.patch, o.search);
    return fvi_filter_run(ctx, image, 2, run, &o, out);
}
