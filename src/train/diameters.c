/* How large the labeled objects of a data set are, and images brought to one
 * size of objects. */
#include "train/task.h"

#include "image/load.h"
#include "task/diameter.h"

#include <math.h>

static double percentile(fvi_text *numbers, int64_t n, int64_t percent)
{
    float *d = (float *)(void *)numbers->data;
    return n ? (double)fvi_kth(d, n, (n - 1) * percent / 100) : 0;
}

fv_status fvi_measure_objects(fv_ctx *ctx, const fv_pair *pairs, int64_t count,
                              fvi_diameter_range *out)
{
    fvi_text all = {.ctx = ctx};
    fv_status status = FV_OK;
    *out = (fvi_diameter_range){0};
    for (int64_t i = 0; i < count && status == FV_OK; i++)
        status = fvi_diameters(ctx, pairs[i].labels, &all);
    if (status == FV_OK) {
        out->median = fvi_median_of(&all, &out->objects);
        out->low = percentile(&all, out->objects, 5);
        out->high = percentile(&all, out->objects, 95);
    }
    fvi_text_free(&all);
    return status;
}

static fv_status zoom_pair(fv_ctx *ctx, fv_pair *p, double zoom)
{
    int64_t h = fvi_scaled_extent(p->labels.dim[0], zoom);
    int64_t w = fvi_scaled_extent(p->labels.dim[1], zoom);
    fv_tensor plane, labels;
    if (h == p->labels.dim[0] && w == p->labels.dim[1])
        return FV_OK;
    FV_TRY(fv_resize(ctx, p->plane, h, w, &plane));
    fv_status status = fv_resize_labels(ctx, p->labels, h, w, &labels);
    if (status != FV_OK) {
        fv_plane_free(ctx, &plane);
        return status;
    }
    fv_plane_free(ctx, &p->plane);
    fv_plane_free(ctx, &p->labels);
    p->plane = plane;
    p->labels = labels;
    p->pitch /= zoom;
    return FV_OK;
}

fv_status fvi_rescale_pairs(fv_ctx *ctx, fv_pair *pairs, int64_t count,
                            double diameter)
{
    const double most = 8, least = 1.0 / 8;
    for (int64_t i = 0; i < count; i++) {
        double own = 0;
        FV_TRY(fv_median_diameter(ctx, pairs[i].labels, &own, NULL));
        if (own > 0)
            FV_TRY(zoom_pair(ctx, &pairs[i],
                             fmin(fmax(diameter / own, least), most)));
        if (fvi_canceled(ctx))
            return fvi_fail(ctx, FV_ECANCEL, "canceled");
    }
    return FV_OK;
}
