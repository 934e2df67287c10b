/* The simulator against its own model: counts, photon transfer, optics, truth,
 * seeds and threads. */
#include "base/base.h"
#include "context.h"
#include "fovea/synth.h"

enum { MOST = 512 * 512 };
static float image[MOST], other[MOST];
static uint32_t truth[MOST], other_truth[MOST];
static uint16_t image16[MOST];
static int64_t simulate(const fv_synth *s, float *pixels, uint32_t *labels)
{
    int64_t dim[2] = {s->height, s->width}, count = -1;
    fv_status status =
        fv_synth_nuclei(ctx, s, fv_dense(pixels, FV_F32, 2, dim),
                        fv_dense(labels, FV_U32, 2, dim), &count);
    if (status != FV_OK)
        fail_msg("%s", fv_message(ctx));
    return count;
}

static double mean_of(const float *a, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i];
    return sum / n;
}

/* From differences of neighbors along a row: blind to the slow gradient. */
static double variance_of(const float *a, int64_t height, int64_t width)
{
    double sum = 0;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x + 1 < width; x += 2) {
            double d = (double)a[y * width + x] - a[y * width + x + 1];
            sum += d * d;
        }
    return sum / (height * (width / 2) * 2);
}

static void dark_frame_is_offset_and_read_noise(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.nuclei = 0;
    s.background = 0;
    assert_int_equal(simulate(&s, image, truth), 0);
    assert_near(mean_of(image, MOST), s.offset, 0.1);
    double want = s.gain * s.gain * s.read_noise * s.read_noise;
    assert_near(variance_of(image, 512, 512) / want, 1, 0.02);
}

/* variance = gain * (mean - offset) + (gain * read noise)^2 */
static void slope_of_photon_transfer_is_the_gain(void **state)
{
    (void)state;
    static const double light[] = {10, 25, 100, 400, 1600};
    static const double gains[] = {0.5, 2};
    for (int j = 0; j < 2; j++) {
        double mean[5], var[5];
        fv_synth s = fv_synth_default();
        s.nuclei = 0;
        s.gain = gains[j];
        for (int i = 0; i < 5; i++) {
            s.background = light[i];
            s.seed = (uint64_t)i;
            simulate(&s, image, truth);
            mean[i] = mean_of(image, MOST);
            var[i] = variance_of(image, 512, 512);
            assert_near((mean[i] - s.offset) / (s.gain * light[i]), 1, 0.01);
            double want = s.gain * s.gain * (light[i] + 9);
            assert_near(var[i] / want, 1, 0.02);
        }
        double slope = (var[4] - var[0]) / (mean[4] - mean[0]);
        assert_near(slope / s.gain, 1, 0.02);
    }
}

static void labels_are_one_to_count(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    int64_t area[81] = {0}, total = 0;
    int64_t count = simulate(&s, image, truth);
    assert_int_equal(count, 80);
    for (int64_t i = 0; i < MOST; i++) {
        assert_true(truth[i] <= 80);
        area[truth[i]]++;
    }
    for (int i = 1; i <= 80; i++) {
        assert_true(area[i] >= 4);
        total += area[i];
    }
    /* pi/4 d^2 (1 + spread^2), less what the edge of the picture cuts off */
    double want = 80 * 0.785398 * 24 * 24 * 1.04;
    assert_true(total > 0.75 * want && total < 1.2 * want);
}

/* The share of nuclei with an earlier one as 4-neighbor. */
static double touching_share(const fv_synth *s)
{
    static char touched[1000];
    memset(touched, 0, sizeof touched);
    int64_t count = simulate(s, image, truth), n = 0;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++) {
            const uint32_t *l = truth + y * s->width + x;
            uint32_t right = x + 1 < s->width ? l[1] : 0;
            uint32_t below = y + 1 < s->height ? l[s->width] : 0;
            if (*l && right && right != *l)
                touched[right > *l ? right : *l] = 1;
            if (*l && below && below != *l)
                touched[below > *l ? below : *l] = 1;
        }
    for (int64_t i = 1; i <= count; i++)
        n += touched[i];
    assert_true(count > 100);
    return (double)n / count;
}

static void touching_is_the_share_that_touches(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.nuclei = 200;
    s.diameter = 16;
    s.touching = 0;
    assert_near(touching_share(&s), 0, 0);
    s.touching = 0.5;
    assert_near(touching_share(&s), 0.5, 0.1);
    s.touching = 1;
    assert_true(touching_share(&s) > 0.97);
}

static void nuclei_send_the_photons_asked_for(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.nuclei = 400;
    s.diameter = 14;
    s.psf_sigma = 0;
    simulate(&s, image, truth);
    double sum = 0, below = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < MOST; i++)
        if (truth[i]) {
            sum += (image[i] - s.offset) / s.gain;
            n++;
        } else {
            below += (image[i] - s.offset) / s.gain;
        }
    assert_near(below / (MOST - n), s.background, 0.4);
    assert_near((sum / n - s.background) / s.photons, 1, 0.05);
}

/* Variance along x of the light of a picture without background. */
static double width_of(const fv_synth *s, const float *a, double *total)
{
    double sum = 0, x1 = 0, x2 = 0;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++) {
            double v = a[y * s->width + x];
            sum += v;
            x1 += v * x;
            x2 += v * x * x;
        }
    *total = sum;
    return x2 / sum - (x1 / sum) * (x1 / sum);
}

/* One nucleus far from the edges: the first seed that gives one. */
static fv_synth lonely(void)
{
    fv_synth s = fv_synth_default();
    s.height = s.width = 128;
    s.nuclei = 1;
    s.photons = 1e6;
    s.background = s.read_noise = s.offset = 0;
    s.gain = 1;
    for (;; s.seed++) {
        simulate(&s, image, truth);
        int64_t near_edge = 0;
        for (int64_t i = 0; i < 128 * 128; i++) {
            int64_t y = i / 128, x = i % 128;
            if (truth[i] && (y < 32 || x < 32 || y >= 96 || x >= 96))
                near_edge++;
        }
        if (!near_edge)
            return s;
    }
}

/* Convolution adds variances and keeps the sum. */
static void blur_has_the_width_of_the_psf(void **state)
{
    (void)state;
    fv_synth s = lonely();
    double total, spread_total;
    s.psf_sigma = 0;
    simulate(&s, image, truth);
    double sharp = width_of(&s, image, &total);
    s.psf_sigma = 3;
    simulate(&s, image, truth);
    double spread = width_of(&s, image, &spread_total);
    assert_near(spread - sharp, 9, 0.1);
    assert_near(spread_total / total, 1, 1e-3);
}

static void same_seed_same_bits_for_any_threads(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.height = 200;
    s.width = 331;
    s.seed = 7;
    size_t n = 200 * 331;
    fv_set_threads(ctx, 1);
    int64_t count = simulate(&s, image, truth);
    for (int threads = 1; threads <= 7; threads += 2) {
        fv_set_threads(ctx, threads);
        assert_int_equal(simulate(&s, other, other_truth), count);
        assert_memory_equal(image, other, n * sizeof *image);
        assert_memory_equal(truth, other_truth, n * sizeof *truth);
    }
    s.seed = 8;
    simulate(&s, other, other_truth);
    assert_true(memcmp(image, other, n * sizeof *image) != 0);
    assert_true(memcmp(truth, other_truth, n * sizeof *truth) != 0);
    fv_set_threads(ctx, 0);
}

static void sixteen_bits_are_the_rounded_counts(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.height = s.width = 64;
    s.photons = 60000; /* some pixels saturate */
    int64_t dim[2] = {64, 64}, count;
    simulate(&s, image, truth);
    fv_tensor view = fv_dense(image16, FV_U16, 2, dim);
    fv_tensor wide = fv_dense(truth, FV_U32, 2, dim);
    view.stride[0] = 100; /* a view into something wider */
    assert_int_equal(fv_synth_nuclei(ctx, &s, view, wide, &count), FV_OK);
    int64_t saturated = 0;
    for (int64_t y = 0; y < 64; y++)
        for (int64_t x = 0; x < 64; x++) {
            double want = fmin(fmax(image[y * 64 + x], 0), 65535);
            assert_near(image16[y * 100 + x], want, 0.51);
            saturated += image16[y * 100 + x] == 65535;
        }
    assert_true(saturated > 0);
}

static void full_and_tiny_fields_end(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.height = s.width = 64;
    s.nuclei = 1000000;
    int64_t count = simulate(&s, image, truth);
    assert_true(count >= 3 && count < 30);
    s.height = s.width = 1;
    assert_true(simulate(&s, image, truth) <= 1);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    int64_t dim[2] = {512, 512}, small[2] = {512, 511}, count;
    fv_tensor im = fv_dense(image, FV_F32, 2, dim);
    fv_tensor lab = fv_dense(truth, FV_U32, 2, dim);
    fv_tensor bad = fv_dense(image, FV_F32, 2, small);
    assert_int_equal(fv_synth_nuclei(ctx, &s, bad, lab, &count), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "f32[512,511]"));
    assert_int_equal(fv_synth_nuclei(ctx, &s, im, im, &count), FV_ESHAPE);
    s.diameter = NAN;
    assert_int_equal(fv_synth_nuclei(ctx, &s, im, lab, &count), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "diameter"));
    s = fv_synth_default();
    s.touching = 1.5;
    assert_int_equal(fv_synth_nuclei(ctx, &s, im, lab, &count), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "touching is 1.5"));
}

/* ---- an allocator that refuses the n-th block ---- */

static void *count_down(void *left, size_t size)
{
    if ((*(int *)left)-- <= 0)
        return NULL;
    return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void release(void *left, void *block)
{
    (void)left;
    free(block);
}

static void refused_memory_is_an_error(void **state)
{
    (void)state;
    fv_synth s = fv_synth_default();
    s.height = s.width = 96;
    int64_t dim[2] = {96, 96}, count;
    fv_tensor im = fv_dense(image, FV_F32, 2, dim);
    fv_tensor lab = fv_dense(truth, FV_U32, 2, dim);
    fv_status status = FV_ENOMEM;
    int refused = 0;
    for (int n = 1; status != FV_OK; n++) {
        int left = 1000000;
        fv_allocator a = {count_down, release, &left};
        fv_ctx *c;
        assert_int_equal(fv_ctx_new(&a, &c), FV_OK);
        left = n - 1;
        status = fv_synth_nuclei(c, &s, im, lab, &count);
        assert_true(status == FV_OK || status == FV_ENOMEM);
        refused += status == FV_ENOMEM;
        size_t live, peak;
        fv_memory(c, &live, &peak);
        assert_int_equal(live, 0);
        fv_ctx_free(c);
        assert_true(n < 100);
    }
    assert_true(refused >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dark_frame_is_offset_and_read_noise),
        cmocka_unit_test(slope_of_photon_transfer_is_the_gain),
        cmocka_unit_test(labels_are_one_to_count),
        cmocka_unit_test(touching_is_the_share_that_touches),
        cmocka_unit_test(nuclei_send_the_photons_asked_for),
        cmocka_unit_test(blur_has_the_width_of_the_psf),
        cmocka_unit_test(same_seed_same_bits_for_any_threads),
        cmocka_unit_test(sixteen_bits_are_the_rounded_counts),
        cmocka_unit_test(full_and_tiny_fields_end),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(refused_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
