/* How a picture is brought into the range the network was trained on. */
#include "model/model.h"

#include <string.h>

static fv_status check(fv_ctx *ctx, int64_t channels)
{
    if (channels <= FV_MAX_CHANNELS)
        return FV_OK;
    return fvi_fail(ctx, FV_ENOTSUP, "has %lld channels, at most %d",
                    (long long)channels, FV_MAX_CHANNELS);
}

static bool by_percentile(const fv_model *m)
{
    return strcmp(m->normalize, "mean_std") != 0;
}

static void from_training(const fv_model *m, int64_t channels, fvi_range *out)
{
    for (int64_t c = 0; c < channels; c++) {
        out->low[c] = m->mean[c];
        out->high[c] = m->mean[c] + m->deviation[c];
    }
}

fv_status fvi_range_of_bands(fv_ctx *ctx, const fv_model *m, const fvi_bands *b,
                             int rgb, fvi_range *out)
{
    FV_TRY(check(ctx, b->channels));
    if (by_percentile(m))
        return fvi_percentiles_of(ctx, b, m->percentile[0], m->percentile[1],
                                  rgb && b->channels == 3, out->low, out->high);
    from_training(m, b->channels, out);
    return FV_OK;
}

fv_status fvi_range_of(fv_ctx *ctx, const fv_model *m, fv_tensor plane, int rgb,
                       fvi_range *out)
{
    int64_t channels = plane.dim[2];
    FV_TRY(check(ctx, channels));
    if (by_percentile(m))
        return fv_percentiles(ctx, plane, m->percentile[0], m->percentile[1],
                              rgb && channels == 3, out->low, out->high);
    from_training(m, channels, out);
    return FV_OK;
}

fv_status fvi_model_wants(fv_ctx *ctx, const fv_model *m, const char *task)
{
    if (strcmp(m->task, task) == 0)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL, "the model is for '%s', not '%s'", m->task,
                    task);
}
