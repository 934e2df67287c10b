/* A network gives the same maps for a picture that is read from its file piece
 * by piece. */
#include "predict_test.h"

#include "fovea/image.h"

/* A picture in its file gives the bits that it gives in memory. */
static void same_from_file(fv_model *m, int channels, int channel)
{
    char path[64];
    int64_t dim[3] = {310, 203, 3};
    fv_image *im;
    fv_source *source;
    fv_predictor *p;
    fv_tensor plane, whole, maps;
    fvi_rng r = fvi_rng_new(8, 8);
    snprintf(path, sizeof path, "/tmp/fovea-predict-%d.tif", (int)getpid());
    assert_int_equal(
        fv_image_new(ctx, FV_U16, channels == 3 ? "YXS" : "YX", dim, &im),
        FV_OK);
    for (int64_t i = 0; i < fv_count(im->pixels); i++)
        ((uint16_t *)im->pixels.data)[i] = (uint16_t)fvi_rng_below(&r, 4000);
    assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
    assert_int_equal(fv_image_plane(ctx, im, 0, 0, &plane, NULL), FV_OK);
    fv_predict_options o = {.tile = 96};
    fv_tensor seen = plane, dense = plane;
    if (channel) { /* that one alone */
        dense = plane_of(dim[0], dim[1], 1);
        seen = fv_slice(plane, 2, channel - 1, channel);
        assert_int_equal(fv_copy(ctx, seen, dense), FV_OK);
    }
    whole = predict(m, o, dense, im->rgb && !channel);
    assert_int_equal(fv_source_open(ctx, path, NULL, &source), FV_OK);
    assert_int_equal(fv_predictor_new(ctx, m, o, &p), FV_OK);
    if (fvi_predict_source(ctx, p, source, channel, &maps) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    assert_true(fv_same_shape(whole, maps));
    assert_memory_equal(whole.data, maps.data,
                        (size_t)fv_count(maps) * sizeof(float));
    assert_int_equal(fvi_predict_source(ctx, p, source, 4, &maps), FV_EINVAL);
    fv_predictor_free(p);
    fv_source_close(source);
    fv_plane_free(ctx, &maps);
    fv_plane_free(ctx, &whole);
    if (channel)
        fv_plane_free(ctx, &dense);
    fv_plane_free(ctx, &plane);
    fv_image_free(ctx, im);
    unlink(path);
}

static bool streams(const fv_model *m, fv_predict_options o)
{
    fv_predictor *p;
    assert_int_equal(fv_predictor_new(ctx, m, o, &p), FV_OK);
    bool yes = fvi_predict_streams(p);
    fv_predictor_free(p);
    return yes;
}

/* What looks more than once, or at another scale, wants all of a picture. */
static void test_streams(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "2", "4", "1", "3");
    m->diameter = 24;
    assert_true(streams(m, (fv_predict_options){.tile = 96}));
    assert_true(streams(m, (fv_predict_options){.diameter = 24}));
    assert_false(streams(m, (fv_predict_options){.diameter = 12}));
    assert_false(streams(m, (fv_predict_options){.views = 4}));
    assert_false(
        streams(m, (fv_predict_options){.diameter = FV_DIAMETER_AUTO}));
    assert_false(
        streams(m, (fv_predict_options){.diameter = FV_DIAMETER_REFINE}));
    m->views = 8;
    assert_false(streams(m, (fv_predict_options){.tile = 96}));
    assert_true(streams(m, (fv_predict_options){.views = 1}));
    fv_model_free(ctx, m);
}

static void test_from_file(void **state)
{
    (void)state;
    fv_model *gray = make_unet(ctx, "2", "4", "1", "3");
    fv_model *rgb = make_unet(ctx, "2", "4", "3", "2");
    same_from_file(gray, 1, 0);
    same_from_file(gray, 3, 0);
    same_from_file(gray, 3, 2);
    same_from_file(rgb, 3, 0);
    same_from_file(rgb, 1, 0);
    snprintf(gray->normalize, sizeof gray->normalize, "mean_std");
    gray->mean[0] = 1000;
    gray->deviation[0] = 300;
    same_from_file(gray, 1, 0);
    fv_model_free(ctx, gray);
    fv_model_free(ctx, rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_file),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
