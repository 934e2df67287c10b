/* The check of a model: a fixed input and the answer that its maker got. */
#include "model/model.h"

#include <math.h>
#include <string.h>

static fv_status run_plan(fv_ctx *ctx, const fv_model *m, fv_plan *plan,
                          fv_tensor input, fv_tensor *output)
{
    FV_TRY(fv_copy(ctx, input, fv_plan_at(plan, m->image)));
    FV_TRY(fv_plan_run(ctx, plan));
    fv_tensor answer = fv_plan_at(plan, m->answer), out;
    FV_TRY(fvi_tensor_new(ctx, FV_F32, answer.ndim, answer.dim, &out));
    fv_status status = fv_copy(ctx, answer, out);
    if (status != FV_OK) {
        fv_plane_free(ctx, &out);
        return status;
    }
    *output = out;
    return FV_OK;
}

fv_status fvi_model_answer(fv_ctx *ctx, const fv_model *m, float *params,
                           const char *backend, fv_tensor input,
                           fv_tensor *output)
{
    fv_plan *plan;
    fv_plan_options o = {.mode = FV_INFER, .backend = backend};
    FV_TRY(fv_plan_new(ctx, m->graph, &input, o, params, NULL, &plan));
    fv_status status = run_plan(ctx, m, plan, input, output);
    fv_plan_free(plan);
    return status;
}

static double largest(fv_tensor t, fv_tensor minus)
{
    const float *x = t.data, *y = minus.data;
    double most = 0;
    for (int64_t i = 0; i < fv_count(t); i++) {
        double d = fabs((double)x[i] - (y ? (double)y[i] : 0));
        if (!(d <= most)) /* NaN counts as the worst */
            most = isnan(d) ? HUGE_VAL : d;
    }
    return most;
}

fv_status fv_model_check(fv_ctx *ctx, const fv_model *m, const char *backend,
                         double *error)
{
    if (!m->check_input.data || !m->check_output.data)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "the model file has no check input and output");
    fv_tensor answer;
    FV_TRY(
        fvi_model_answer(ctx, m, m->params, backend, m->check_input, &answer));
    fv_status status = FV_OK;
    if (!fv_same_shape(answer, m->check_output)) {
        char have[80], want[80];
        fv_describe(answer, have, sizeof have);
        fv_describe(m->check_output, want, sizeof want);
        status = fvi_fail(ctx, FV_ESHAPE,
                          "the answer to the check input is %s, the file has "
                          "%s",
                          have, want);
    } else {
        double size = largest(m->check_output, (fv_tensor){.ndim = -1});
        double off = largest(answer, m->check_output);
        *error = off == 0 ? 0 : off / size;
    }
    fv_plane_free(ctx, &answer);
    return status;
}

/* Every axis at least 32 px, as the network wants it; waves of
 * several lengths, whole numbers over 256, so that no library is asked. */
static void fill_pattern(fv_tensor t)
{
    float *x = t.data;
    int64_t channels = t.dim[t.ndim - 1];
    int64_t wide = t.ndim > 2 ? t.dim[t.ndim - 2] : 1;
    for (int64_t i = 0; i < fv_count(t); i++) {
        int64_t c = i % channels, at = i / channels;
        int64_t u = at % wide, v = at / wide;
        int64_t value = (u * u + 3 * v * v + 7 * u * v / 4 + 29 * c) % 256;
        x[i] = (float)value / 256.0f;
    }
}

fv_status fv_model_make_check(fv_ctx *ctx, fv_model *m)
{
    int multiple = m->arch->multiple ? m->arch->multiple(m->config) : 1;
    int64_t side = m->arch->side ? m->arch->side(m->config)
                                 : (32 + multiple - 1) / multiple * multiple;
    fv_tensor shape = fv_shape(m->graph, m->image), input, output;
    for (int i = 0; i < shape.ndim - 1; i++)
        if (shape.dim[i] < 0)
            shape.dim[i] = i == 0 ? 1 : side;
    FV_TRY(fvi_tensor_new(ctx, FV_F32, shape.ndim, shape.dim, &input));
    fill_pattern(input);
    fv_status status =
        fvi_model_answer(ctx, m, m->params, NULL, input, &output);
    if (status != FV_OK) {
        fv_plane_free(ctx, &input);
        return status;
    }
    fv_plane_free(ctx, &m->check_input);
    fv_plane_free(ctx, &m->check_output);
    m->check_input = input;
    m->check_output = output;
    return FV_OK;
}
