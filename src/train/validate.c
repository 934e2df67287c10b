/* Loss and score on the validation windows, with the weights as they are. */
#include "train/task.h"

typedef struct sums {
    double loss, weight;
    double *tally; /* of the task */
} sums;

static fv_status validate_batch(fvi_run *r, fv_plan *p, int64_t first,
                                int64_t count, sums *t)
{
    fvi_inputs in = fvi_inputs_of(r, p);
    const fvi_window_at *at = r->window + first;
    FV_TRY(fvi_batch_cut(r, at, count, in));
    FV_TRY(fv_plan_run(r->ctx, p));
    const float *w = in.weight.data;
    double sum = 0;
    for (int64_t i = 0; i < fv_count(in.weight); i++)
        sum += (double)w[i];
    t->loss += sum * (double)*(float *)fv_plan_at(p, r->net.loss).data;
    t->weight += sum;
    return r->task->add(r, in, fv_plan_at(p, r->net.answer), at, count,
                        t->tally);
}

static fv_status validate_all(fvi_run *r, sums *t)
{
    fv_plan *p;
    fv_tensor in[5] = {r->in.image, r->in.target, r->in.weight, r->in.extra,
                       r->in.truth};
    fv_plan_options how = {.mode = FV_INFER, .backend = r->o.backend};
    FV_TRY(fv_plan_new(r->ctx, r->net.graph, in, how, r->w, NULL, &p));
    fv_status status = FV_OK;
    int64_t size = r->batch.size;
    for (int64_t i = 0; i < r->windows && status == FV_OK; i += size) {
        int64_t left = r->windows - i;
        status = validate_batch(r, p, i, left < size ? left : size, t);
    }
    fv_plan_free(p);
    return status;
}

fv_status fvi_validate(fvi_run *r, double *loss, double *score)
{
    sums t = {0};
    t.tally = fvi_calloc(r->ctx, (size_t)r->tallies + 1, sizeof *t.tally);
    if (!t.tally)
        return FV_ENOMEM;
    fv_status status = validate_all(r, &t);
    *loss = t.weight > 0 ? t.loss / t.weight : 0;
    if (status == FV_OK)
        *score = r->task->total(r, t.tally);
    fvi_free(r->ctx, t.tally);
    return status;
}
