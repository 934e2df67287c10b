/* Planes, percentiles and sizes, against numpy (tests/golden/planes.txt). */
#include "image/imagetest.h"

/* The same numbers as field() in tools/make_golden_planes.py. */
static void fill_field(float *x, int64_t n)
{
    for (uint64_t i = 0; i < (uint64_t)n; i++) {
        double v = (double)((i * 2654435761u % 4294967296u) >> 20);
        x[i] = (float)(i % 7 == 0 ? v * 16 : v / 8 - 100);
    }
}

static fv_tensor new_field(int64_t h, int64_t w, int64_t c)
{
    int64_t dim[] = {h, w, c};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    t.data = fvi_alloc(ctx, (size_t)fv_count(t) * sizeof(float));
    assert_non_null(t.data);
    fill_field(t.data, fv_count(t));
    return t;
}

static void compare(FILE *f, const char *what, fv_tensor t, double scale)
{
    for (int64_t i = 0; i < fv_count(t); i++) {
        double expected;
        assert_int_equal(fscanf(f, "%lf", &expected), 1);
        double got = (double)((const float *)t.data)[i];
        if (!(fabs(got - expected) <= 2e-7 * fmax(scale, fabs(expected))))
            fail_msg("%s [%lld] = %.9g, expected %.9g", what, (long long)i, got,
                     expected);
    }
}

static void numbers_are_those_of_numpy(void **state)
{
    char path[1024], what[32];
    double n[6];
    int cases = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/golden/planes.txt", getenv("FV_TEST_DIR"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%31s %lf %lf %lf %lf %lf %lf", what, n, n + 1, n + 2,
                  n + 3, n + 4, n + 5) == 7) {
        fv_tensor x = new_field((int64_t)n[0], (int64_t)n[1], (int64_t)n[2]);
        fv_tensor y = x;
        if (strcmp(what, "normalize") == 0)
            assert_int_equal(fv_normalize(ctx, x, n[3], n[4], (int)n[5]),
                             FV_OK);
        else
            assert_int_equal(
                fv_resize(ctx, x, (int64_t)n[3], (int64_t)n[4], &y), FV_OK);
        compare(f, what, y, what[0] == 'n' ? 1 : 1000);
        if (y.data != x.data)
            fv_plane_free(ctx, &y);
        fv_plane_free(ctx, &x);
        cases++;
    }
    fclose(f);
    assert_int_equal(cases, 13);
}

static void threads_do_not_change_a_bit(void **state)
{
    fv_tensor one, many, x = new_field(61, 47, 2);
    (void)state;
    fv_set_threads(ctx, 1);
    assert_int_equal(fv_resize(ctx, x, 90, 33, &one), FV_OK);
    assert_int_equal(fv_normalize(ctx, one, 1, 99, 0), FV_OK);
    for (int threads = 2; threads <= 3; threads++) {
        fv_set_threads(ctx, threads);
        assert_int_equal(fv_resize(ctx, x, 90, 33, &many), FV_OK);
        assert_int_equal(fv_normalize(ctx, many, 1, 99, 0), FV_OK);
        assert_memory_equal(one.data, many.data,
                            (size_t)fv_count(one) * sizeof(float));
        fv_plane_free(ctx, &many);
    }
    fv_plane_free(ctx, &one);
    fv_plane_free(ctx, &x);
}

static void flat_channels_become_zero(void **state)
{
    float v[] = {3, 1, 3, 2, 3, 3, 3, 4};
    int64_t dim[] = {2, 2, 2};
    fv_tensor t = fv_dense(v, FV_F32, 3, dim);
    (void)state;
    assert_int_equal(fv_normalize(ctx, t, 0, 100, 0), FV_OK);
    for (int i = 0; i < 4; i++) {
        assert_near(v[2 * i], 0, 0);
        assert_near(v[2 * i + 1], i / 3.0, 1e-7);
    }
    assert_int_equal(fv_normalize(ctx, t, 50, 50, 0), FV_EINVAL);
    assert_int_equal(fv_normalize(ctx, t, -1, 50, 0), FV_EINVAL);
    assert_int_equal(fv_normalize(ctx, t, 1, nan(""), 0), FV_EINVAL);
    t.dtype = FV_U32;
    assert_int_equal(fv_normalize(ctx, t, 0, 100, 0), FV_ESHAPE);
}

static void a_plane_has_every_channel(void **state)
{
    static const int64_t dim[] = {2, 3, 4, 5, 6};
    fv_image *im = new_image(FV_U16, "TCZYX", dim);
    const uint16_t *p = im->pixels.data;
    fv_tensor plane;
    (void)state;
    /* The defaults are the first time point and the middle z. */
    for (int given = 0; given < 2; given++) {
        int64_t t = given ? 1 : -1, z = given ? 3 : -1;
        int64_t at = given ? 1 : 0, depth = given ? 3 : 2;
        assert_int_equal(fv_image_plane(ctx, im, t, z, &plane, NULL), FV_OK);
        assert_int_equal(plane.dim[0], 5);
        assert_int_equal(plane.dim[1], 6);
        assert_int_equal(plane.dim[2], 3);
        for (int64_t y = 0; y < 5; y++)
            for (int64_t x = 0; x < 6; x++)
                for (int64_t c = 0; c < 3; c++)
                    assert_near(((float *)plane.data)[(y * 6 + x) * 3 + c],
                                p[(((at * 3 + c) * 4 + depth) * 5 + y) * 6 + x],
                                0);
        fv_plane_free(ctx, &plane);
    }
    assert_int_equal(fv_image_plane(ctx, im, 2, 0, &plane, NULL), FV_EINVAL);
    assert_int_equal(fv_image_plane(ctx, im, 0, 4, &plane, NULL), FV_EINVAL);
    fv_image_free(ctx, im);
}

static void broken_numbers_become_zero_and_are_counted(void **state)
{
    static const int64_t dim[] = {2, 3};
    static const float v[] = {1, NAN, -INFINITY, INFINITY, 2, 3};
    fv_image *im = new_image(FV_F32, "YX", dim);
    fv_tensor plane;
    int64_t broken = -1;
    (void)state;
    memcpy(im->pixels.data, v, sizeof v);
    assert_int_equal(fv_image_plane(ctx, im, 0, 0, &plane, &broken), FV_OK);
    assert_int_equal(broken, 3);
    for (int i = 0; i < 6; i++)
        assert_near(((float *)plane.data)[i], i > 0 && i < 4 ? 0 : v[i], 0);
    fv_plane_free(ctx, &plane);
    fv_image_free(ctx, im);
}

static void labels_take_the_nearest(void **state)
{
    uint32_t v[] = {1, 2, 3, 70000, 5, 6};
    static const uint32_t twice[] = {1, 1, 2,     2,     3,     3,     1, 1,
                                     2, 2, 3,     3,     70000, 70000, 5, 5,
                                     6, 6, 70000, 70000, 5,     5,     6, 6};
    int64_t dim[] = {2, 3};
    fv_tensor t = fv_dense(v, FV_U32, 2, dim), out;
    (void)state;
    assert_int_equal(fv_resize_labels(ctx, t, 4, 6, &out), FV_OK);
    assert_memory_equal(out.data, twice, sizeof twice);
    fv_plane_free(ctx, &out);
    assert_int_equal(fv_resize_labels(ctx, t, 1, 1, &out), FV_OK);
    assert_int_equal(((uint32_t *)out.data)[0], 5);
    fv_plane_free(ctx, &out);
    assert_int_equal(fv_resize_labels(ctx, t, 0, 1, &out), FV_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_numpy),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(flat_channels_become_zero),
        cmocka_unit_test(a_plane_has_every_channel),
        cmocka_unit_test(broken_numbers_become_zero_and_are_counted),
        cmocka_unit_test(labels_take_the_nearest),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
