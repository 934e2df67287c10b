/* The truth a network is trained on, drawn from label images. */

#include "fovea/flows.h"
#include "fovea/shape.h"
#include "fovea/stars.h"
#include "task/task.h"

#include <string.h>

typedef struct target_row {
    const char *name;
    int maps, truth;
} target_row;

static const target_row rows[FV_TARGET_COUNT] = {
    [FV_TARGET_CELL] = {"cell", 1, 1},
    [FV_TARGET_BOUNDARY] = {"boundary", 3, 1},
    [FV_TARGET_DISTANCE] = {"distance", 2, 2},
    [FV_TARGET_STARS] = {"stars", 33, 33},
    [FV_TARGET_FLOWS] = {"flows", 3, 3},
    [FV_TARGET_SHAPE] = {"shape", 3 + FV_SHAPE_MAPS, 2 + FV_SHAPE_MAPS},
};

enum { BACKGROUND, INSIDE, BOUNDARY };
enum { FLOW_UNIT = 5 }; /* length of flows that networks learn, as the field */

static bool known(fv_target t)
{
    return (int)t >= 0 && t < FV_TARGET_COUNT;
}

const char *fv_target_name(fv_target t)
{
    return known(t) ? rows[t].name : "unknown";
}

int fv_target_maps(fv_target t)
{
    return known(t) ? rows[t].maps : 0;
}

int fv_target_truth_channels(fv_target t)
{
    return known(t) ? rows[t].truth : 0;
}

fv_status fv_target_find(fv_ctx *ctx, const char *name, fv_target *out)
{
    for (int t = 0; t < FV_TARGET_COUNT; t++)
        if (strcmp(name, rows[t].name) == 0) {
            *out = (fv_target)t;
            return FV_OK;
        }
    return fvi_fail(ctx, FV_EINVAL,
                    "unknown target '%s', expected cell, boundary, distance, "
                    "stars, flows or shape",
                    name);
}

/* Truth in dense numbers: labels u32 (h,w), out f32 (h,w,channels). */
typedef struct truth {
    fv_ctx *ctx;
    const uint32_t *labels;
    int64_t h, w;
    float *out;
} truth;

static fv_status fill_cell(truth *t)
{
    for (int64_t i = 0; i < t->h * t->w; i++)
        t->out[i] = t->labels[i] != 0;
    return FV_OK;
}

static bool borders(const truth *t, int64_t y, int64_t x)
{
    int64_t w = t->w, i = y * w + x;
    const uint32_t *l = t->labels;
    if (!l[i])
        return false;
    return (y > 0 && l[i - w] != l[i]) || (x > 0 && l[i - 1] != l[i]) ||
           (x + 1 < w && l[i + 1] != l[i]) ||
           (y + 1 < t->h && l[i + w] != l[i]);
}

static void classify(truth *t)
{
    int threads = fvi_team(t->ctx, t->h * t->w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < t->h; y++)
        for (int64_t x = 0; x < t->w; x++) {
            int64_t i = y * t->w + x;
            int inside = t->labels[i] ? INSIDE : BACKGROUND;
            t->out[i] = (float)(borders(t, y, x) ? BOUNDARY : inside);
        }
}

/* Counts the inside pixels of each object. */
static fv_status count_inside(const truth *t, fvi_tally *inside)
{
    for (int64_t i = 0, i0; i < t->h * t->w;) {
        int64_t n = 0;
        uint32_t label = t->labels[i];
        for (i0 = i; i < t->h * t->w && t->labels[i] == label; i++)
            n += t->out[i] == (float)INSIDE;
        if (label && i > i0)
            FV_TRY(fvi_tally_add(inside, label, n, NULL));
    }
    return FV_OK;
}

static bool any_thin(const fvi_tally *inside)
{
    for (int64_t k = 0; k < inside->count; k++)
        if (!inside->sum[k])
            return true;
    return false;
}

/* The middle of a thin object: its pixels farthest from everything else.
 * Sums become minus the greatest squared distance of objects without inside. */
static fv_status keep_middles(truth *t, fvi_tally *inside)
{
    int64_t pixels = t->h * t->w;
    float *d = fvi_alloc(t->ctx, (size_t)pixels * sizeof *d);
    if (!d)
        return FV_ENOMEM;
    fv_status status = fvi_distance(t->ctx, t->labels, t->h, t->w, 0, d);
    for (int pass = 0; pass < 2 && status == FV_OK; pass++)
        for (int64_t i = 0; i < pixels; i++) {
            if (!t->labels[i])
                continue;
            int64_t *sum = inside->sum + fvi_tally_find(inside, t->labels[i]);
            int64_t square = (int64_t)(d[i] * d[i] + 0.5f);
            if (*sum > 0)
                continue;
            if (pass == 0 && -square < *sum)
                *sum = -square;
            if (pass == 1 && -square == *sum)
                t->out[i] = (float)INSIDE;
        }
    fvi_free(t->ctx, d);
    return status;
}

static fv_status fill_boundary(truth *t)
{
    fvi_tally inside = {.ctx = t->ctx};
    classify(t);
    fv_status status = count_inside(t, &inside);
    if (status == FV_OK && any_thin(&inside))
        status = keep_middles(t, &inside);
    fvi_tally_free(&inside);
    return status;
}

static fv_status fill_distance(truth *t)
{
    int64_t pixels = t->h * t->w;
    float *d = fvi_alloc(t->ctx, (size_t)pixels * sizeof *d);
    if (!d)
        return FV_ENOMEM;
    fv_status status = fvi_distance(t->ctx, t->labels, t->h, t->w, 0, d);
    for (int64_t i = 0; i < pixels && status == FV_OK; i++) {
        t->out[2 * i] = t->labels[i] != 0;
        t->out[2 * i + 1] = d[i] / FVI_DISTANCE_UNIT;
    }
    fvi_free(t->ctx, d);
    return status;
}

/* Channels lo..hi-1 of the truth, and the labels, as tensors. */
static fv_tensor channels_of(truth *t, int64_t of, int64_t lo, int64_t hi)
{
    int64_t dim[3] = {t->h, t->w, of};
    return fv_slice(fv_dense(t->out, FV_F32, 3, dim), 2, lo, hi);
}

static fv_tensor labels_of(const truth *t)
{
    int64_t dim[2] = {t->h, t->w};
    return fv_dense((void *)(uintptr_t)t->labels, FV_U32, 2, dim); /* read */
}

static fv_status fill_stars(truth *t)
{
    int64_t n = rows[FV_TARGET_STARS].truth;
    fv_tensor center = channels_of(t, n, 0, 1);
    center.ndim = 2; /* with the strides of all channels */
    FV_TRY(fv_edt_probability(t->ctx, labels_of(t), 1, center));
    FV_TRY(fv_star_distances(t->ctx, labels_of(t), 1, channels_of(t, n, 1, n)));
    for (int64_t i = 0; i < t->h * t->w; i++)
        for (int64_t k = 1; k < n; k++)
            t->out[n * i + k] /= FVI_DISTANCE_UNIT;
    return FV_OK;
}

static fv_status fill_flows(truth *t)
{
    fv_tensor flows = channels_of(t, 3, 0, 2);
    FV_TRY(
        fv_flows_from_labels(t->ctx, labels_of(t), fv_flow_default(), flows));
    for (int64_t i = 0; i < t->h * t->w; i++) {
        float *v = t->out + 3 * i;
        v[0] *= FLOW_UNIT;
        v[1] *= FLOW_UNIT;
        v[2] = t->labels[i] != 0;
    }
    return FV_OK;
}

/* The classes come first in the same memory, and are then spread out. */
static fv_status fill_shape(truth *t)
{
    const int64_t n = rows[FV_TARGET_SHAPE].truth;
    FV_TRY(fill_boundary(t));
    for (int64_t i = t->h * t->w - 1; i >= 0; i--) {
        float class = t->out[i];
        t->out[n * i] = class;
        t->out[n * i + n - 1] = t->labels[i] != 0;
    }
    return fv_shape_descriptors(t->ctx, labels_of(t), fv_shape_default(),
                                channels_of(t, n, 1, n - 1));
}

static fv_status (*const fills[FV_TARGET_COUNT])(truth *) = {
    [FV_TARGET_CELL] = fill_cell,         [FV_TARGET_BOUNDARY] = fill_boundary,
    [FV_TARGET_DISTANCE] = fill_distance, [FV_TARGET_STARS] = fill_stars,
    [FV_TARGET_FLOWS] = fill_flows,       [FV_TARGET_SHAPE] = fill_shape,
};

static fv_status check(fv_ctx *ctx, fv_target t, fv_tensor labels,
                       fv_tensor out)
{
    if (!known(t))
        return fvi_fail(ctx, FV_EINVAL, "unknown target %d", (int)t);
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "truth", out, FV_F32, 3, "f32 (H,W,channels)"));
    FV_TRY(fvi_want_same(ctx, "labels", labels, "truth", out));
    if (out.dim[2] != rows[t].truth)
        return fvi_fail(ctx, FV_ESHAPE,
                        "truth: found %lld channels, target '%s' has %d",
                        (long long)out.dim[2], rows[t].name, rows[t].truth);
    return FV_OK;
}

fv_status fv_target_fill(fv_ctx *ctx, fv_target t, fv_tensor labels,
                         fv_tensor out)
{
    FV_TRY(check(ctx, t, labels, out));
    fvi_dense l, d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fvi_dense_open(ctx, out, false, &d);
    if (status == FV_OK) {
        truth job = {ctx, l.view.data, labels.dim[0], labels.dim[1],
                     d.view.data};
        status = fills[t](&job);
        if (status == FV_OK)
            status = fvi_dense_store(ctx, &d, out);
        fvi_dense_close(ctx, &d);
    }
    fvi_dense_close(ctx, &l);
    return status;
}
