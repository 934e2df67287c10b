/* A network gives the same maps however the picture is cut. */
#include "task/view.h"

#include "predict_test.h"

static void same_for_tiles(fv_model *m, int64_t height, int64_t width)
{
    static const int tiles[] = {64, 100, 130, 200};
    fv_tensor plane = plane_of(height, width, 1);
    fv_tensor whole = predict(m, (fv_predict_options){.tile = 4096}, plane, 0);
    assert_true(largest(whole) > 0);
    for (int i = 0; i < 4; i++) {
        fv_tensor cut =
            predict(m, (fv_predict_options){.tile = tiles[i]}, plane, 0);
        assert_near(difference(whole, cut) / largest(whole), 0, 1e-4);
        fv_plane_free(ctx, &cut);
    }
    fv_plane_free(ctx, &whole);
    fv_plane_free(ctx, &plane);
}

/* Random weights look as far as the receptive field allows: with a halo of
 * half of it the tiles must agree. */
static void test_random_network(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "2", "4", "1", "3");
    same_for_tiles(m, 203, 331);
    fv_model_free(ctx, m);
}

/* All weights zero but the last bias: the answer is that constant. */
static void test_constant_network(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "1", "2", "1", "1");
    int64_t count = fv_param_count(m->graph, 0);
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        fv_param p = fv_param_at(m->graph, i);
        for (int64_t k = 0; k < p.count && p.ndim > 1; k++)
            m->params[p.offset + k] = 0;
    }
    m->params[count - 1] = 2.5f;
    fv_tensor plane = plane_of(150, 97, 1);
    fv_tensor maps = predict(m, (fv_predict_options){.tile = 48}, plane, 0);
    const float *x = maps.data;
    for (int64_t i = 0; i < fv_count(maps); i++)
        assert_near(x[i], 2.5, 1e-5);
    fv_plane_free(ctx, &maps);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

static void test_tiny_pictures(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "3", "2", "1", "1");
    for (int64_t h = 1; h < 18; h += 3) {
        for (int64_t w = 1; w < 18; w += 5) {
            fv_tensor plane = plane_of(h, w, 1);
            fv_tensor maps = predict(m, (fv_predict_options){0}, plane, 0);
            assert_int_equal(maps.dim[0], h);
            assert_int_equal(maps.dim[1], w);
            assert_true(isfinite(largest(maps)));
            fv_plane_free(ctx, &maps);
            fv_plane_free(ctx, &plane);
        }
    }
    fv_model_free(ctx, m);
}

/* Gray feeds every channel of an RGB network: as if all three were equal
 * (percentiles of three times the numbers fall a little beside). */
static void test_gray_for_rgb(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "1", "3", "3", "1");
    fv_tensor gray = plane_of(30, 40, 1), rgb = plane_of(30, 40, 3);
    for (int64_t i = 0; i < fv_count(rgb); i++)
        ((float *)rgb.data)[i] = ((float *)gray.data)[i / 3];
    fv_tensor a = predict(m, (fv_predict_options){0}, gray, 0);
    fv_tensor b = predict(m, (fv_predict_options){0}, rgb, 1);
    assert_near(difference(a, b) / largest(b), 0, 0.01);
    fv_plane_free(ctx, &a);
    fv_plane_free(ctx, &b);
    fv_plane_free(ctx, &gray);
    fv_plane_free(ctx, &rgb);
    fv_model_free(ctx, m);
}

static void test_rgb_for_gray(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "1", "3", "1", "1");
    fv_tensor rgb = plane_of(30, 40, 3), gray = plane_of(30, 40, 1);
    const float *x = rgb.data;
    for (int64_t i = 0; i < fv_count(gray); i++)
        ((float *)gray.data)[i] = (x[3 * i] + x[3 * i + 1] + x[3 * i + 2]) / 3;
    fv_tensor a = predict(m, (fv_predict_options){0}, gray, 0);
    fv_tensor b = predict(m, (fv_predict_options){0}, rgb, 1);
    assert_near(difference(a, b), 0, 1e-5);
    fv_plane_free(ctx, &a);
    fv_plane_free(ctx, &b);
    fv_plane_free(ctx, &gray);
    fv_plane_free(ctx, &rgb);
    fv_model_free(ctx, m);
}

static void test_wrong_channels(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "1", "2", "3", "1");
    fv_tensor plane = plane_of(16, 16, 2), maps;
    fv_predictor *p;
    assert_int_equal(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p),
                     FV_OK);
    assert_int_equal(fv_predict(ctx, p, plane, 0, &maps), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "2 channels"));
    fv_predictor_free(p);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* Objects twice as large as those trained on: the network sees the picture at
 * half its size. This network answers with what it sees. */
static void test_diameter(void **state)
{
    (void)state;
    const char *const settings[][2] = {
        {"in", "1"}, {"out", "1"}, {"kernel", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 3);
    m->params[0] = 1;
    m->params[1] = 0;
    m->diameter = 10;
    fv_tensor plane = plane_of(64, 48, 1), half, back;
    fv_tensor maps = predict(m, (fv_predict_options){.diameter = 20}, plane, 0);
    assert_int_equal(fv_normalize(ctx, plane, 1, 99.8, 0), FV_OK);
    assert_int_equal(fv_resize(ctx, plane, 32, 24, &half), FV_OK);
    assert_int_equal(fv_resize(ctx, half, 64, 48, &back), FV_OK);
    assert_near(difference(back, maps), 0, 1e-5);
    assert_true(difference(plane, maps) > 0.1);
    fv_plane_free(ctx, &back);
    fv_plane_free(ctx, &half);
    fv_plane_free(ctx, &maps);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* The mean over all eight views does not know which of them it began with: a
 * turned picture gets the turned answer. Without views it does not. */
static double change_when_turned(fv_model *m, int views, fv_tensor plane,
                                 int view)
{
    fvi_view v = fvi_view_at(view);
    fv_tensor seen = plane_of(plane.dim[v.swap], plane.dim[!v.swap], 1);
    fvi_view_show(ctx, v, plane, seen);
    fv_predict_options o = {.views = views};
    fv_tensor want = predict(m, o, plane, 0), got = predict(m, o, seen, 0);
    fv_tensor back = plane_of(plane.dim[0], plane.dim[1], want.dim[2]);
    memset(back.data, 0, (size_t)fv_count(back) * sizeof(float));
    fvi_view_add(ctx, v, &m->target, got, 1, back);
    double change = difference(want, back) / largest(want);
    fv_plane_free(ctx, &seen);
    fv_plane_free(ctx, &want);
    fv_plane_free(ctx, &got);
    fv_plane_free(ctx, &back);
    return change;
}

static void test_views(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "2", "4", "1", "3");
    fv_tensor plane = plane_of(43, 58, 1);
    m->target = FV_TARGET_FLOWS;
    for (int i = 1; i < FVI_VIEWS; i++) {
        assert_near(change_when_turned(m, 8, plane, i), 0, 1e-5);
        assert_true(change_when_turned(m, 1, plane, i) > 0.01);
    }
    assert_near(change_when_turned(m, 4, plane, 3), 0, 1e-5);
    assert_true(change_when_turned(m, 4, plane, 4) > 0.01);
    fv_tensor own = predict(m, (fv_predict_options){.views = 8}, plane, 0);
    m->views = 8; /* as the model says */
    fv_tensor same = predict(m, (fv_predict_options){0}, plane, 0);
    assert_memory_equal(own.data, same.data,
                        (size_t)fv_count(own) * sizeof(float));
    fv_predictor *p;
    fv_predict_options wrong = {.views = 3};
    assert_int_equal(fv_predictor_new(ctx, m, wrong, &p), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "3 views"));
    fv_plane_free(ctx, &own);
    fv_plane_free(ctx, &same);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* The objects of a simulated field do not depend on the tile: the network is
 * one blur and a threshold, written as a 1-channel convolution. */
static void test_objects(void **state)
{
    (void)state;
    const char *const settings[][2] = {
        {"in", "1"}, {"out", "1"}, {"kernel", "9"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 3);
    int64_t count = fv_param_count(m->graph, 0);
    for (int64_t i = 0; i < count - 1; i++)
        m->params[i] = 20.0f / 81;
    m->params[count - 1] = -6;
    fv_tensor plane = plane_of(300, 260, 1);
    for (int64_t i = 0; i < fv_count(plane); i++) {
        int64_t y = i / 260 % 26 - 13, x = i % 260 % 26 - 13;
        ((float *)plane.data)[i] += y * y + x * x < 70 ? 200 : 0;
    }
    int64_t first = 0;
    for (int tile = 32; tile <= 512; tile *= 2) {
        fv_predictor *p;
        fv_tensor labels;
        int64_t found;
        fv_predict_options o = {.tile = tile};
        assert_int_equal(fv_predictor_new(ctx, m, o, &p), FV_OK);
        assert_int_equal(fv_segment(ctx, p, plane, 0, &labels, &found), FV_OK);
        first = first ? first : found;
        assert_true(found >= 100);
        assert_int_equal(found, first);
        fv_plane_free(ctx, &labels);
        fv_predictor_free(p);
    }
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* A network of one side sees tiles of that side, whatever the picture; asking
 * for others is an error. */
static void test_one_side(void **state)
{
    const char *const settings[][2] = {
        {"in", "1"},    {"side", "32"}, {"patch", "4"}, {"width", "8"},
        {"depth", "1"}, {"heads", "2"}, {"neck", "4"},  {NULL, NULL}};
    static const int64_t sizes[][2] = {{32, 32}, {5, 90}, {33, 100}};
    (void)state;
    fv_model *m = make_model(ctx, "vit_segment", settings, 3);
    fv_predictor *p;
    assert_int_equal(
        fv_predictor_new(ctx, m, (fv_predict_options){.tile = 64}, &p),
        FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "32"));
    for (int i = 0; i < 3; i++) {
        fv_tensor plane = plane_of(sizes[i][0], sizes[i][1], 1);
        fv_tensor maps = predict(m, (fv_predict_options){0}, plane, 0);
        assert_int_equal(maps.dim[0], sizes[i][0]);
        assert_int_equal(maps.dim[1], sizes[i][1]);
        assert_int_equal(maps.dim[2], 3);
        for (int64_t k = 0; k < fv_count(maps); k++)
            assert_true(isfinite(((float *)maps.data)[k]));
        fv_plane_free(ctx, &maps);
        fvi_free(ctx, plane.data);
    }
    fv_model_free(ctx, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_network),
        cmocka_unit_test(test_constant_network),
        cmocka_unit_test(test_tiny_pictures),
        cmocka_unit_test(test_gray_for_rgb),
        cmocka_unit_test(test_rgb_for_gray),
        cmocka_unit_test(test_wrong_channels),
        cmocka_unit_test(test_diameter),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_one_side),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
