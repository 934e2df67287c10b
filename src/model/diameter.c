/* How large the objects of a picture are, told from its style. */
#include "model/predict.h"

#include <math.h>
#include <string.h>

/* Estimates stay within so many times the diameter trained on, either way. */
static const double most = 8;

fv_status fv_model_set_size(fv_ctx *ctx, fv_model *m, const float *size,
                            int count)
{
    float *copy = NULL;
    if (count > 0) {
        copy = fvi_calloc(ctx, (size_t)count, sizeof *copy);
        if (!copy)
            return FV_ENOMEM;
        memcpy(copy, size, (size_t)count * sizeof *copy);
    }
    fvi_free(ctx, m->size);
    m->size = copy;
    m->size_count = count;
    return FV_OK;
}

static fv_status want_style(fv_ctx *ctx, fv_predictor *p)
{
    const fv_model *m = p->model;
    if (!m->size || m->diameter <= 0)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "the model cannot tell the diameter of objects; it "
                        "learns to in training or by tuning");
    if (p->style)
        return FV_OK;
    FV_TRY(fvi_style_new(ctx, m, p->o.backend, &p->style));
    if (fvi_style_size(p->style) + 1 == m->size_count)
        return FV_OK;
    return fvi_fail(ctx, FV_EFORMAT,
                    "the diameter is told from %d numbers, the network has a "
                    "style of %d",
                    m->size_count - 1, fvi_style_size(p->style));
}

/* Seen at the scale of p->diameter, in px of the picture. */
static fv_status look(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      double *style, double *diameter)
{
    const fv_model *m = p->model;
    int n = m->size_count - 1;
    fvi_range range;
    fv_tensor ready;
    double scale = fvi_predict_scale(p), sum = (double)m->size[n];
    FV_TRY(fvi_prepare(ctx, p, plane, rgb, &range, &ready));
    fv_status status = fvi_style_of(ctx, p->style, ready, style);
    fv_plane_free(ctx, &ready);
    FV_TRY(status);
    for (int c = 0; c < n; c++)
        sum += (double)m->size[c] * style[c];
    sum -= log(scale);
    *diameter = m->diameter;
    if (!isnan(sum))
        *diameter *= fmin(fmax(exp(sum) / m->diameter, 1 / most), most);
    return FV_OK;
}

fv_status fv_estimate_diameter(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                               int rgb, double *diameter)
{
    enum { LOOKS = 2 }; /* as it is, then at the scale this suggests */
    FV_TRY(fvi_model_wants(ctx, p->model, "segment"));
    FV_TRY(want_style(ctx, p));
    double *style =
        fvi_calloc(ctx, (size_t)p->model->size_count, sizeof *style);
    if (!style)
        return FV_ENOMEM;
    fv_status status = FV_OK;
    double kept = p->diameter, found = 0;
    for (int i = 0; i < LOOKS && status == FV_OK; i++) {
        p->diameter = found;
        status = look(ctx, p, plane, rgb, style, &found);
    }
    fvi_free(ctx, style);
    p->diameter = kept;
    if (status == FV_OK)
        *diameter = found;
    return status;
}
