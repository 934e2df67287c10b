/* Point spread functions against quadrature; pictures against what the camera
 * was told, and their noise against what it measures. */
#define GOLDEN "restore.txt"
#include "fovea/degrade.h"
#include "judge_test.h"
#include "task/fft.h"

static void compare(fv_tensor got, const char *scope, const char *name,
                    double tolerance)
{
    fv_tensor want = golden_array_of(scope, name);
    assert_true(fv_same_shape(got, want));
    for (int64_t i = 0; i < fv_count(got); i++)
        assert_near(((float *)got.data)[i], ((double *)want.data)[i],
                    tolerance);
}

static fv_tensor room_for(const char *scope, const char *name)
{
    return golden_as(scope, name, FV_F32);
}

static void point_spreads_agree_with_quadrature(void **state)
{
    (void)state;
    fv_optics o = fv_optics_default();
    fv_tensor t = room_for("psf", "lanni");
    assert_ok(fv_psf_gibson_lanni(ctx, &o, t));
    compare(t, "psf", "lanni", 1e-7);
    free(t.data);
    o.pitch[2] = 0.13;
    t = room_for("psf", "airy");
    assert_ok(fv_psf_airy(ctx, &o, t));
    compare(t, "psf", "airy", 1e-7);
    free(t.data);
    o = fv_optics_default();
    o.depth = 1;
    t = room_for("psf", "total"); /* NA over the index of the sample */
    assert_ok(fv_psf_gibson_lanni(ctx, &o, t));
    compare(t, "psf", "total", 1e-6);
    free(t.data);
    o.depth = 2;
    o.na = 1.2;
    o.index = 1.5;
    t = room_for("psf", "deep");
    assert_ok(fv_psf_gibson_lanni(ctx, &o, t));
    compare(t, "psf", "deep", 1e-6);
    free(t.data);
    t = room_for("psf", "gaussian");
    assert_ok(fv_psf_gaussian(ctx, (double[3]){0.8, 1.2, 1.5}, t));
    compare(t, "psf", "gaussian", 1e-7);
    free(t.data);
}

/* In focus and without a layer, Gibson and Lanni's is Airy's. */
static void lanni_in_focus_is_airy(void **state)
{
    (void)state;
    fv_optics o = fv_optics_default();
    fv_tensor a = zeros(FV_F32, 2, 21, 20, 1), b = zeros(FV_F32, 2, 21, 20, 1);
    assert_ok(fv_psf_airy(ctx, &o, a));
    assert_ok(fv_psf_gibson_lanni(ctx, &o, b));
    for (int i = 0; i < 420; i++)
        assert_near(((float *)a.data)[i], ((float *)b.data)[i], 1e-8);
    free(a.data);
    free(b.data);
}

static void a_point_becomes_the_point_spread(void **state)
{
    (void)state;
    fv_tensor psf = golden_as("deconvolve", "psf", FV_F32);
    fv_tensor im = zeros(FV_F32, 2, 17, 20, 1);
    ((float *)im.data)[8 * 20 + 9] = 2;
    if (!fvi_fft_built()) {
        assert_int_equal(fv_convolve_psf(ctx, im, psf, im), FV_ENOTSUP);
    } else {
        assert_ok(fv_convolve_psf(ctx, im, psf, im));
        for (int y = 0; y < 17; y++)
            for (int x = 0; x < 20; x++) {
                int j = y - 8 + 2, i = x - 9 + 3;
                bool in = j >= 0 && j < 5 && i >= 0 && i < 6;
                float want = in ? 2 * ((float *)psf.data)[j * 6 + i] : 0;
                assert_near(((float *)im.data)[y * 20 + x], want, 1e-5);
            }
    }
    free(im.data);
    free(psf.data);
}

/* Stripes of 0, 1/3, 2/3 and all of the light. */
static fv_tensor stripes(int64_t h, int64_t w)
{
    fv_tensor t = zeros(FV_F32, 2, h, w, 1);
    for (int64_t i = 0; i < h * w; i++)
        ((float *)t.data)[i] = (float)(i % w * 4 / w) / 3;
    return t;
}

static void picture_has_the_mean_and_noise_it_was_told(void **state)
{
    (void)state;
    enum { H = 200, W = 400, PART = W / 4 };
    fv_camera c = fv_camera_default();
    c.sigma = 0;
    c.photons = 300;
    c.background = 8;
    c.gain = 2.5;
    c.read_noise = 4;
    fv_tensor object = stripes(H, W), noisy = zeros(FV_F32, 2, H, W, 1);
    fv_tensor clean = zeros(FV_F32, 2, H, W, 1);
    assert_ok(fv_take_picture(ctx, object, &c, noisy, clean));
    for (int part = 0; part < 4; part++) {
        double n = H * PART, sum = 0, squares = 0, light = 100 * part + 8;
        double want = 100 + 2.5 * light, var = 2.5 * 2.5 * (light + 16);
        for (int y = 0; y < H; y++)
            for (int x = part * PART; x < (part + 1) * PART; x++) {
                double d = ((float *)noisy.data)[y * W + x] - want;
                assert_near(((float *)clean.data)[y * W + x], want, 1e-3);
                sum += d;
                squares += d * d;
            }
        assert_near(sum / n, 0, 5 * sqrt(var / n));
        assert_near(squares / n / var, 1, 5 * sqrt(2.1 / n));
    }
    free(object.data);
    free(noisy.data);
    free(clean.data);
}

static void picture_does_not_depend_on_threads(void **state)
{
    (void)state;
    fv_camera c = fv_camera_default();
    c.binning = 2;
    c.seed = 5;
    fv_tensor object = stripes(60, 71), a[2], b[2];
    for (int t = 0; t < 2; t++) {
        a[t] = zeros(FV_F32, 2, 30, 35, 1);
        b[t] = zeros(FV_F32, 2, 30, 35, 1);
        fv_set_threads(ctx, 1 + 2 * t);
        assert_ok(fv_take_picture(ctx, object, &c, a[t], b[t]));
    }
    assert_memory_equal(a[0].data, a[1].data, 30 * 35 * 4);
    assert_memory_equal(b[0].data, b[1].data, 30 * 35 * 4);
    c.seed = 6;
    assert_ok(fv_take_picture(ctx, object, &c, a[1], b[1]));
    assert_memory_not_equal(a[0].data, a[1].data, 30 * 35 * 4);
    fv_set_threads(ctx, 0);
    for (int t = 0; t < 2; t++) {
        free(a[t].data);
        free(b[t].data);
    }
    free(object.data);
}

/* Binned and sharp: means of four, of the object itself. */
static void clean_picture_may_be_sharp(void **state)
{
    (void)state;
    fv_camera c = fv_camera_default();
    c.binning = 2;
    c.sharp = 1;
    c.photons = 0;
    fv_tensor object = zeros(FV_F32, 2, 8, 8, 1);
    fv_tensor noisy = zeros(FV_F32, 2, 4, 4, 1),
              clean = zeros(FV_F32, 2, 4, 4, 1);
    ((float *)object.data)[0] = 40;
    ((float *)object.data)[63] = NAN;
    assert_ok(fv_take_picture(ctx, object, &c, noisy, clean));
    assert_near(((float *)clean.data)[0], 100 + 10 + 5, 1e-4);
    assert_near(((float *)clean.data)[5], 105, 1e-4);
    assert_near(((float *)clean.data)[15], 105, 1e-4);
    assert_int_equal(fv_take_picture(ctx, object, &c, object, clean),
                     FV_ESHAPE);
    c.gain = 0;
    assert_int_equal(fv_take_picture(ctx, object, &c, noisy, clean), FV_EINVAL);
    free(object.data);
    free(noisy.data);
    free(clean.data);
}

static void noise_is_measured_as_it_was_made(void **state)
{
    (void)state;
    static const struct {
        double gain, read, photons;
    } cases[] = {{2, 3, 400}, {0.5, 1.5, 900}, {8, 2, 60}, {1, 12, 200}};
    for (int k = 0; k < 4; k++) {
        fv_camera c = fv_camera_default();
        fv_noise n;
        c.gain = cases[k].gain;
        c.read_noise = cases[k].read;
        c.photons = cases[k].photons;
        c.sigma = 6;
        c.seed = (uint64_t)k;
        fv_tensor object = stripes(300, 420);
        fv_tensor noisy = zeros(FV_F32, 2, 300, 420, 1);
        fv_tensor clean = zeros(FV_F32, 2, 300, 420, 1);
        assert_ok(fv_take_picture(ctx, object, &c, noisy, clean));
        assert_ok(fv_noise_estimate(ctx, noisy, c.offset, &n));
        assert_near(n.gain / c.gain, 1, 0.06);
        assert_near(n.read / (c.gain * c.read_noise), 1, 0.25);
        assert_true(n.levels > 10);
        free(object.data);
        free(noisy.data);
        free(clean.data);
    }
}

static void noise_of_nothing_is_told(void **state)
{
    (void)state;
    fv_noise n;
    fv_tensor flat = zeros(FV_F32, 2, 40, 40, 1);
    assert_int_equal(fv_noise_estimate(ctx, flat, 0, &n), FV_EINVAL);
    for (int i = 0; i < 1600; i++)
        ((float *)flat.data)[i] = (float)i;
    assert_ok(fv_noise_estimate(ctx, flat, 0, &n));
    assert_near(n.sigma, 0, 1e-3);
    assert_int_equal(fv_noise_estimate(ctx, fv_slice(flat, 0, 0, 10), 0, &n),
                     FV_ESHAPE);
    free(flat.data);
}

static void impossible_optics_are_refused(void **state)
{
    (void)state;
    fv_optics o = fv_optics_default();
    fv_tensor v = zeros(FV_F32, 3, 3, 4, 5), p = zeros(FV_F32, 2, 4, 5, 1);
    assert_int_equal(fv_psf_airy(ctx, &o, v), FV_ESHAPE);
    o.na = 1.6; /* over the index */
    assert_int_equal(fv_psf_airy(ctx, &o, p), FV_EINVAL);
    assert_int_equal(fv_psf_gibson_lanni(ctx, &o, v), FV_EINVAL);
    o = fv_optics_default();
    o.pitch[0] = 0;
    assert_ok(fv_psf_gibson_lanni(ctx, &o, p));
    assert_int_equal(fv_psf_gibson_lanni(ctx, &o, v), FV_EINVAL);
    assert_int_equal(fv_psf_gaussian(ctx, (double[3]){0, NAN, 1}, p),
                     FV_EINVAL);
    free(v.data);
    free(p.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(point_spreads_agree_with_quadrature),
        cmocka_unit_test(lanni_in_focus_is_airy),
        cmocka_unit_test(a_point_becomes_the_point_spread),
        cmocka_unit_test(picture_has_the_mean_and_noise_it_was_told),
        cmocka_unit_test(picture_does_not_depend_on_threads),
        cmocka_unit_test(clean_picture_may_be_sharp),
        cmocka_unit_test(noise_is_measured_as_it_was_made),
        cmocka_unit_test(noise_of_nothing_is_told),
        cmocka_unit_test(impossible_optics_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
