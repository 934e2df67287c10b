/* How a picture is brought into the range the network was trained on. */
#include "model/model.h"

#include <string.h>

fv_status fvi_range_of(fv_ctx *ctx, const fv_model *m, fv_tensor plane, int rgb,
                       fvi_range *out)
{
    int64_t channels = plane.dim[2];
    if (channels > FV_MAX_CHANNELS)
        return fvi_fail(ctx, FV_ENOTSUP, "has %lld channels, at most %d",
                        (long long)channels, FV_MAX_CHANNELS);
    if (strcmp(m->normalize, "mean_std") != 0)
        return fv_percentiles(ctx, plane, m->percentile[0], m->percentile[1],
                              rgb && channels == 3, out->low, out->high);
    for (int64_t c = 0; c < channels; c++) {
        out->low[c] = m->mean[c];
        out->high[c] = m->mean[c] + m->deviation[c];
    }
    return FV_OK;
}

fv_status fvi_model_wants(fv_ctx *ctx, const fv_model *m, const char *task)
{
    if (strcmp(m->task, task) == 0)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL, "the model is for '%s', not '%s'", m->task,
                    task);
}
