/* Building blocks of decoders against scipy and scikit-image, and against
 * slow definitions on small random images. */
#include "task_test.h"

static void components_match_scipy(void **state)
{
    (void)state;
    static const char *const name[2] = {"four", "eight"};
    fv_tensor mask = golden_as("components", "mask", FV_U8);
    for (int k = 0; k < 2; k++) {
        int64_t n = 0;
        uint32_t last = 0;
        fv_tensor l = new_labels(mask.dim[0], mask.dim[1]);
        assert_ok(fv_connected_components(ctx, mask, k ? 8 : 4, l, &n));
        for (int64_t i = 0; i < fv_count(l); i++)
            last =
                ((uint32_t *)l.data)[i] > last ? ((uint32_t *)l.data)[i] : last;
        assert_int_equal(n, last);
        assert_golden_labels(l, "components", name[k]);
    }
    free(mask.data);
}

static void components_take_strides_and_refuse_misfits(void **state)
{
    (void)state;
    uint8_t data[24] = {0};
    int64_t n = -1;
    fv_tensor all = fv_dense(data, FV_U8, 2, (int64_t[]){4, 6});
    fv_tensor mask = fv_slice(all, 1, 1, 4);
    fv_tensor wide = new_labels(4, 8), l = fv_slice(wide, 1, 2, 5);
    data[1] = data[9] = data[19] = 7; /* (0,0), (1,2), (3,0) of the slice */
    assert_ok(fv_connected_components(ctx, mask, 4, l, &n));
    assert_int_equal(n, 3);
    assert_int_equal(((uint32_t *)wide.data)[2], 1);
    assert_int_equal(((uint32_t *)wide.data)[8 + 4], 2);
    assert_int_equal(((uint32_t *)wide.data)[24 + 2], 3);
    assert_int_equal(((uint32_t *)wide.data)[5], 0);
    assert_int_equal(fv_connected_components(ctx, mask, 6, l, &n), FV_EINVAL);
    assert_int_equal(fv_connected_components(ctx, all, 4, l, &n), FV_ESHAPE);
    assert_int_equal(fv_connected_components(ctx, l, 4, l, &n), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "expected u8 (H,W)"));
    free(wide.data);
}

static void distance_matches_scipy(void **state)
{
    (void)state;
    static const char *const name[2] = {"open", "border"};
    fv_tensor labels = golden_as("distance", "labels", FV_U32);
    for (int border = 0; border < 2; border++) {
        fv_tensor want = golden_as("distance", name[border], FV_F32);
        fv_tensor d = new_tensor(FV_F32, 2, labels.dim[0], labels.dim[1], 1);
        assert_ok(fv_distance_transform(ctx, labels, border, d));
        for (int64_t i = 0; i < fv_count(d); i++)
            assert_near(((float *)d.data)[i], ((float *)want.data)[i], 1e-5);
        free(want.data);
        free(d.data);
    }
    free(labels.data);
}

/* The definition: the nearest of all pixels with another label. */
static double slow_distance(const uint32_t *l, int64_t h, int64_t w, int64_t y,
                            int64_t x, int border)
{
    double best = HUGE_VAL;
    for (int64_t v = -1; v <= h; v++)
        for (int64_t u = -1; u <= w; u++) {
            bool out = v < 0 || u < 0 || v == h || u == w;
            if (out ? !border : l[v * w + u] == l[y * w + x])
                continue;
            double dy = (double)(v - y), dx = (double)(u - x);
            best = fmin(best, sqrt(dy * dy + dx * dx));
        }
    return best;
}

static void distance_matches_its_definition(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        int64_t h = 1 + draw(14), w = 1 + draw(14), colors = 1 + draw(3);
        fv_tensor l = new_labels(h, w), d = new_tensor(FV_F32, 2, h, w, 1);
        for (int64_t i = 0; i < h * w; i++)
            ((uint32_t *)l.data)[i] =
                (uint32_t)(draw(4) ? 1 : draw(colors) * 90000);
        assert_ok(fv_distance_transform(ctx, l, round % 2, d));
        for (int64_t i = 0; i < h * w; i++) {
            double want = slow_distance(l.data, h, w, i / w, i % w, round % 2);
            if (((uint32_t *)l.data)[i] == 0)
                want = 0;
            if (isinf(want)) /* one object fills the image */
                want = slow_distance(l.data, h, w, i / w, i % w, 1);
            assert_near(((float *)d.data)[i], want, 1e-5);
        }
        free(l.data);
        free(d.data);
    }
}

static void watershed_matches_skimage(void **state)
{
    (void)state;
    fv_tensor relief = golden_as("watershed", "relief", FV_F32);
    fv_tensor mask = golden_as("watershed", "mask", FV_U8);
    fv_tensor seeds = golden_as("watershed", "seeds", FV_U32);
    assert_ok(fv_watershed(ctx, relief, mask, seeds));
    assert_golden_labels(seeds, "watershed", "labels");
    free(relief.data);
    free(mask.data);
}

/* On a plateau seeds grow at equal speed, and the pixel in the middle goes to
 * the wave that comes first in raster order. NaN is lowest. */
static void watershed_shares_a_plateau(void **state)
{
    (void)state;
    float relief[14] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, NAN, 1, 1, 1};
    uint8_t mask[14] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    uint32_t seeds[14] = {9, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 3};
    static const uint32_t want[14] = {9, 9, 9, 9, 4, 4, 4, 9, 9, 9, 9, 4, 4, 0};
    int64_t dim[2] = {2, 7};
    assert_ok(fv_watershed(ctx, fv_dense(relief, FV_F32, 2, dim),
                           fv_dense(mask, FV_U8, 2, dim),
                           fv_dense(seeds, FV_U32, 2, dim)));
    for (int i = 0; i < 14; i++)
        assert_int_equal(seeds[i], want[i]);
}

static void cleaning_matches_scipy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t min_area;
        int fill;
    } rows[] = {{"filled", 0, 1}, {"large", 12, 1}, {"only_large", 12, 0}};
    for (int k = 0; k < 3; k++) {
        int64_t n = 0;
        fv_tensor l = golden_as("clean", "labels", FV_U32);
        assert_ok(fv_clean_labels(ctx, l, rows[k].min_area, rows[k].fill, &n));
        assert_true(n > 3);
        assert_golden_labels(l, "clean", rows[k].name);
    }
}

/* An object inside another stays; a speck inside one gives way to it. */
static void cleaning_keeps_what_lies_inside(void **state)
{
    (void)state;
    int64_t n = 0;
    fv_tensor l = new_labels(9, 9);
    uint32_t *v = l.data;
    for (int y = 1; y < 8; y++)
        for (int x = 1; x < 8; x++)
            v[9 * y + x] =
                y == 1 || y == 7 || x == 1 || x == 7 ? 4000000000u : 0;
    v[9 * 4 + 4] = v[9 * 4 + 5] = 6;
    assert_ok(fv_clean_labels(ctx, l, 2, 1, &n));
    assert_int_equal(n, 2);
    assert_int_equal(v[9 * 4 + 4], 2);
    assert_int_equal(v[9 * 3 + 3], 0);
    assert_ok(fv_clean_labels(ctx, l, 3, 1, &n));
    assert_int_equal(n, 1);
    assert_int_equal(v[9 * 4 + 4], 1);
    assert_int_equal(v[9 * 3 + 3], 1);
    free(l.data);
}

static void otsu_matches_skimage(void **state)
{
    (void)state;
    double at = 0;
    fv_tensor want = golden_find(&gold, "quality", "numbers");
    fv_tensor gray = golden_as("quality", "truth", FV_F32);
    assert_ok(fv_otsu(ctx, gray, &at));
    assert_near(at, ((double *)want.data)[3], 1e-6);
    ((float *)gray.data)[3] = NAN;
    ((float *)gray.data)[4] = INFINITY;
    assert_ok(fv_otsu(ctx, gray, &at));
    assert_near(at, ((double *)want.data)[3], 2);
    for (int64_t i = 0; i < fv_count(gray); i++)
        ((float *)gray.data)[i] = -2;
    assert_ok(fv_otsu(ctx, gray, &at));
    assert_near(at, -2, 0);
    free(gray.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_match_scipy),
        cmocka_unit_test(components_take_strides_and_refuse_misfits),
        cmocka_unit_test(distance_matches_scipy),
        cmocka_unit_test(distance_matches_its_definition),
        cmocka_unit_test(watershed_matches_skimage),
        cmocka_unit_test(watershed_shares_a_plateau),
        cmocka_unit_test(cleaning_matches_scipy),
        cmocka_unit_test(cleaning_keeps_what_lies_inside),
        cmocka_unit_test(otsu_matches_skimage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
