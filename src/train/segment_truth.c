/* What a segmentation learns from: crops of labels, made into the truth of the
 * target, and what each pixel weighs. */
#include "train/task.h"

#include "train/augment.h"
#include "train/warp.h"

#include <math.h>
#include <string.h>

typedef struct weights {
    float by_class[4]; /* of the truth's first channel */
    float touching;    /* extra, where objects touch */
} weights;

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

static fv_status count_classes(fvi_run *r, int64_t i, int64_t seen[4])
{
    fv_target target = r->model->target;
    fv_tensor labels = r->train[i].labels;
    int truth = fv_target_truth_channels(target);
    int64_t dim[3] = {labels.dim[0], labels.dim[1], truth};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *v = t.data = fvi_alloc(r->ctx, (size_t)fv_count(t) * sizeof *v);
    if (!v)
        return FV_ENOMEM;
    fv_status status = fv_target_fill(r->ctx, target, labels, t);
    for (int64_t k = 0; k < fv_count(labels) && status == FV_OK; k++)
        seen[(int)v[k * truth] & 3]++;
    fvi_free(r->ctx, v);
    return status;
}

static fv_status weigh_classes(fvi_run *r, float by_class[4])
{
    int64_t seen[4] = {0};
    for (int k = 0; k < 4; k++)
        by_class[k] = 1;
    if (strcmp(r->o.loss, "balanced") != 0)
        return FV_OK;
    for (int64_t i = 0; i < r->train_count; i++)
        FV_TRY(count_classes(r, i, seen));
    balance(seen, by_class);
    return FV_OK;
}

fv_status fvi_segment_begin(fvi_run *r)
{
    weights *w = r->batch.own = fvi_calloc(r->ctx, 1, sizeof *w);
    if (!w)
        return FV_ENOMEM;
    w->touching = (float)r->o.touching;
    r->tallies = 3;
    return weigh_classes(r, w->by_class);
}

void fvi_segment_end(fvi_run *r)
{
    fvi_free(r->ctx, r->batch.own);
}

/* ---- filling ---- */

fv_tensor fvi_segment_labels(const fvi_batch *b, int64_t i)
{
    int64_t dim[2] = {b->side, b->side};
    return fv_dense(b->labels + i * b->side * b->side, FV_U32, 2, dim);
}

void fvi_segment_crop(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                      int64_t index, int64_t i, fvi_inputs in)
{
    fvi_augment_fill(&b->augment, b->seed, (uint64_t)epoch, (uint64_t)index,
                     p->plane, p->labels, fvi_inputs_at(in, i).image,
                     fvi_segment_labels(b, i), fvi_batch_scratch(b, i));
}

/* Truth and weights from the crops of labels. Weights that are already 0
 * stay 0. */
fv_status fvi_segment_fill(fvi_run *r, int64_t i, fvi_inputs in)
{
    const fvi_batch *b = &r->batch;
    const weights *own = b->own;
    fvi_inputs at = fvi_inputs_at(in, i);
    fv_tensor labels = fvi_segment_labels(b, i);
    FV_TRY(fv_target_fill(r->ctx, r->model->target, labels, at.target));
    int64_t n = b->side * b->side, truth = at.target.dim[2];
    const float *t = at.target.data;
    float *w = at.weight.data;
    for (int64_t k = 0; k < n; k++)
        w[k] *= own->by_class[(int)t[k * truth] & 3];
    if (own->touching > 0)
        return fvi_weigh_touching(r->ctx, labels.data, b->side,
                                  1 + own->touching, w);
    return FV_OK;
}

/* Mirrored objects beyond the edge of the picture are not there. */
static void clear_outside(fv_tensor weight, fv_tensor labels)
{
    for (int64_t k = 0; k < fv_count(labels); k++)
        if (!(((const float *)weight.data)[k] > 0))
            ((uint32_t *)labels.data)[k] = 0;
}

fv_status fvi_segment_cut(fvi_run *r, const fvi_window_at *a, int64_t i,
                          fvi_inputs in)
{
    const fvi_batch *b = &r->batch;
    const fv_pair *p = &r->val[a->pair];
    fvi_warp warp = fvi_warp_still(a->y, a->x, b->side);
    fv_tensor labels = fvi_segment_labels(b, i);
    fvi_inputs at = fvi_inputs_at(in, i);
    fvi_warp_apply(&warp, p->plane, p->labels, at.image, labels, NULL);
    FV_TRY(fvi_segment_fill(r, i, in));
    fvi_weigh_inside(p->labels.dim, a, at.weight);
    clear_outside(at.weight, labels);
    fvi_share_equally(p->labels.dim, at.weight);
    return FV_OK;
}
