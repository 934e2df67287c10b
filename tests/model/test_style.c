/* Styles, and the diameter a model tells from them. */
#include "fvtest.h"
#include "make.h"

#include "context.h"
#include "graph/graph_internal.h"
#include "model/style.h"

#include <math.h>

static fv_tensor plane_of(int64_t h, int64_t w, int64_t c)
{
    int64_t dim[3] = {h, w, c};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *x = t.data = fvi_calloc(ctx, (size_t)fv_count(t), sizeof *x);
    fvi_rng r = fvi_rng_new(8, 1);
    for (int64_t i = 0; i < fv_count(t); i++)
        x[i] = (float)fvi_rng_uniform(&r);
    return t;
}

/* The style CPnet has of itself. */
static void own_style(fv_model *m, fv_tensor plane, double *out)
{
    fv_plan *p;
    int64_t dim[4] = {1, plane.dim[0], plane.dim[1], plane.dim[2]};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    fv_plan_options o = {.mode = FV_INFER};
    assert_ok(fv_plan_new(ctx, m->graph, &in, o, m->params, NULL, &p));
    memcpy(fv_plan_at(p, m->image).data, plane.data,
           (size_t)fv_count(plane) * sizeof(float));
    assert_ok(fv_plan_run(ctx, p));
    assert_string_equal(m->graph->output[0].name, "style");
    fv_tensor s = fv_plan_at(p, (fv_val){m->graph->output[0].value});
    for (int64_t i = 0; i < fv_count(s); i++)
        out[i] = (double)((const float *)s.data)[i];
    fv_plan_free(p);
}

static void of_cpnet_it_is_its_own(void **state)
{
    (void)state;
    const char *const settings[][2] = {
        {"in", "2"}, {"base", "4"}, {"levels", "3"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "cpnet", settings, 3);
    fv_tensor plane = plane_of(40, 56, 2);
    double want[16], got[16], length = 0;
    fvi_style *s;
    own_style(m, plane, want);
    assert_ok(fvi_style_new(ctx, m, NULL, &s));
    assert_int_equal(fvi_style_size(s), 16);
    assert_ok(fvi_style_of(ctx, s, plane, got));
    for (int i = 0; i < 16; i++) {
        assert_near(got[i], want[i], 1e-5);
        length += got[i] * got[i];
    }
    assert_near(length, 1, 1e-9);
    fvi_style_free(s);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* The channels of the last map before a network grows again. */
static void the_deepest_map(void **state)
{
    (void)state;
    static const char *const up[] = {"nearest", "transpose"};
    for (int i = 0; i < 2; i++) {
        const char *const settings[][2] = {
            {"base", "8"}, {"depth", "2"}, {"up", up[i]}, {NULL, NULL}};
        fv_model *m = make_model(ctx, "unet", settings, 3);
        int numbers = 0;
        assert_ok(fvi_size_numbers(ctx, m, &numbers));
        assert_int_equal(numbers, 1 + (i == 0 ? 16 : 32));
        fv_model_free(ctx, m);
    }
    const char *const flat[][2] = {{"in", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "dncnn", flat, 3);
    int numbers = -1;
    assert_ok(fvi_size_numbers(ctx, m, &numbers));
    assert_int_equal(numbers, 0);
    fv_model_free(ctx, m);
}

/* Many tiles, odd sizes, a single pixel: always a vector of length 1. */
static void of_any_size(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {7, 1100}, {600, 513}};
    fv_model *m = make_unet(ctx, "2", "2", "1", "1");
    fvi_style *s;
    assert_ok(fvi_style_new(ctx, m, NULL, &s));
    for (int i = 0; i < 3; i++) {
        fv_tensor plane = plane_of(sizes[i][0], sizes[i][1], 1);
        double style[8] = {0}, length = 0;
        assert_true(fvi_style_size(s) <= 8);
        assert_ok(fvi_style_of(ctx, s, plane, style));
        for (int k = 0; k < 8; k++)
            length += style[k] * style[k];
        assert_near(length, 1, 1e-9);
        fv_plane_free(ctx, &plane);
    }
    fvi_style_free(s);
    fv_model_free(ctx, m);
}

/* A model that says the same of every picture it sees. */
static fv_model *stubborn(double px)
{
    fv_model *m = make_unet(ctx, "2", "2", "1", "1");
    int numbers = 0;
    float size[64] = {0};
    m->diameter = 10;
    assert_ok(fvi_size_numbers(ctx, m, &numbers));
    assert_in_range(numbers, 2, 64);
    size[numbers - 1] = (float)log(px);
    assert_ok(fv_model_set_size(ctx, m, size, numbers));
    return m;
}

static fv_tensor maps_at(const fv_model *m, double diameter, fv_tensor plane,
                         double *used)
{
    fv_predictor *p;
    fv_tensor maps;
    fv_predict_options o = {.diameter = diameter};
    assert_ok(fv_predictor_new(ctx, m, o, &p));
    assert_ok(fv_predict(ctx, p, plane, 0, &maps));
    *used = fv_predictor_diameter(p);
    fv_predictor_free(p);
    return maps;
}

/* 13 px at first; enlarged 10/13, 13 px again, which are 16.9 of the image. */
static void estimates_set_the_scale(void **state)
{
    (void)state;
    fv_model *m = stubborn(13);
    fv_tensor plane = plane_of(60, 60, 1);
    double used = 0;
    fv_tensor told = maps_at(m, FV_DIAMETER_AUTO, plane, &used);
    assert_near(used, 16.9, 1e-4);
    fv_tensor want = maps_at(m, used, plane, &used);
    size_t bytes = (size_t)fv_count(told) * sizeof(float);
    assert_memory_equal(told.data, want.data, bytes);
    fv_tensor plain = maps_at(m, 0, plane, &used);
    assert_near(used, 0, 0);
    assert_memory_not_equal(told.data, plain.data, bytes);
    m->rescaled = 1; /* now it is what "as trained" means */
    fv_tensor own = maps_at(m, 0, plane, &used);
    assert_memory_equal(told.data, own.data, bytes);
    fv_plane_free(ctx, &told);
    fv_plane_free(ctx, &want);
    fv_plane_free(ctx, &plain);
    fv_plane_free(ctx, &own);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

static void estimates_change_no_predictor(void **state)
{
    (void)state;
    fv_model *m = stubborn(13);
    fv_tensor plane = plane_of(60, 60, 1);
    fv_predictor *p;
    double told = 0;
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_ok(fv_estimate_diameter(ctx, p, plane, 0, &told));
    assert_near(told, 16.9, 1e-4);
    assert_near(fv_predictor_diameter(p), 0, 0);
    fv_predictor_free(p);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

static void estimates_have_bounds(void **state)
{
    (void)state;
    fv_tensor plane = plane_of(24, 24, 1);
    double used = 0;
    fv_model *m = stubborn(1e4);
    fv_tensor maps = maps_at(m, FV_DIAMETER_AUTO, plane, &used);
    assert_near(used, 80, 1e-6);
    fv_plane_free(ctx, &maps);
    m->size[m->size_count - 1] = NAN;
    maps = maps_at(m, FV_DIAMETER_AUTO, plane, &used);
    assert_near(used, 10, 1e-6);
    fv_plane_free(ctx, &maps);
    assert_ok(fv_model_set_size(ctx, m, NULL, 0));
    fv_predictor *p;
    fv_predict_options o = {.diameter = FV_DIAMETER_AUTO};
    assert_ok(fv_predictor_new(ctx, m, o, &p));
    assert_int_equal(fv_predict(ctx, p, plane, 0, &maps), FV_ENOTSUP);
    fv_predictor_free(p);
    o.diameter = -3;
    assert_int_equal(fv_predictor_new(ctx, m, o, &p), FV_EINVAL);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* The network sees half the size, so its rays count double. */
static void rays_are_px_of_the_image(void **state)
{
    (void)state;
    const char *const settings[][2] = {
        {"in", "1"}, {"out", "33"}, {"kernel", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 3);
    fv_tensor plane = plane_of(32, 32, 1);
    double used;
    m->diameter = 10;
    m->target = FV_TARGET_CELL;
    fv_tensor seen = maps_at(m, 20, plane, &used);
    m->target = FV_TARGET_STARS;
    fv_tensor rays = maps_at(m, 20, plane, &used);
    for (int64_t i = 0; i < fv_count(seen); i++)
        assert_near(((float *)rays.data)[i],
                    ((float *)seen.data)[i] * (i % 33 ? 2 : 1), 1e-5);
    fv_plane_free(ctx, &seen);
    fv_plane_free(ctx, &rays);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_cpnet_it_is_its_own),
        cmocka_unit_test(the_deepest_map),
        cmocka_unit_test(of_any_size),
        cmocka_unit_test(estimates_set_the_scale),
        cmocka_unit_test(estimates_change_no_predictor),
        cmocka_unit_test(estimates_have_bounds),
        cmocka_unit_test(rays_are_px_of_the_image),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
