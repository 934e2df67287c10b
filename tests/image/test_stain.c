/* Stains of a section taken apart: Beer-Lambert's law there and back. */
#include "image/imagetest.h"

#include <math.h>

static const double H[3] = {0.65, 0.70, 0.29}, DAB[3] = {0.27, 0.57, 0.78},
                    E[3] = {0.07, 0.99, 0.11};

/* What a pixel with these amounts of two stains shows. */
static void stained(double h, double other, const double stain[3], double white,
                    float *rgb)
{
    for (int i = 0; i < 3; i++)
        rgb[i] = (float)(white * pow(10, -h * H[i] - other * stain[i]));
}

static fv_status unmix(float *x, int64_t pixels, int64_t channels, double white,
                       int stain, fv_tensor *out)
{
    int64_t dim[] = {1, pixels, channels};
    return fv_hematoxylin(ctx, fv_dense(x, FV_F32, 3, dim), white,
                          (fv_stain)stain, out);
}

static void both_stains_come_apart(void **state)
{
    static const double amount[][2] = {{0, 0},    {0.3, 0},  {0, 0.4},
                                       {0.2, .5}, {0.9, .1}, {1.2, .6}};
    enum { N = sizeof amount / sizeof *amount };
    float rgb[N * 3];
    (void)state;
    for (int stain = FV_STAIN_H_DAB; stain <= FV_STAIN_H_E; stain++)
        for (double white = 1; white < 70000; white = 2 * white + 253) {
            fv_tensor out;
            for (int i = 0; i < N; i++)
                stained(amount[i][0], amount[i][1],
                        stain == FV_STAIN_H_E ? E : DAB, white, rgb + 3 * i);
            assert_int_equal(unmix(rgb, N, 3, white, stain, &out), FV_OK);
            assert_int_equal(out.dim[1], N);
            assert_int_equal(out.dim[2], 1);
            for (int i = 0; i < N; i++)
                assert_true(
                    fabs((double)((float *)out.data)[i] - amount[i][0]) < 1e-4);
            fv_plane_free(ctx, &out);
        }
}

static void less_than_nothing_is_nothing(void **state)
{
    float rgb[] = {255, 20, 255, 300, 300, 300, 0, 0, 0};
    fv_tensor out;
    (void)state;
    assert_int_equal(unmix(rgb, 3, 3, 255, FV_STAIN_H_DAB, &out), FV_OK);
    const float *amount = out.data;
    assert_true(amount[1] == 0); /* brighter than white */
    assert_true(isfinite(amount[0]) && amount[0] >= 0);
    assert_true(isfinite(amount[2]) && amount[2] > 0);
    fv_plane_free(ctx, &out);
}

static void gray_has_no_stains(void **state)
{
    float gray[] = {1, 2};
    fv_tensor out;
    (void)state;
    assert_int_equal(unmix(gray, 2, 1, 255, FV_STAIN_H_E, &out), FV_ESHAPE);
    assert_int_equal(unmix(gray, 0, 3, 0, FV_STAIN_H_E, &out), FV_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_stains_come_apart),
        cmocka_unit_test(less_than_nothing_is_nothing),
        cmocka_unit_test(gray_has_no_stains),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
