/* Batches: pairs in, the inputs of a plan out. */
#include "train/task.h"

#include "train/augment.h"

#include <string.h>

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

static fv_status make_passes(fv_ctx *ctx, fvi_batch *b, double power)
{
    double *area = fvi_calloc(ctx, (size_t)b->count, sizeof *area);
    if (!area)
        return FV_ENOMEM;
    for (int64_t i = 0; i < b->count; i++) {
        const int64_t *dim = b->pairs[i].plane.dim;
        area[i] = (double)dim[0] * (double)dim[1];
    }
    fv_status status =
        fvi_passes_new(ctx, area, b->count, power, b->seed, &b->passes);
    fvi_free(ctx, area);
    return status;
}

fv_status fvi_batch_open(fvi_run *r)
{
    const fv_train_options *o = &r->o;
    fvi_batch *b = &r->batch;
    *b = (fvi_batch){.task = r->task,
                     .pairs = r->train,
                     .count = r->train_count,
                     .augment = augment_of(o),
                     .seed = (uint64_t)o->seed,
                     .size = o->batch,
                     .side = o->crop,
                     .channels = o->channels};
    size_t n = (size_t)b->size, area = (size_t)(b->side * b->side);
    size_t scratch = (size_t)fvi_augment_scratch(b->side, b->channels);
    b->labels = fvi_calloc(r->ctx, n * area, sizeof *b->labels);
    b->scratch = fvi_calloc(r->ctx, n * scratch, sizeof *b->scratch);
    if (!b->labels || !b->scratch)
        return FV_ENOMEM;
    FV_TRY(make_passes(r->ctx, b, o->by_area));
    return r->task->begin ? r->task->begin(r) : FV_OK;
}

void fvi_batch_close(fvi_run *r)
{
    fvi_batch *b = &r->batch;
    if (b->task && b->task->end)
        b->task->end(r);
    fvi_free(r->ctx, b->labels);
    fvi_free(r->ctx, b->scratch);
    fvi_passes_free(r->ctx, &b->passes);
    *b = (fvi_batch){0};
}

/* ---- for tasks ---- */

fv_tensor fvi_part(fv_tensor t, int64_t i)
{
    fv_tensor p = fv_dense(NULL, t.dtype, t.ndim - 1, t.dim + 1);
    p.data =
        (char *)t.data + (size_t)(i * t.stride[0]) * fv_dtype_size(t.dtype);
    return p;
}

fvi_inputs fvi_inputs_at(fvi_inputs in, int64_t i)
{
    fvi_inputs at = {.image = fvi_part(in.image, i),
                     .target = fvi_part(in.target, i),
                     .weight = fvi_part(in.weight, i)};
    if (in.extra.data)
        at.extra = fvi_part(in.extra, i);
    if (in.truth.data)
        at.truth = fvi_part(in.truth, i);
    return at;
}

float *fvi_batch_scratch(const fvi_batch *b, int64_t i)
{
    return b->scratch + i * fvi_augment_scratch(b->side, b->channels);
}

void fvi_weigh_inside(const int64_t dim[2], const fvi_window_at *at,
                      fv_tensor weight)
{
    float *w = weight.data;
    for (int64_t i = 0; i < weight.dim[0]; i++)
        for (int64_t j = 0; j < weight.dim[1]; j++) {
            int64_t y = at->y + i, x = at->x + j;
            if (y < 0 || x < 0 || y >= dim[0] || x >= dim[1])
                w[i * weight.dim[1] + j] = 0;
        }
}

void fvi_share_equally(const int64_t dim[2], fv_tensor weight)
{
    double area = (double)dim[0] * (double)dim[1];
    float factor = (float)((double)fv_count(weight) / area);
    float *w = weight.data;
    for (int64_t i = 0; i < fv_count(weight); i++)
        w[i] *= factor;
}

/* ---- filling ---- */

static const fv_pair *pick(fvi_batch *b, int64_t at)
{
    return &b->pairs[fvi_passes_pick(&b->passes, at)];
}

static void fill_ones(fv_tensor t)
{
    float *x = t.data;
    for (int64_t i = 0; i < fv_count(t); i++)
        x[i] = 1;
}

fv_status fvi_batch_fill(fvi_run *r)
{
    enum { GROUP = 16 };
    fvi_batch *b = &r->batch;
    fvi_inputs in = r->in;
    int threads = fv_threads(r->ctx);
    int64_t epoch = r->state.epoch, step = r->state.at;
    fill_ones(in.weight);
    for (int64_t lo = 0; lo < b->size; lo += GROUP) {
        int64_t hi = lo + GROUP < b->size ? lo + GROUP : b->size;
        const fv_pair *pair[GROUP];
        for (int64_t i = lo; i < hi; i++)
            pair[i - lo] = pick(b, (epoch * r->steps + step) * b->size + i);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int64_t i = lo; i < hi; i++)
            b->task->crop(b, pair[i - lo], epoch, step * b->size + i, i, in);
    }
    for (int64_t i = 0; i < b->size && b->task->truth; i++)
        FV_TRY(b->task->truth(r, i, in));
    return FV_OK;
}

fv_status fvi_batch_cut(fvi_run *r, const fvi_window_at *at, int64_t count,
                        fvi_inputs in)
{
    fill_ones(in.weight);
    for (int64_t i = 0; i < r->batch.size; i++) {
        FV_TRY(r->task->cut(r, &at[i < count ? i : count - 1], i, in));
        fv_tensor weight = fvi_part(in.weight, i);
        if (i >= count)
            memset(weight.data, 0, (size_t)fv_count(weight) * sizeof(float));
    }
    return FV_OK;
}
