#ifndef FVI_PREDICT_TEST_H
#define FVI_PREDICT_TEST_H

/* A context, pictures and maps for tests of predictors. */

#include "fvtest.h"
#include "make.h"

#include "model/predict.h"

static fv_ctx *ctx;

static inline int begin(void **state)
{
    (void)state;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 1;
    fv_set_threads(ctx, 1);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    size_t live, peak;
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    return live != 0;
}

static inline fv_tensor plane_of(int64_t height, int64_t width,
                                 int64_t channels)
{
    int64_t dim[3] = {height, width, channels};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *x = t.data = fvi_calloc(ctx, (size_t)fv_count(t), sizeof *x);
    fvi_rng r = fvi_rng_new(5, 1);
    for (int64_t i = 0; i < fv_count(t); i++)
        x[i] = (float)(100 + 50 * fvi_rng_uniform(&r));
    return t;
}

static inline fv_tensor predict(const fv_model *m, fv_predict_options o,
                                fv_tensor plane, int rgb)
{
    fv_predictor *p;
    fv_tensor maps;
    assert_int_equal(fv_predictor_new(ctx, m, o, &p), FV_OK);
    fv_status status = fv_predict(ctx, p, plane, rgb, &maps);
    if (status != FV_OK)
        fail_msg("%s", fv_message(ctx));
    fv_predictor_free(p);
    return maps;
}

static inline double difference(fv_tensor a, fv_tensor b)
{
    assert_true(fv_same_shape(a, b));
    const float *x = a.data, *y = b.data;
    double most = 0;
    for (int64_t i = 0; i < fv_count(a); i++)
        most = fmax(most, fabs((double)x[i] - (double)y[i]));
    return most;
}

static inline double largest(fv_tensor a)
{
    const float *x = a.data;
    double most = 0;
    for (int64_t i = 0; i < fv_count(a); i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

#endif
