/* From a picture to a better one, in the same units. */
#include "model/predict.h"

/* Channels lo <= c < hi as a plane of their own. */
static fv_status channels(fv_ctx *ctx, fv_tensor from, int64_t lo, int64_t hi,
                          fv_tensor *out)
{
    int64_t dim[3] = {from.dim[0], from.dim[1], hi - lo};
    FV_TRY(fvi_tensor_new(ctx, FV_F32, 3, dim, out));
    fv_status status = fv_copy(ctx, fv_slice(from, 2, lo, hi), *out);
    if (status != FV_OK)
        fv_plane_free(ctx, out);
    return status;
}

/* The scales of fv_loss_laplace in units of the picture. */
static void widen_scales(fv_tensor t, const fvi_range *range)
{
    float *x = t.data;
    int64_t C = t.dim[2];
    for (int64_t i = 0; i < fv_count(t); i++) {
        double width = range->high[i % C] - range->low[i % C];
        x[i] = width > 0 ? (float)((double)x[i] * width) : 0;
    }
}

static fv_status split(fv_ctx *ctx, const fv_model *m, fv_tensor maps,
                       const fvi_range *range, fv_tensor *restored,
                       fv_tensor *uncertainty)
{
    int64_t K = maps.dim[2], C = m->uncertainty ? K / 2 : K;
    fv_tensor mean;
    FV_TRY(channels(ctx, maps, 0, C, &mean));
    fv_status status = fv_rescale(ctx, mean, range->low, range->high, 1);
    uncertainty->ndim = -1;
    uncertainty->data = NULL;
    if (status == FV_OK && m->uncertainty)
        status = channels(ctx, maps, C, K, uncertainty);
    if (status != FV_OK) {
        fv_plane_free(ctx, &mean);
        return status;
    }
    if (m->uncertainty)
        widen_scales(*uncertainty, range);
    *restored = mean;
    return FV_OK;
}

/* What 0 and 1 are in units of the answer's own. */
static void target_range(const fv_model *m, fvi_range *out)
{
    for (int c = 0; c < m->targets; c++) {
        out->low[c] = m->target_low[c];
        out->high[c] = m->target_high[c];
    }
}

/* All channels that the network takes. */
static fv_status restore_joint(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                               int rgb, fv_tensor *restored,
                               fv_tensor *uncertainty)
{
    fvi_range range;
    fv_tensor maps;
    FV_TRY(fvi_predict(ctx, p, plane, rgb, &range, &maps));
    if (p->model->targets)
        target_range(p->model, &range);
    fv_status status =
        split(ctx, p->model, maps, &range, restored, uncertainty);
    fv_plane_free(ctx, &maps);
    return status;
}

static fv_status restore_channel(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                                 int64_t c, fv_tensor restored,
                                 fv_tensor uncertainty)
{
    fv_tensor one, good, scale;
    FV_TRY(channels(ctx, plane, c, c + 1, &one));
    fv_status status = restore_joint(ctx, p, one, 0, &good, &scale);
    fv_plane_free(ctx, &one);
    FV_TRY(status);
    status = fv_copy(ctx, good, fv_slice(restored, 2, c, c + 1));
    if (status == FV_OK && scale.data)
        status = fv_copy(ctx, scale, fv_slice(uncertainty, 2, c, c + 1));
    fv_plane_free(ctx, &good);
    fv_plane_free(ctx, &scale);
    return status;
}

/* Each channel by a network that takes one. */
static fv_status restore_each(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                              fv_tensor *restored, fv_tensor *uncertainty)
{
    fv_tensor good, scale = {.ndim = -1};
    FV_TRY(fvi_tensor_new(ctx, FV_F32, 3, plane.dim, &good));
    fv_status status = FV_OK;
    if (p->model->uncertainty)
        status = fvi_tensor_new(ctx, FV_F32, 3, plane.dim, &scale);
    for (int64_t c = 0; c < plane.dim[2] && status == FV_OK; c++)
        status = restore_channel(ctx, p, plane, c, good, scale);
    if (status != FV_OK) {
        fv_plane_free(ctx, &good);
        fv_plane_free(ctx, &scale);
        return status;
    }
    *restored = good;
    *uncertainty = scale;
    return FV_OK;
}

static fv_status check(fv_ctx *ctx, const fv_model *m, fv_tensor plane)
{
    int want = fv_channels(m->graph, m->image);
    int maps = fv_channels(m->graph, m->answer) / (m->uncertainty ? 2 : 1);
    FV_TRY(fvi_model_wants(ctx, m, "restore"));
    if (plane.ndim != 3 || plane.dtype != FV_F32 || fv_count(plane) == 0)
        return fvi_fail(ctx, FV_ESHAPE,
                        "a picture must be f32 (height, width, channels)");
    if (m->targets)
        return FV_OK;
    if (maps != want)
        return fvi_fail(ctx, FV_EINVAL,
                        "the model makes %d channels of %d and does not say "
                        "in which units",
                        maps, want);
    if (want == 1 || plane.dim[2] == want)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "the image has %lld channels, the model restores %d",
                    (long long)plane.dim[2], want);
}

fv_status fv_restore(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                     fv_tensor *restored, fv_tensor *uncertainty)
{
    const fv_model *m = p->model;
    fv_tensor good, scale;
    FV_TRY(check(ctx, m, plane));
    if (fv_channels(m->graph, m->image) == 1 && !m->targets)
        FV_TRY(restore_each(ctx, p, plane, &good, &scale));
    else
        FV_TRY(restore_joint(ctx, p, plane, rgb, &good, &scale));
    *restored = good;
    if (uncertainty)
        *uncertainty = scale;
    else
        fv_plane_free(ctx, &scale);
    return FV_OK;
}
