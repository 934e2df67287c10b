/* Mean and deviation of the training images, and planes brought into the range
 * that the model works in. */
#include "train/task.h"

#include "model/model.h"

#include <math.h>
#include <string.h>

/* Sums over all planes of (x - center)^power, and how many there are. */
static double sum_of(const fv_pair *pairs, int64_t count, int64_t c,
                     double center, bool square, double *n)
{
    double sum = 0;
    *n = 0;
    for (int64_t i = 0; i < count; i++) {
        fv_tensor t = pairs[i].plane;
        const float *x = t.data;
        for (int64_t k = c; k < fv_count(t); k += t.dim[2], *n += 1) {
            double d = (double)x[k] - center;
            sum += square ? d * d : d;
        }
    }
    return sum;
}

fv_status fvi_measure_planes(fvi_run *r)
{
    fv_model *m = r->model;
    if (strcmp(m->normalize, "mean_std") != 0 || r->o.init)
        return FV_OK;
    for (int c = 0; c < r->o.channels; c++) {
        double n, mean, square;
        mean = sum_of(r->train, r->train_count, c, 0, false, &n) / fmax(n, 1);
        square = sum_of(r->train, r->train_count, c, mean, true, &n);
        m->mean[c] = mean;
        m->deviation[c] = sqrt(square / fmax(n, 1));
    }
    return FV_OK;
}

fv_status fvi_measure_targets(fvi_run *r)
{
    fv_model *m = r->model;
    if (strcmp(r->o.target_range, "own") != 0 || m->targets > 0)
        return FV_OK;
    double low[FV_MAX_CHANNELS], high[FV_MAX_CHANNELS];
    double share = 1 / (double)r->train_count;
    m->targets = r->o.target_channels;
    for (int64_t i = 0; i < r->train_count; i++) {
        FV_TRY(fv_percentiles(r->ctx, r->train[i].target, r->o.percentile_low,
                              r->o.percentile_high, 0, low, high));
        for (int c = 0; c < m->targets; c++) {
            m->target_low[c] += share * low[c];
            m->target_high[c] += share * high[c];
        }
    }
    return FV_OK;
}

fv_status fvi_normalize_pairs(fvi_run *r, fv_pair *pairs, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        fv_pair *p = &pairs[i];
        fvi_range range;
        FV_TRY(fvi_range_of(r->ctx, r->model, p->plane, p->rgb, &range));
        FV_TRY(fv_rescale(r->ctx, p->plane, range.low, range.high, 0));
        if (p->target.data && r->model->targets)
            FV_TRY(fv_rescale(r->ctx, p->target, r->model->target_low,
                              r->model->target_high, 0));
        else if (p->target.data)
            FV_TRY(fv_rescale(r->ctx, p->target, range.low, range.high, 0));
    }
    return FV_OK;
}
