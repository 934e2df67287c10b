/* Loss and score on the validation windows, with the weights as they are. */
#include "train/run.h"

#include <math.h>
#include <string.h>

typedef struct tally {
    double loss, weight; /* sums */
    int64_t tp, fp, fn;
} tally;

static fv_tensor window_of(fv_tensor t, int64_t i)
{
    fv_tensor w = fv_dense(NULL, t.dtype, t.ndim - 1, t.dim + 1);
    w.data = (float *)t.data + i * t.stride[0];
    return w;
}

/* Objects found in one window against those that are there. */
static fv_status score(fvi_run *r, fv_tensor maps, fv_tensor truth,
                       fv_tensor weight, fv_tensor found, tally *t)
{
    fv_decode_options how = fv_decode_default();
    const double iou = 0.5;
    int64_t count;
    fv_match match;
    FV_TRY(fv_decode(r->ctx, r->model->target, maps, how, found, &count));
    for (int64_t i = 0; i < fv_count(found); i++)
        if (!(((const float *)weight.data)[i] > 0))
            ((uint32_t *)found.data)[i] = 0;
    FV_TRY(fv_match_labels(r->ctx, truth, found, 1, &iou, &match));
    t->tp += match.tp;
    t->fp += match.fp;
    t->fn += match.fn;
    return FV_OK;
}

static fv_status score_all(fvi_run *r, fv_tensor answer, fv_tensor weight,
                           int64_t count, tally *t)
{
    int64_t area = r->batch.side * r->batch.side;
    int64_t dim[2] = {r->batch.side, r->batch.side};
    fv_tensor found = fv_dense(NULL, FV_U32, 2, dim);
    found.data = fvi_alloc(r->ctx, (size_t)area * sizeof(uint32_t));
    if (!found.data)
        return FV_ENOMEM;
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        fv_tensor truth = fv_dense(r->batch.labels + i * area, FV_U32, 2, dim);
        status = score(r, window_of(answer, i), truth, window_of(weight, i),
                       found, t);
    }
    fvi_free(r->ctx, found.data);
    return status;
}

static fv_status validate_batch(fvi_run *r, fv_plan *p, int64_t first,
                                int64_t count, tally *t)
{
    fvi_inputs in = {.image = fv_plan_at(p, r->net.image),
                     .target = fv_plan_at(p, r->net.target),
                     .weight = fv_plan_at(p, r->net.weight)};
    FV_TRY(
        fvi_batch_cut(r->ctx, &r->batch, r->val, r->window + first, count, in));
    FV_TRY(fv_plan_run(r->ctx, p));
    const float *w = in.weight.data;
    double sum = 0;
    for (int64_t i = 0; i < fv_count(in.weight); i++)
        sum += (double)w[i];
    t->loss += sum * (double)*(float *)fv_plan_at(p, r->net.loss).data;
    t->weight += sum;
    return score_all(r, fv_plan_at(p, r->net.answer), in.weight, count, t);
}

fv_status fvi_validate(fvi_run *r, double *loss, double *ap)
{
    tally t = {0};
    fv_plan *p;
    fv_tensor in[3] = {r->in.image, r->in.target, r->in.weight};
    fv_plan_options how = {.mode = FV_INFER, .backend = r->o.backend};
    FV_TRY(fv_plan_new(r->ctx, r->net.graph, in, how, r->w, NULL, &p));
    fv_status status = FV_OK;
    int64_t size = r->batch.size;
    for (int64_t i = 0; i < r->windows && status == FV_OK; i += size) {
        int64_t left = r->windows - i;
        status = validate_batch(r, p, i, left < size ? left : size, &t);
    }
    fv_plan_free(p);
    FV_TRY(status);
    int64_t objects = t.tp + t.fp + t.fn;
    *loss = t.weight > 0 ? t.loss / t.weight : 0;
    *ap = objects ? (double)t.tp / (double)objects : 1;
    return FV_OK;
}
