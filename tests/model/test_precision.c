/* Maps from products of bf16 numbers are those of f32 to two digits. */
#include "fvtest.h"
#include "make.h"

#include "fovea/image.h"
#include "model/predict.h"

static fv_tensor predict(fv_ctx *ctx, const fv_model *m, fv_precision precision,
                         fv_tensor plane, fv_status *status)
{
    fv_predictor *p;
    fv_tensor maps = {0};
    fv_predict_options how = {.precision = precision};
    *status = fv_predictor_new(ctx, m, how, &p);
    if (*status != FV_OK)
        return maps;
    *status = fv_predict(ctx, p, plane, 0, &maps);
    fv_predictor_free(p);
    return maps;
}

static void bf16_answers_like_f32(void **state)
{
    (void)state;
    fv_ctx *ctx;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    fv_model *m = make_unet(ctx, "2", "24", "1", "3");
    int64_t dim[3] = {70, 90, 1};
    fv_tensor plane = fv_dense(NULL, FV_F32, 3, dim);
    float *x = plane.data = fvi_calloc(ctx, (size_t)fv_count(plane), sizeof *x);
    fvi_rng r = fvi_rng_new(5, 1);
    for (int64_t i = 0; i < fv_count(plane); i++)
        x[i] = (float)(100 + 50 * fvi_rng_uniform(&r));
    fv_status status;
    fv_tensor full = predict(ctx, m, FV_FULL, plane, &status);
    assert_int_equal(status, FV_OK);
    fv_tensor half = predict(ctx, m, FV_BF16, plane, &status);
    double most = 0, apart = 0;
    const float *a = full.data, *b = half.data;
    for (int64_t i = 0; b && i < fv_count(full); i++) {
        most = fmax(most, fabs((double)a[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    }
    fvi_free(ctx, x);
    fvi_free(ctx, full.data);
    fvi_free(ctx, half.data);
    fv_model_free(ctx, m);
    fv_ctx_free(ctx);
    if (status == FV_ENOTSUP)
        skip(); /* of a processor without such products */
    assert_int_equal(status, FV_OK);
    assert_true(apart > 0);
    assert_true(apart < 0.02 * most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_answers_like_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
