/*
 * What a network for stars is trained on: distances to the outline along
 * rays, and how central a pixel is.
 *
 * The walk of a ray visits the same offsets from every pixel, so these are
 * tabled; and a pixel farther than s + 3/2 from every other label can take
 * 1 + s steps at once (both ends of a stretch are rounded by at most
 * sqrt(1/2)). Offsets are rounded relative to the pixel: moving an object
 * moves its truth.
 */

#include "task/star.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

fvi_rays fvi_rays_new(int count)
{
    fvi_rays r = {.count = count};
    for (int k = 0; k < count; k++) {
        r.row[k] = (float)sin(2 * pi * k / count);
        r.column[k] = (float)cos(2 * pi * k / count);
    }
    return r;
}

fv_status fvi_star_check(fv_ctx *ctx, int64_t rays, int grid)
{
    if (rays < FV_MIN_RAYS || rays > FV_MAX_RAYS)
        return fvi_fail(ctx, FV_EINVAL, "stars: %lld rays, expected %d to %d",
                        (long long)rays, FV_MIN_RAYS, FV_MAX_RAYS);
    if (grid < 1)
        return fvi_fail(ctx, FV_EINVAL, "stars: grid %d, expected 1 or more",
                        grid);
    return FV_OK;
}

static int64_t cells(int64_t pixels, int grid)
{
    return pixels > 0 ? (pixels - 1) / grid + 1 : 0;
}

fv_status fvi_star_fit(fv_ctx *ctx, fv_tensor labels, int grid,
                       const char *name, fv_tensor maps)
{
    int64_t h = cells(labels.dim[0], grid), w = cells(labels.dim[1], grid);
    if (maps.dim[0] == h && maps.dim[1] == w)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: found %lld x %lld cells, labels of %lld x %lld with "
                    "grid %d have %lld x %lld",
                    name, (long long)maps.dim[0], (long long)maps.dim[1],
                    (long long)labels.dim[0], (long long)labels.dim[1], grid,
                    (long long)h, (long long)w);
}

/* ---- distances ---- */

enum { RIM = 2 }; /* pixels of no object around the image end every walk */

/* One labeling, with a rim; `skip` is how many steps more are safe. */
typedef struct walk {
    fv_ctx *ctx;
    int64_t h, w, pitch; /* of the image; pixels per row with the rim */
    int grid, rays;
    uint32_t *label;
    uint8_t *skip;
    int64_t steps;   /* entries per ray                     */
    int32_t *offset; /* of the pixel that step t + 1 visits */
    float *length;   /* the distance when it is outside     */
} walk;

static void pad(const walk *a, const uint32_t *labels, const float *d)
{
    int threads = fvi_team(a->ctx, a->h * a->w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < a->h; y++)
        for (int64_t x = 0; x < a->w; x++) {
            int64_t to = (y + RIM) * a->pitch + x + RIM;
            float safe = d[y * a->w + x] - 1.5f;
            a->label[to] = labels[y * a->w + x];
            a->skip[to] = (uint8_t)(safe < 0 ? 0 : safe > 255 ? 255 : safe);
        }
}

/* The outline lies half a pixel before the first one outside. */
static float outline(float y, float x, float dy, float dx)
{
    float back = 0.5f / fmaxf(fabsf(dy), fabsf(dx)) - 1;
    y += back * dy;
    x += back * dx;
    return sqrtf(x * x + y * y);
}

static void table(const walk *a)
{
    /* angles in single precision, as in the field: the same walk */
    float unit = (float)(2 * pi / a->rays);
    for (int k = 0; k < a->rays; k++) {
        float dy = sinf(unit * (float)k), dx = cosf(unit * (float)k);
        float y = 0, x = 0;
        for (int64_t t = 0; t < a->steps; t++) {
            y += dy;
            x += dx;
            int64_t to = lrintf(y) * a->pitch + lrintf(x);
            a->offset[k * a->steps + t] = (int32_t)to;
            a->length[k * a->steps + t] = outline(y, x, dy, dx);
        }
    }
}

static float walk_ray(const walk *a, int64_t from, int k)
{
    const int32_t *offset = a->offset + k * a->steps;
    uint32_t own = a->label[from];
    int64_t t = a->skip[from], at;
    while (a->label[at = from + offset[t]] == own)
        t += 1 + a->skip[at];
    return a->length[k * a->steps + t];
}

static void walk_all(const walk *a, float *out)
{
    int64_t rows = cells(a->h, a->grid), columns = cells(a->w, a->grid);
    int threads = fvi_team(a->ctx, rows * columns * a->rays);
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            int64_t y = i * a->grid, x = j * a->grid;
            int64_t from = (y + RIM) * a->pitch + x + RIM;
            float *to = out + (i * columns + j) * a->rays;
            for (int k = 0; k < a->rays; k++)
                to[k] = a->label[from] ? walk_ray(a, from, k) : 0;
        }
}

static fv_status distances(walk *a, const uint32_t *labels, float *out)
{
    int64_t pixels = a->h * a->w, padded = a->pitch * (a->h + 2 * RIM);
    size_t entries = (size_t)(a->rays * a->steps);
    float *d = fvi_alloc(a->ctx, (size_t)pixels * sizeof *d);
    a->label = fvi_calloc(a->ctx, (size_t)padded, sizeof *a->label);
    a->skip = fvi_calloc(a->ctx, (size_t)padded, sizeof *a->skip);
    a->offset = fvi_alloc(a->ctx, entries * sizeof *a->offset);
    a->length = fvi_alloc(a->ctx, entries * sizeof *a->length);
    fv_status status = FV_ENOMEM;
    if (d && a->label && a->skip && a->offset && a->length)
        status = fvi_distance(a->ctx, labels, a->h, a->w, 1, d);
    if (status == FV_OK) {
        pad(a, labels, d);
        table(a);
        walk_all(a, out);
    }
    fvi_free(a->ctx, d);
    fvi_free(a->ctx, a->label);
    fvi_free(a->ctx, a->skip);
    fvi_free(a->ctx, a->offset);
    fvi_free(a->ctx, a->length);
    return status;
}

/* ---- probability ---- */

static int64_t run_end(const uint32_t *labels, int64_t i, int64_t n)
{
    int64_t end = i + 1;
    while (end < n && labels[end] == labels[i])
        end++;
    return end;
}

/* d becomes d over the largest d of its object. Squares of distances between
 * pixels are whole numbers, which is what the tally holds. */
static fv_status normalize(fv_ctx *ctx, const uint32_t *labels, int64_t n,
                           float *d)
{
    fvi_tally most = {.ctx = ctx};
    fv_status status = FV_OK;
    for (int64_t i = 0, end; i < n && status == FV_OK; i = end) {
        int64_t k = 0;
        end = run_end(labels, i, n);
        if (labels[i])
            status = fvi_tally_add(&most, labels[i], 0, &k);
        for (int64_t j = i; j < end && labels[i] && status == FV_OK; j++) {
            int64_t square = (int64_t)((double)d[j] * (double)d[j] + 0.5);
            if (square > most.sum[k])
                most.sum[k] = square;
        }
    }
    for (int64_t i = 0, end; i < n && status == FV_OK; i = end) {
        end = run_end(labels, i, n);
        if (!labels[i])
            continue;
        double top = sqrt((double)most.sum[fvi_tally_find(&most, labels[i])]);
        for (int64_t j = i; j < end; j++)
            d[j] = (float)((double)d[j] / (top + 1e-10));
    }
    fvi_tally_free(&most);
    return status;
}

/* ---- the public pair ---- */

static fv_status distances_of(fv_ctx *ctx, fv_tensor labels, int grid,
                              fv_tensor out)
{
    int64_t h = labels.dim[0], w = labels.dim[1], side = h > w ? h : w;
    walk a = {.ctx = ctx,
              .h = h,
              .w = w,
              .pitch = w + 2 * RIM,
              .grid = grid,
              .rays = (int)out.dim[2],
              .steps = side + side / 2 + 8};
    if (h * w == 0)
        return FV_OK;
    if (a.pitch * (h + 2 * RIM) > INT32_MAX)
        return fvi_fail(ctx, FV_EINVAL,
                        "stars: %lld x %lld pixels, expected fewer than 2^31",
                        (long long)h, (long long)w);
    return distances(&a, labels.data, out.data);
}

static fv_status probability_of(fv_ctx *ctx, fv_tensor labels, int grid,
                                fv_tensor out)
{
    int64_t h = labels.dim[0], w = labels.dim[1];
    (void)grid;
    if (h * w == 0)
        return FV_OK;
    FV_TRY(fvi_distance(ctx, labels.data, h, w, 0, out.data));
    return normalize(ctx, labels.data, h * w, out.data);
}

/* `f` on dense copies where the tensors are not dense. */
static fv_status dense(fv_ctx *ctx, fv_tensor labels, int grid, fv_tensor out,
                       fv_status (*f)(fv_ctx *, fv_tensor, int, fv_tensor))
{
    fvi_dense l, d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fvi_dense_open(ctx, out, false, &d);
    if (status == FV_OK) {
        status = f(ctx, l.view, grid, d.view);
        if (status == FV_OK)
            status = fvi_dense_store(ctx, &d, out);
        fvi_dense_close(ctx, &d);
    }
    fvi_dense_close(ctx, &l);
    return status;
}

fv_status fv_star_distances(fv_ctx *ctx, fv_tensor labels, int grid,
                            fv_tensor out)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "distances", out, FV_F32, 3, "f32 (H,W,rays)"));
    FV_TRY(fvi_star_check(ctx, out.dim[2], grid));
    FV_TRY(fvi_star_fit(ctx, labels, grid, "distances", out));
    return dense(ctx, labels, grid, out, distances_of);
}

fv_status fv_edt_probability(fv_ctx *ctx, fv_tensor labels, int grid,
                             fv_tensor out)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "probability", out, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_star_check(ctx, FV_MIN_RAYS, grid));
    FV_TRY(fvi_star_fit(ctx, labels, grid, "probability", out));
    for (int axis = 0; axis < 2; axis++) {
        labels.dim[axis] = out.dim[axis];
        labels.stride[axis] *= grid;
    }
    return dense(ctx, labels, grid, out, probability_of);
}
