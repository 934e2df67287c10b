/* From a picture to its objects: the network, then the decoder. */
#include "model/predict.h"

#include <math.h>

/* Areas in the file are those of the scale the network was trained at. */
static fv_decode_options decode_options(const fv_predictor *p)
{
    fv_decode_options o = p->model->decode;
    double scale = fvi_predict_scale(p);
    o.min_area = (int64_t)floor((double)o.min_area / (scale * scale) + 0.5);
    return o;
}

static fv_status decode(fv_ctx *ctx, const fv_predictor *p, fv_tensor maps,
                        fv_tensor *labels, int64_t *count)
{
    fv_tensor out;
    FV_TRY(fvi_tensor_new(ctx, FV_U32, 2, maps.dim, &out));
    fv_status status =
        fv_decode(ctx, p->model->target, maps, decode_options(p), out, count);
    if (status != FV_OK)
        fv_plane_free(ctx, &out);
    else
        *labels = out;
    return status;
}

/* `answer` is handed over in `*maps`, or freed. */
static fv_status finish(fv_ctx *ctx, const fv_predictor *p, fv_tensor answer,
                        fv_tensor *maps, fv_tensor *labels, int64_t *count)
{
    fv_status status = decode(ctx, p, answer, labels, count);
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
    return finish(ctx, p, answer, maps, labels, count);
}

fv_status fvi_segment_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps, fv_tensor *labels,
                             int64_t *count)
{
    FV_TRY(fvi_model_wants(ctx, p->model, "segment"));
    fv_tensor answer;
    FV_TRY(fvi_predict_source(ctx, p, source, channel, &answer));
    return finish(ctx, p, answer, maps, labels, count);
}

fv_status fv_segment(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                     fv_tensor *labels, int64_t *count)
{
    return fvi_segment(ctx, p, plane, rgb, NULL, labels, count);
}
