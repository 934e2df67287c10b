/* Judges of restored images against scikit-image and numpy, and against what
 * must hold. */
#define GOLDEN "judge.txt"
#include "fovea/score.h"
#include "judge_test.h"
#include "task/fft.h"

enum { H = 171, W = 182 };

static void errors_agree_with_skimage(void **state)
{
    (void)state;
    fv_tensor a, b;
    fv_errors e;
    double psnr;
    test_images(&a, &b, H, W);
    const double *want = numbers("images", "errors");
    assert_ok(fv_judge_errors(ctx, a, b, 0, &e));
    assert_int_equal(e.count, H * W);
    assert_near(e.mse, want[0], 1e-9 * want[0]);
    assert_near(e.mae, want[1], 1e-9 * want[1]);
    assert_near(e.nrmse, want[2], 1e-12);
    assert_near(e.psnr, want[3], 1e-9);
    assert_near(e.psnr_scaled, want[4], 1e-9);
    assert_near(e.pearson, want[5], 1e-12);
    assert_ok(fv_psnr(ctx, a, b, 0, &psnr));
    assert_near(psnr, e.psnr, 0);
    free(a.data);
    free(b.data);
}

/* Shift and factor change the error, not the scale-invariant one. */
static void scaled_psnr_forgives_shift_and_factor(void **state)
{
    (void)state;
    fv_tensor a, b;
    fv_errors before, after;
    test_images(&a, &b, 40, 50);
    assert_ok(fv_judge_errors(ctx, a, b, 0, &before));
    for (int64_t i = 0; i < fv_count(b); i++)
        ((float *)b.data)[i] = 3 * ((float *)b.data)[i] - 700;
    assert_ok(fv_judge_errors(ctx, a, b, 0, &after));
    assert_true(after.psnr < before.psnr - 3);
    assert_near(after.psnr_scaled, before.psnr_scaled, 1e-9);
    free(a.data);
    free(b.data);
}

static void ms_ssim_agrees_with_numpy(void **state)
{
    (void)state;
    fv_tensor a, b;
    double v;
    test_images(&a, &b, H, W);
    assert_ok(fv_ms_ssim(ctx, a, b, 0, &v));
    assert_near(v, *numbers("images", "ms_ssim"), 1e-9);
    assert_ok(fv_ms_ssim(ctx, a, a, 0, &v));
    assert_near(v, 1, 1e-12);
    assert_int_equal(
        fv_ms_ssim(ctx, fv_slice(a, 0, 0, 160), fv_slice(b, 0, 0, 160), 0, &v),
        FV_ESHAPE);
    free(a.data);
    free(b.data);
}

static void compare_rings(const fv_rings *r, const char *name)
{
    fv_tensor g = golden_array_of("images", name);
    const double *want = g.data;
    assert_int_equal(r->count + 1, g.dim[0]);
    for (int64_t i = 0; i < r->count; i++)
        assert_near(r->correlation[i], want[i], 1e-9);
    assert_near(r->resolution, want[r->count], 1e-6);
}

static void rings_agree_with_numpy(void **state)
{
    (void)state;
    fv_tensor a, b;
    fv_rings r;
    test_images(&a, &b, H, W);
    if (!fvi_fft_built()) {
        assert_int_equal(fv_ring_correlation(ctx, a, b, &r), FV_ENOTSUP);
        print_message("rings are skipped: built without FFTW\n");
    } else {
        assert_ok(fv_ring_correlation(ctx, a, b, &r));
        assert_near(r.frequency[r.count - 1], 85. / 171, 1e-12);
        compare_rings(&r, "rings");
        fv_rings_free(ctx, &r);
        assert_ok(fv_ring_correlation_single(ctx, b, &r));
        assert_near(r.frequency[r.count - 1], 42. / 170, 1e-12);
        compare_rings(&r, "rings_single");
        fv_rings_free(ctx, &r);
        assert_ok(fv_ring_correlation(ctx, a, a, &r));
        assert_near(r.resolution, 2, 0);
        fv_rings_free(ctx, &r);
    }
    assert_int_equal(fv_ring_correlation(ctx, fv_slice(a, 0, 0, 7),
                                         fv_slice(b, 0, 0, 7), &r),
                     FV_ESHAPE);
    free(a.data);
    free(b.data);
}

/* A blur of sigma 2 px with noise: quarters of one image tell about the same
 * resolution as two images with noise of their own. */
static void one_image_tells_what_two_do(void **state)
{
    (void)state;
    enum { N = 256 };
    fv_tensor im[2] = {zeros(FV_F32, 2, N, N, 1), zeros(FV_F32, 2, N, N, 1)};
    double line[N], *row = calloc(N * N, sizeof *row), value[2];
    fvi_rng r = fvi_rng_new(3, 1);
    for (int i = 0; i < N * N; i++)
        row[i] = fvi_rng_normal(&r) * 200;
    for (int axis = 0; axis < 2; axis++) /* a box three times is near a bell */
        for (int pass = 0; pass < 3; pass++)
            for (int y = 0; y < N; y++) {
                for (int x = 0; x < N; x++) {
                    line[x] = 0;
                    for (int k = -2; k <= 2; k++) {
                        int at = (x + k + N) % N;
                        line[x] += row[axis ? at * N + y : y * N + at] / 5;
                    }
                }
                for (int x = 0; x < N; x++)
                    row[axis ? x * N + y : y * N + x] = line[x];
            }
    for (int i = 0; i < 2 * N * N; i++)
        ((float *)im[i % 2].data)[i / 2] =
            (float)(row[i / 2] + fvi_rng_normal(&r) * 3);
    if (fvi_fft_built()) {
        fv_rings rings;
        assert_ok(fv_ring_correlation(ctx, im[0], im[1], &rings));
        value[0] = rings.resolution;
        fv_rings_free(ctx, &rings);
        assert_ok(fv_ring_correlation_single(ctx, im[0], &rings));
        value[1] = rings.resolution;
        fv_rings_free(ctx, &rings);
        assert_true(value[0] > 4.5);
        assert_near(value[1] / value[0], 1, 0.2);
    }
    free(row);
    free(im[0].data);
    free(im[1].data);
}

static void whiteness_agrees_with_numpy(void **state)
{
    (void)state;
    fv_tensor a, b;
    fv_whiteness white;
    test_images(&a, &b, H, W);
    for (int64_t i = 0; i < H * W; i++)
        ((float *)a.data)[i] -= ((float *)b.data)[i];
    assert_ok(fv_residual_whiteness(ctx, a, 5, &white));
    const double *want = numbers("images", "whiteness");
    for (int d = 0; d < 5; d++) {
        assert_near(white.along[0][d], want[d], 1e-10);
        assert_near(white.along[1][d], want[5 + d], 1e-10);
    }
    assert_near(white.rms, want[10], 1e-10);
    fvi_rng r = fvi_rng_new(1, 2);
    for (int64_t i = 0; i < H * W; i++)
        ((float *)a.data)[i] = (float)fvi_rng_normal(&r);
    assert_ok(fv_residual_whiteness(ctx, a, 8, &white));
    assert_near(white.rms / white.white, 1, 0.6);
    assert_int_equal(fv_residual_whiteness(ctx, a, 0, &white), FV_EINVAL);
    assert_int_equal(
        fv_residual_whiteness(ctx, fv_slice(a, 0, 0, 5), 5, &white), FV_ESHAPE);
    free(a.data);
    free(b.data);
}

static void flat_images_have_finite_errors(void **state)
{
    (void)state;
    fv_errors e;
    fv_whiteness white;
    fv_tensor flat = zeros(FV_F32, 2, 20, 20, 1);
    assert_ok(fv_judge_errors(ctx, flat, flat, 0, &e));
    assert_near(e.nrmse, 0, 0);
    assert_near(e.pearson, 0, 0);
    assert_true(isinf(e.psnr) && isinf(e.psnr_scaled));
    assert_ok(fv_residual_whiteness(ctx, flat, 4, &white));
    assert_near(white.rms, 0, 0);
    free(flat.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_agree_with_skimage),
        cmocka_unit_test(scaled_psnr_forgives_shift_and_factor),
        cmocka_unit_test(ms_ssim_agrees_with_numpy),
        cmocka_unit_test(rings_agree_with_numpy),
        cmocka_unit_test(one_image_tells_what_two_do),
        cmocka_unit_test(whiteness_agrees_with_numpy),
        cmocka_unit_test(flat_images_have_finite_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
