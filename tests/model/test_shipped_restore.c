/* What the shipped models for restoration promise, on pictures they have not
 * seen: simulated nuclei, and a field that was left out of the training. */
#include "context.h"

#include "fovea/degrade.h"
#include "fovea/filter.h"
#include "fovea/model.h"
#include "fovea/score.h"
#include "fovea/synth.h"
#include "task/fft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 192 };

static fv_tensor plane_new(fv_dtype dtype)
{
    int64_t dim[2] = {SIDE, SIDE};
    fv_tensor t = fv_dense(NULL, dtype, 2, dim);
    t.data = calloc(SIDE * SIDE, sizeof(float));
    assert_non_null(t.data);
    return t;
}

/* Nuclei, each evenly bright; their picture under a blur of 1.5 px. */
static void take(double photons, int sharp, fv_tensor noisy, fv_tensor clean)
{
    fv_synth s = fv_synth_default();
    fv_tensor object = plane_new(FV_F32), labels = plane_new(FV_U32);
    int64_t count;
    s.height = s.width = SIDE;
    s.nuclei = 30;
    s.seed = 77;
    assert_ok(fv_synth_nuclei(ctx, &s, object, labels, &count));
    assert_true(count > 15);
    float *x = object.data;
    const uint32_t *label = labels.data;
    for (int64_t i = 0; i < SIDE * SIDE; i++)
        x[i] = label[i] ? 0.4f + 0.1f * (float)(label[i] % 7) : 0.02f;
    fv_camera c = fv_camera_default();
    c.sigma = 1.5;
    c.photons = photons;
    c.background = c.read_noise = 1;
    c.gain = 2;
    c.sharp = sharp;
    c.seed = 78;
    assert_ok(fv_take_picture(ctx, object, &c, noisy, clean));
    free(object.data);
    free(labels.data);
}

static double psnr(fv_tensor truth, fv_tensor image)
{
    double db;
    assert_ok(fv_psnr(ctx, truth, image, 0, &db));
    return db;
}

/* As (H,W), the caller's. */
static fv_tensor restored(const char *name, fv_tensor image)
{
    char *path;
    fv_model *m;
    fv_predictor *p;
    fv_tensor plane = image, out;
    plane.ndim = 3;
    plane.dim[2] = plane.stride[2] = 1;
    assert_ok(fv_model_locate(ctx, NULL, name, &path));
    assert_ok(fv_model_read(ctx, path, &m));
    fv_text_free(ctx, path);
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_ok(fv_restore(ctx, p, plane, 0, &out, NULL));
    fv_predictor_free(p);
    fv_model_free(ctx, m);
    out.ndim = 2;
    return out;
}

static double best_gaussian(fv_tensor noisy, fv_tensor clean)
{
    fv_tensor out = plane_new(FV_F32);
    double best = 0;
    for (double s = 0.7; s < 5; s *= 1.3) {
        assert_ok(fv_filter_gaussian(ctx, noisy, (double[3]){0, s, s}, out));
        best = fmax(best, psnr(clean, out));
    }
    free(out.data);
    return best;
}

static void noise_of_another_microscope_is_removed(void **state)
{
    (void)state;
    fv_tensor noisy = plane_new(FV_F32), clean = plane_new(FV_F32);
    take(60, 0, noisy, clean);
    fv_tensor good = restored("denoise-fluo", noisy);
    double before = psnr(clean, noisy), after = psnr(clean, good);
    double filter = best_gaussian(noisy, clean);
    print_message("denoise-fluo %.2f dB, noisy %.2f, best Gaussian %.2f\n",
                  after, before, filter);
    assert_true(after > before + 8);
    assert_true(after > filter - 0.5); /* which was chosen on the truth */
    fv_plane_free(ctx, &good);
    free(noisy.data);
    free(clean.data);
}

/* Richardson-Lucy with the true blur, stopped where it is best. */
static double best_lucy(fv_tensor noisy, fv_tensor clean)
{
    int64_t dim[2] = {15, 15};
    fv_tensor x = plane_new(FV_F32), psf = fv_dense(NULL, FV_F32, 2, dim);
    double best = 0;
    psf.data = calloc(15 * 15, sizeof(float));
    assert_ok(fv_psf_gaussian(ctx, (double[3]){0, 1.5, 1.5}, psf));
    for (int steps = 1; steps <= 16; steps *= 2) {
        for (int64_t i = 0; i < SIDE * SIDE; i++)
            ((float *)x.data)[i] = ((float *)noisy.data)[i] - 100;
        assert_ok(fv_filter_richardson_lucy(ctx, x, psf, steps, 0, x));
        for (int64_t i = 0; i < SIDE * SIDE; i++)
            ((float *)x.data)[i] += 100;
        best = fmax(best, psnr(clean, x));
    }
    free(psf.data);
    free(x.data);
    return best;
}

static void blur_is_taken_back_better_than_by_lucy(void **state)
{
    (void)state;
    if (!fvi_fft_built()) {
        print_message("skipped: built without FFTW\n");
        skip();
    }
    fv_tensor noisy = plane_new(FV_F32), clean = plane_new(FV_F32);
    take(10, 1, noisy, clean);
    fv_tensor good = restored("deblur-nuclei", noisy);
    double lucy = best_lucy(noisy, clean), after = psnr(clean, good);
    print_message("deblur-nuclei %.2f dB, Richardson-Lucy %.2f\n", after, lucy);
    assert_true(after > lucy + 1);
    fv_plane_free(ctx, &good);
    free(noisy.data);
    free(clean.data);
}

/* The middle of a picture of denoise_fmd. */
static fv_tensor read_field(const char *name)
{
    char path[600];
    fv_image *im;
    fv_tensor plane, out = plane_new(FV_F32);
    snprintf(path, sizeof path, "%s/denoise_fmd/%s.png", getenv("FV_DATA"),
             name);
    assert_ok(fv_image_read(ctx, path, NULL, &im));
    assert_ok(fv_image_plane(ctx, im, 0, -1, &plane, NULL));
    fv_image_free(ctx, im);
    fv_tensor middle = fv_slice(plane, 0, 160, 160 + SIDE);
    middle = fv_slice(middle, 1, 160, 160 + SIDE);
    middle.ndim = 2; /* one channel */
    assert_ok(fv_copy(ctx, middle, out));
    fv_plane_free(ctx, &plane);
    return out;
}

static void a_field_left_out_gains_what_the_card_says(void **state)
{
    (void)state;
    char path[600];
    double before, after;
    snprintf(path, sizeof path, "%s/denoise_fmd/gt/TwoPhoton_MICE.png",
             getenv("FV_DATA") ? getenv("FV_DATA") : "");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no denoise_fmd data\n");
        skip();
    }
    fv_tensor noisy = read_field("noisy/TwoPhoton_MICE_1");
    fv_tensor clean = read_field("gt/TwoPhoton_MICE");
    fv_tensor good = restored("denoise-fluo", noisy);
    assert_ok(fv_psnr(ctx, clean, noisy, 255, &before));
    assert_ok(fv_psnr(ctx, clean, good, 255, &after));
    print_message("TwoPhoton_MICE: %.2f to %.2f dB\n", before, after);
    assert_true(after > before + 5);
    fv_plane_free(ctx, &good);
    free(noisy.data);
    free(clean.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_of_another_microscope_is_removed),
        cmocka_unit_test(blur_is_taken_back_better_than_by_lucy),
        cmocka_unit_test(a_field_left_out_gains_what_the_card_says),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
