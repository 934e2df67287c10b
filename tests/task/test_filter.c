/* Classical restoration against scipy and the definitions of the papers. */
#define GOLDEN "restore.txt"
#include "fovea/filter.h"
#include "fovea/image.h"
#include "fovea/score.h"
#include "judge_test.h"
#include "task/fft.h"

/* The image of tools/make_golden_restore.py; (d,h,w) when d is over 0. */
static fv_tensor golden_image(int64_t d, int64_t h, int64_t w, double minus)
{
    fv_tensor truth, image;
    test_images(&truth, &image, d ? d * h : h, w);
    free(truth.data);
    for (int64_t i = 0; i < fv_count(image); i++)
        ((float *)image.data)[i] -= (float)minus;
    int64_t dim[3] = {d, h, w};
    return d ? fv_dense(image.data, FV_F32, 3, dim) : image;
}

/* Compares and frees `got`. */
static void compare(fv_tensor got, const char *scope, const char *name,
                    double tolerance)
{
    fv_tensor want = golden_array_of(scope, name);
    assert_true(fv_same_shape(got, want));
    for (int64_t i = 0; i < fv_count(got); i++)
        assert_near(((float *)got.data)[i], ((double *)want.data)[i],
                    tolerance);
    free(got.data);
}

static void gaussian_agrees_with_scipy(void **state)
{
    (void)state;
    fv_tensor a = golden_image(0, 19, 22, 0), b = golden_image(5, 8, 9, 0);
    assert_ok(fv_filter_gaussian(ctx, a, (double[3]){9, 1.3, 2.1}, a));
    compare(a, "filter", "gaussian", 5e-4);
    assert_ok(fv_filter_gaussian(ctx, b, (double[3]){0.7, 1.1, 3}, b));
    compare(b, "filter", "gaussian_volume", 5e-4);
}

static void median_agrees_with_scipy(void **state)
{
    (void)state;
    fv_tensor a = golden_image(0, 19, 22, 0), b = golden_image(5, 8, 9, 0);
    assert_ok(fv_filter_median(ctx, a, 2, a));
    compare(a, "filter", "median", 0);
    assert_ok(fv_filter_median(ctx, b, 1, b));
    compare(b, "filter", "median_volume", 0);
}

static void nlm_agrees_with_brute_force(void **state)
{
    (void)state;
    fv_tensor a = golden_image(0, 19, 22, 0);
    fv_nlm o = {.sigma = 40, .h = 0.7, .patch = 1, .search = 3};
    assert_ok(fv_filter_nlm(ctx, a, o, a));
    compare(a, "filter", "nlm", 1e-3);
}

static void bm3d_agrees_with_brute_force(void **state)
{
    (void)state;
    fv_tensor a = golden_image(0, 26, 29, 0);
    assert_ok(fv_filter_bm3d(ctx, a, 30, a));
    compare(a, "filter", "bm3d", 0.02);
}

static void deconvolution_agrees_with_numpy(void **state)
{
    (void)state;
    fv_tensor k = golden_as("deconvolve", "psf", FV_F32);
    fv_tensor k3 = golden_as("deconvolve", "psf_volume", FV_F32);
    fv_tensor a = golden_image(0, 17, 20, 600), b = golden_image(4, 9, 10, 600);
    if (!fvi_fft_built()) {
        assert_int_equal(fv_filter_wiener(ctx, a, k, 0.02, a), FV_ENOTSUP);
        assert_int_equal(fv_filter_richardson_lucy(ctx, b, k3, 4, 0, b),
                         FV_ENOTSUP);
        free(a.data);
        free(b.data);
    } else {
        assert_ok(fv_filter_wiener(ctx, a, k, 0.02, a));
        compare(a, "deconvolve", "wiener", 2e-3);
        assert_ok(fv_filter_wiener(ctx, b, k3, 0.1, b));
        compare(b, "deconvolve", "wiener_volume", 2e-3);
        a = golden_image(0, 17, 20, 600);
        assert_ok(fv_filter_richardson_lucy(ctx, a, k, 6, 0, a));
        compare(a, "deconvolve", "lucy", 2e-3);
        a = golden_image(0, 17, 20, 600);
        assert_ok(fv_filter_richardson_lucy(ctx, a, k, 5, 0.02, a));
        compare(a, "deconvolve", "lucy_tv", 2e-3);
        b = golden_image(4, 9, 10, 600);
        assert_ok(fv_filter_richardson_lucy(ctx, b, k3, 4, 0.01, b));
        compare(b, "deconvolve", "lucy_volume", 2e-3);
    }
    free(k.data);
    free(k3.data);
}

static void stabilizer_agrees_with_its_formula(void **state)
{
    (void)state;
    fv_tensor a = golden_as("stabilize", "counts", FV_F32);
    assert_ok(fv_stabilize(ctx, a, 2.5, 100, 4));
    const double *even = numbers("stabilize", "even");
    const double *back = numbers("stabilize", "back");
    for (int64_t i = 0; i < fv_count(a); i++)
        assert_near(((float *)a.data)[i], even[i], 1e-6 * (1 + even[i]));
    assert_ok(fv_unstabilize(ctx, a, 2.5, 100, 4));
    for (int64_t i = 0; i < fv_count(a); i++)
        assert_near(((float *)a.data)[i], back[i], 1e-6 * (1 + fabs(back[i])));
    assert_int_equal(fv_stabilize(ctx, a, 0, 0, 0), FV_EINVAL);
    free(a.data);
}

/* ---- real data ---- */

static fv_tensor volume_of(fv_image *im)
{
    fv_tensor t = zeros(FV_F32, 3, im->pixels.dim[0], im->pixels.dim[1],
                        im->pixels.dim[2]);
    assert_ok(fv_copy(ctx, im->pixels, t));
    fv_image_free(ctx, im);
    return t;
}

static fv_tensor read_bars(const char *name)
{
    char path[600];
    fv_image *im;
    snprintf(path, sizeof path, "%s/deconv_flowdec/bars-25pct/%s.tif",
             getenv("FV_DATA"), name);
    assert_ok(fv_image_read(ctx, path, NULL, &im));
    return volume_of(im);
}

static double sum_of(fv_tensor t)
{
    double sum = 0;
    for (int64_t i = 0; i < fv_count(t); i++)
        sum += ((float *)t.data)[i];
    return sum;
}

/* The bars of DeconvolutionLab2: the error falls from one step to the next.
 * The data hold the object's light times a factor, which is taken out. */
static void lucy_finds_the_bars(void **state)
{
    (void)state;
    static const int steps[3] = {0, 5, 20};
    double last = 1;
    char path[600];
    snprintf(path, sizeof path, "%s/deconv_flowdec/bars-25pct/data.tif",
             getenv("FV_DATA") ? getenv("FV_DATA") : "");
    if (access(path, R_OK) != 0 || !fvi_fft_built()) {
        print_message("skipped: no deconv_flowdec data, or no FFTW\n");
        skip();
    }
    fv_tensor truth = read_bars("actual"), data = read_bars("data");
    fv_tensor psf = read_bars("kernel"), x = read_bars("data");
    float factor = (float)(sum_of(truth) / sum_of(data));
    for (int k = 0; k < 3; k++) {
        fv_errors e;
        assert_ok(fv_filter_richardson_lucy(ctx, data, psf, steps[k], 0, x));
        for (int64_t i = 0; i < fv_count(x); i++)
            ((float *)x.data)[i] *= factor;
        assert_ok(fv_judge_errors(ctx, truth, x, 0, &e));
        assert_true(e.nrmse < last - 0.03);
        last = e.nrmse;
    }
    assert_near(last, 0.8392, 5e-4); /* the same loop in numpy */
    free(truth.data);
    free(data.data);
    free(psf.data);
    free(x.data);
}

/* ---- what must hold ---- */

typedef fv_status filter(fv_tensor from, fv_tensor to);

static fv_status by_gaussian(fv_tensor from, fv_tensor to)
{
    return fv_filter_gaussian(ctx, from, (double[3]){1, 1, 1}, to);
}

static fv_status by_median(fv_tensor from, fv_tensor to)
{
    return fv_filter_median(ctx, from, 1, to);
}

static fv_status by_nlm(fv_tensor from, fv_tensor to)
{
    fv_nlm o = fv_nlm_default();
    o.sigma = 20;
    return fv_filter_nlm(ctx, from, o, to);
}

static fv_status by_bm3d(fv_tensor from, fv_tensor to)
{
    return fv_filter_bm3d(ctx, from, 20, to);
}

static fv_status by_lucy(fv_tensor from, fv_tensor to)
{
    fv_tensor psf = zeros(FV_F32, 2, 3, 3, 1);
    for (int i = 0; i < 9; i++)
        ((float *)psf.data)[i] = i == 4 ? 4 : 1;
    fv_status status =
        fvi_fft_built()
            ? fv_filter_richardson_lucy(ctx, from, psf, 3, 0.002, to)
            : fv_copy(ctx, from, to);
    free(psf.data);
    return status;
}

static filter *const filters[] = {by_gaussian, by_median, by_nlm, by_bm3d,
                                  by_lucy};
enum { FILTERS = 5 };

/* A disk of 200 counts on 100, with noise of 20. */
static void disk(fv_tensor *clean, fv_tensor *noisy, int64_t n)
{
    fvi_rng r = fvi_rng_new(7, 7);
    *clean = zeros(FV_F32, 2, n, n, 1);
    *noisy = zeros(FV_F32, 2, n, n, 1);
    for (int64_t i = 0; i < n * n; i++) {
        double y = (double)(i / n - n / 2), x = (double)(i % n - n / 2);
        double v = y * y + x * x < n * n / 9.0 ? 200 : 100;
        ((float *)clean->data)[i] = (float)v;
        ((float *)noisy->data)[i] = (float)(v + 20 * fvi_rng_normal(&r));
    }
}

static void noise_goes_down(void **state)
{
    (void)state;
    fv_tensor clean, noisy;
    double before, after[FILTERS];
    disk(&clean, &noisy, 96);
    fv_tensor out = zeros(FV_F32, 2, 96, 96, 1);
    assert_ok(fv_psnr(ctx, clean, noisy, 255, &before));
    for (int k = 0; k < 4; k++) {
        assert_ok(filters[k](noisy, out));
        assert_ok(fv_psnr(ctx, clean, out, 255, after + k));
        assert_true(after[k] > before + 5);
    }
    assert_true(after[2] > after[0] + 2); /* edges survive NLM, not a blur */
    assert_true(after[3] > after[0] + 2);
    free(clean.data);
    free(noisy.data);
    free(out.data);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    fv_tensor clean, noisy, out[2];
    disk(&clean, &noisy, 150);
    for (int t = 0; t < 2; t++)
        out[t] = zeros(FV_F32, 2, 150, 150, 1);
    for (int k = 0; k < FILTERS; k++) {
        for (int t = 0; t < 2; t++) {
            fv_set_threads(ctx, 1 + 2 * t);
            assert_ok(filters[k](noisy, out[t]));
        }
        assert_memory_equal(out[0].data, out[1].data, 150 * 150 * 4);
    }
    fv_set_threads(ctx, 0);
    free(clean.data);
    free(noisy.data);
    free(out[0].data);
    free(out[1].data);
}

/* Odd, thin and tiny images; through strides; numbers that are none. */
static void any_image_is_taken(void **state)
{
    (void)state;
    static const int64_t size[][2] = {{1, 1}, {1, 40}, {9, 8}, {33, 2}};
    for (int k = 0; k < FILTERS; k++)
        for (int i = 0; i < 4; i++) {
            int64_t h = size[i][0], w = size[i][1];
            bool small = k == 3 && (h < 8 || w < 8);
            fv_tensor a = zeros(FV_F32, 3, h, w, 2);
            fv_tensor one = fv_slice(a, 2, 1, 2);
            one.ndim = 2;
            for (int64_t p = 0; p < h * w; p++)
                ((float *)a.data)[2 * p + 1] = 3;
            assert_int_equal(filters[k](one, one), small ? FV_ESHAPE : FV_OK);
            for (int64_t p = 0; p < h * w; p++) {
                assert_near(((float *)a.data)[2 * p + 1], 3, 1e-4);
                assert_near(((float *)a.data)[2 * p], 0, 0);
            }
            ((float *)a.data)[1] = NAN;
            if (!small)
                assert_ok(filters[k](one, one));
            free(a.data);
        }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    fv_nlm o = fv_nlm_default();
    fv_tensor a = zeros(FV_F32, 2, 9, 9, 1), v = zeros(FV_F32, 3, 4, 9, 9);
    fv_tensor u = zeros(FV_U16, 2, 9, 9, 1);
    assert_int_equal(fv_filter_nlm(ctx, a, o, a), FV_EINVAL); /* sigma 0 */
    o.sigma = 1;
    assert_int_equal(fv_filter_nlm(ctx, v, o, v), FV_ESHAPE);
    o.search = 1000;
    assert_int_equal(fv_filter_nlm(ctx, a, o, a), FV_EINVAL);
    assert_int_equal(fv_filter_median(ctx, a, 16, a), FV_EINVAL);
    assert_int_equal(fv_filter_median(ctx, v, 6, v), FV_EINVAL);
    assert_int_equal(fv_filter_median(ctx, u, 1, a), FV_ESHAPE);
    assert_int_equal(fv_filter_bm3d(ctx, a, NAN, a), FV_EINVAL);
    assert_int_equal(by_gaussian(a, v), FV_ESHAPE);
    assert_int_equal(fv_filter_richardson_lucy(ctx, a, v, 1, 0, a), FV_ESHAPE);
    assert_int_equal(fv_filter_richardson_lucy(ctx, a, a, -1, 0, a), FV_EINVAL);
    assert_int_equal(fv_filter_wiener(ctx, a, a, 0, a), FV_EINVAL);
    if (fvi_fft_built()) /* a PSF of zeros */
        assert_int_equal(fv_filter_wiener(ctx, a, a, 1, a), FV_EINVAL);
    free(a.data);
    free(v.data);
    free(u.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_agrees_with_scipy),
        cmocka_unit_test(median_agrees_with_scipy),
        cmocka_unit_test(nlm_agrees_with_brute_force),
        cmocka_unit_test(bm3d_agrees_with_brute_force),
        cmocka_unit_test(deconvolution_agrees_with_numpy),
        cmocka_unit_test(stabilizer_agrees_with_its_formula),
        cmocka_unit_test(lucy_finds_the_bars),
        cmocka_unit_test(noise_goes_down),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(any_image_is_taken),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
