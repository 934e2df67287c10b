/* From a picture to its objects: the network, then the decoder. */
#include "model/predict.h"

#include <math.h>

fv_decode_options fvi_decode_at(fv_decode_options o, double scale)
{
    o.min_area = (int64_t)floor((double)o.min_area / (scale * scale) + 0.5);
    return o;
}

static fv_status decode(fv_ctx *ctx, const fv_predictor *p, fv_tensor maps,
                        fv_tensor *labels, int64_t *count)
{
    fv_tensor out;
    FV_TRY(fvi_tensor_new(ctx, FV_U32, 2, maps.dim, &out));
    fv_status status = fv_decode(
        ctx, p->model->target, maps,
        fvi_decode_at(p->model->decode, fvi_predict_scale(p)), out, count);
    if (status != FV_OK)
        fv_plane_free(ctx, &out);
    else
        *labels = out;
    return status;
}

/* Once more at the scale of what was found. */
static fv_status refine(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                        fv_tensor *maps, fv_tensor *labels, int64_t *count)
{
    fvi_range range;
    fv_status status = fv_median_diameter(ctx, *labels, &p->diameter, NULL);
    fv_plane_free(ctx, labels);
    fv_plane_free(ctx, maps);
    FV_TRY(status);
    FV_TRY(fvi_predict(ctx, p, plane, rgb, &range, maps));
    return decode(ctx, p, *maps, labels, count);
}

/* `answer` is handed over in `*maps`, or freed. */
static fv_status finish(fv_ctx *ctx, fv_status status, fv_tensor answer,
                        fv_tensor *maps)
{
    if (status == FV_OK && maps)
        *maps = answer;
    else
        fv_plane_free(ctx, &answer);
    return status;
}

fv_status fvi_segment(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      fv_tensor *maps, fv_tensor *labels, int64_t *count)
{
    FV_TRY(fvi_model_wants(ctx, p->model, "segment"));
    fv_tensor answer;
    FV_TRY(fv_predict(ctx, p, plane, rgb, &answer));
    fv_status status = decode(ctx, p, answer, labels, count);
    if (status == FV_OK && p->o.diameter == FV_DIAMETER_REFINE && *count > 0)
        status = refine(ctx, p, plane, rgb, &answer, labels, count);
    return finish(ctx, status, answer, maps);
}

fv_status fvi_segment_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps, fv_tensor *labels,
                             int64_t *count)
{
    FV_TRY(fvi_model_wants(ctx, p->model, "segment"));
    fv_tensor answer;
    FV_TRY(fvi_predict_source(ctx, p, source, channel, &answer));
    fv_status status = decode(ctx, p, answer, labels, count);
    return finish(ctx, status, answer, maps);
}

fv_status fv_segment(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                     fv_tensor *labels, int64_t *count)
{
    return fvi_segment(ctx, p, plane, rgb, NULL, labels, count);
}
