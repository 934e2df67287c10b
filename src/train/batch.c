/* Batches: pictures and labels in, the inputs of a plan out. */
#include "train/run.h"

#include "train/augment.h"
#include "train/warp.h"

#include <math.h>
#include <string.h>

/* ---- weights of classes ---- */

/* 1/sqrt(frequency) by class, with mean 1 over the pixels. */
static void balance(const int64_t seen[4], float weight[4])
{
    double total = 0, sum = 0, w[4];
    for (int k = 0; k < 4; k++)
        total += (double)seen[k];
    for (int k = 0; k < 4; k++) {
        w[k] = seen[k] ? 1 / sqrt((double)seen[k] / total) : 0;
        sum += w[k] * (double)seen[k] / total;
    }
    for (int k = 0; k < 4; k++)
        weight[k] = seen[k] ? (float)(w[k] / sum) : 1;
}

static fv_status count_classes(fv_ctx *ctx, const fvi_batch *b, int64_t i,
                               int64_t seen[4])
{
    fv_tensor labels = b->pairs[i].labels;
    int truth = fv_target_truth_channels(b->target);
    int64_t dim[3] = {labels.dim[0], labels.dim[1], truth};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *v = t.data = fvi_alloc(ctx, (size_t)fv_count(t) * sizeof *v);
    if (!v)
        return FV_ENOMEM;
    fv_status status = fv_target_fill(ctx, b->target, labels, t);
    for (int64_t k = 0; k < fv_count(labels) && status == FV_OK; k++)
        seen[(int)v[k * truth] & 3]++;
    fvi_free(ctx, v);
    return status;
}

static fv_status weigh_classes(fv_ctx *ctx, const char *loss, fvi_batch *b)
{
    int64_t seen[4] = {0};
    for (int k = 0; k < 4; k++)
        b->class_weight[k] = 1;
    if (strcmp(loss, "balanced") != 0)
        return FV_OK;
    for (int64_t i = 0; i < b->count; i++)
        FV_TRY(count_classes(ctx, b, i, seen));
    balance(seen, b->class_weight);
    return FV_OK;
}

/* ---- life ---- */

static fv_augment augment_of(const fv_train_options *o)
{
    return (fv_augment){.flip = o->flip,
                        .rotate = o->rotate,
                        .scale_min = o->scale_min,
                        .scale_max = o->scale_max,
                        .elastic = o->elastic,
                        .intensity = o->intensity,
                        .noise = o->noise,
                        .blur = o->blur,
                        .invert = o->invert,
                        .foreground = o->foreground};
}

fv_status fvi_batch_new(fv_ctx *ctx, const fv_train_options *o,
                        fv_target target, const fv_pair *pairs, int64_t count,
                        int channels, fvi_batch *out)
{
    fvi_batch b = {.pairs = pairs,
                   .count = count,
                   .target = target,
                   .augment = augment_of(o),
                   .touching = (float)o->touching,
                   .seed = (uint64_t)o->seed,
                   .size = o->batch,
                   .side = o->crop,
                   .channels = channels,
                   .pass = -1};
    size_t n = (size_t)b.size, area = (size_t)(b.side * b.side);
    size_t scratch = (size_t)fvi_augment_scratch(b.side, channels);
    b.labels = fvi_calloc(ctx, n * area, sizeof *b.labels);
    b.scratch = fvi_calloc(ctx, n * scratch, sizeof *b.scratch);
    b.order = fvi_calloc(ctx, (size_t)count + 1, sizeof *b.order);
    fv_status status = FV_ENOMEM;
    if (b.labels && b.scratch && b.order)
        status = weigh_classes(ctx, o->loss, &b);
    if (status != FV_OK)
        fvi_batch_free(ctx, &b);
    else
        *out = b;
    return status;
}

void fvi_batch_free(fv_ctx *ctx, fvi_batch *b)
{
    fvi_free(ctx, b->labels);
    fvi_free(ctx, b->scratch);
    fvi_free(ctx, b->order);
    *b = (fvi_batch){0};
}

/* ---- filling ---- */

/* The i-th part of a tensor along its first axis, without that axis. */
static fv_tensor part(fv_tensor t, int64_t i)
{
    fv_tensor p = fv_dense(NULL, t.dtype, t.ndim - 1, t.dim + 1);
    p.data =
        (char *)t.data + (size_t)(i * t.stride[0]) * fv_dtype_size(t.dtype);
    return p;
}

static fv_tensor crop_labels(const fvi_batch *b, int64_t i)
{
    int64_t dim[2] = {b->side, b->side};
    return fv_dense(b->labels + i * b->side * b->side, FV_U32, 2, dim);
}

/* Fisher & Yates; a pass shows every pair once. */
static void shuffle(fvi_batch *b, int64_t pass)
{
    fvi_rng r = fvi_rng_new(b->seed ^ fvi_hash_text("order"), (uint64_t)pass);
    for (int64_t i = 0; i < b->count; i++)
        b->order[i] = i;
    for (int64_t i = b->count - 1; i > 0; i--) {
        int64_t k = fvi_rng_below(&r, i + 1), keep = b->order[i];
        b->order[i] = b->order[k];
        b->order[k] = keep;
    }
    b->pass = pass;
}

static const fv_pair *pick(fvi_batch *b, int64_t number)
{
    if (number / b->count != b->pass)
        shuffle(b, number / b->count);
    return &b->pairs[b->order[number % b->count]];
}

/* Truth and weights from the crops of labels. Weights that are already 0
 * stay 0. */
static fv_status fill_truth(fv_ctx *ctx, const fvi_batch *b, int64_t i,
                            fvi_inputs in)
{
    fv_tensor target = part(in.target, i), weight = part(in.weight, i);
    FV_TRY(fv_target_fill(ctx, b->target, crop_labels(b, i), target));
    int64_t n = b->side * b->side, truth = target.dim[2];
    const float *t = target.data;
    float *w = weight.data;
    for (int64_t k = 0; k < n; k++)
        w[k] *= b->class_weight[(int)t[k * truth] & 3];
    if (b->touching > 0)
        return fvi_weigh_touching(ctx, crop_labels(b, i).data, b->side,
                                  1 + b->touching, w);
    return FV_OK;
}

static void fill_ones(fv_tensor t)
{
    float *x = t.data;
    for (int64_t i = 0; i < fv_count(t); i++)
        x[i] = 1;
}

fv_status fvi_batch_fill(fv_ctx *ctx, fvi_batch *b, int64_t epoch, int64_t step,
                         int64_t steps, fvi_inputs in)
{
    enum { GROUP = 16 };
    int threads = fv_threads(ctx);
    int64_t room = fvi_augment_scratch(b->side, b->channels);
    for (int64_t lo = 0; lo < b->size; lo += GROUP) {
        int64_t hi = lo + GROUP < b->size ? lo + GROUP : b->size;
        const fv_pair *pair[GROUP];
        for (int64_t i = lo; i < hi; i++)
            pair[i - lo] = pick(b, (epoch * steps + step) * b->size + i);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int64_t i = lo; i < hi; i++)
            fvi_augment_fill(&b->augment, b->seed, (uint64_t)epoch,
                             (uint64_t)(step * b->size + i),
                             pair[i - lo]->plane, pair[i - lo]->labels,
                             part(in.image, i), crop_labels(b, i),
                             b->scratch + i * room);
    }
    fill_ones(in.weight);
    for (int64_t i = 0; i < b->size; i++)
        FV_TRY(fill_truth(ctx, b, i, in));
    return FV_OK;
}

/* Pixels of a window that lie outside the picture weigh nothing. */
static void fill_inside(const fv_pair *p, const fvi_window_at *at, int64_t side,
                        float *weight, uint32_t *label)
{
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = 0; j < side; j++) {
            int64_t y = at->y + i, x = at->x + j;
            bool inside = y >= 0 && x >= 0 && y < p->labels.dim[0] &&
                          x < p->labels.dim[1];
            if (!inside) {
                weight[i * side + j] = 0;
                label[i * side + j] = 0;
            }
        }
}

/* Large pictures have many windows; each picture counts the same. */
static void share_equally(const fv_pair *p, fv_tensor weight)
{
    double area = (double)p->labels.dim[0] * (double)p->labels.dim[1];
    float factor = (float)((double)fv_count(weight) / area);
    float *w = weight.data;
    for (int64_t i = 0; i < fv_count(weight); i++)
        w[i] *= factor;
}

fv_status fvi_batch_cut(fv_ctx *ctx, fvi_batch *b, const fv_pair *pairs,
                        const fvi_window_at *at, int64_t count, fvi_inputs in)
{
    double half = 0.5 * (double)(b->side - 1);
    fill_ones(in.weight);
    for (int64_t i = 0; i < b->size; i++) {
        const fvi_window_at *a = &at[i < count ? i : count - 1];
        const fv_pair *p = &pairs[a->pair];
        fvi_warp warp = {.map = {{1, 0}, {0, 1}},
                         .center = {(double)a->y + half, (double)a->x + half}};
        fv_tensor labels = crop_labels(b, i), weight = part(in.weight, i);
        fvi_warp_apply(&warp, p->plane, p->labels, part(in.image, i), labels,
                       NULL);
        FV_TRY(fill_truth(ctx, b, i, in));
        fill_inside(p, a, b->side, weight.data, labels.data);
        share_equally(p, weight);
        if (i >= count)
            memset(weight.data, 0, (size_t)fv_count(weight) * sizeof(float));
    }
    return FV_OK;
}
