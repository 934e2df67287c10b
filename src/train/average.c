/*
 * A running mean of the weights, judged and kept in place of those of the last
 * step: the noise of single batches averages out.
 *   mean <- mean + (1 - d) (w - mean),  d = min(average, (t + 1) / (t + 10))
 * after step t. Source: Polyak & Juditsky 1992, doi:10.1137/0330046; the slow
 * start as in Tarvainen & Valpola 2017, arXiv:1703.01780.
 */
#include "train/run.h"

#include <math.h>

void fvi_average_step(fvi_run *r)
{
    if (!r->mean)
        return;
    double t = (double)r->state.step;
    float share = (float)(1 - fmin(r->o.average, (t + 1) / (t + 10)));
    for (int64_t i = 0; i < r->count; i++)
        r->mean[i] += share * (r->w[i] - r->mean[i]);
}

static void swap(fvi_run *r)
{
    for (int64_t i = 0; r->mean && i < r->count; i++) {
        float last = r->w[i];
        r->w[i] = r->mean[i];
        r->mean[i] = last;
    }
}

fv_status fvi_validate_mean(fvi_run *r, double *loss, double *score)
{
    swap(r);
    fv_status status = fvi_validate(r, loss, score);
    swap(r);
    return status;
}
