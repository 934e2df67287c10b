/* How large the objects of label images are. */

#include "task/diameter.h"
#include "task/task.h"

#include <math.h>

static fv_status count_pixels(const fvi_runs *r, fvi_tally *area)
{
    for (int64_t i = 0; i < r->count; i++)
        FV_TRY(fvi_tally_add(area, r->run[i].label, r->run[i].x1 - r->run[i].x0,
                             NULL));
    return FV_OK;
}

fv_status fvi_diameters(fv_ctx *ctx, fv_tensor labels, fvi_text *out)
{
    fvi_dense l;
    fvi_runs runs;
    fvi_tally area = {.ctx = ctx};
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fvi_runs_new(ctx, l.view.data, labels.dim[0],
                                    labels.dim[1], false, &runs);
    if (status == FV_OK) {
        status = count_pixels(&runs, &area);
        fvi_runs_free(ctx, &runs);
    }
    for (int64_t k = 0; k < area.count && status == FV_OK; k++) {
        float d =
            (float)(2 * sqrt((double)area.sum[k] / 3.14159265358979323846));
        fvi_text_bytes(out, &d, sizeof d);
    }
    fvi_tally_free(&area);
    fvi_dense_close(ctx, &l);
    return status == FV_OK ? fvi_text_check(out) : status;
}

double fvi_median_of(fvi_text *numbers, int64_t *count)
{
    float *d = (float *)(void *)numbers->data;
    int64_t n = (int64_t)(numbers->size / sizeof *d);
    if (count)
        *count = n;
    return n ? (double)fvi_kth(d, n, n / 2) : 0;
}

fv_status fv_median_diameter(fv_ctx *ctx, fv_tensor labels, double *diameter,
                             int64_t *objects)
{
    fvi_text all = {.ctx = ctx};
    fv_status status = fvi_diameters(ctx, labels, &all);
    if (status == FV_OK)
        *diameter = fvi_median_of(&all, objects);
    fvi_text_free(&all);
    return status;
}
