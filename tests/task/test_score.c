/* Matching against scipy's assignment and against what must hold for any
 * labels; image quality against scikit-image. */
#include "task_test.h"

enum { LEVELS = 9, COLUMNS = 10 };

static void matching_agrees_with_scipy(void **state)
{
    (void)state;
    static const char *const name[] = {"pred", "near", "same"};
    fv_tensor truth = golden_as("match", "truth", FV_U32);
    const double *level = golden_find(&gold, "match", "levels").data;
    for (int k = 0; k < 3; k++) {
        fv_match m[LEVELS];
        char scope[32];
        snprintf(scope, sizeof scope, "%s_result", name[k]);
        fv_tensor pred = golden_as("match", name[k], FV_U32);
        const double *want = golden_find(&gold, "match", scope).data;
        assert_ok(fv_match_labels(ctx, truth, pred, LEVELS, level, m));
        for (int i = 0; i < LEVELS; i++, want += COLUMNS) {
            double got[COLUMNS] = {(double)m[i].tp, (double)m[i].fp,
                                   (double)m[i].fn, m[i].precision,
                                   m[i].recall,     m[i].f1,
                                   m[i].ap,         m[i].mean_iou,
                                   m[i].mean_true,  m[i].pq};
            for (int c = 0; c < COLUMNS; c++)
                assert_near(got[c], want[c], 1e-12);
        }
        free(pred.data);
    }
    free(truth.data);
}

static fv_tensor random_blocks(int64_t side, int64_t block, int64_t colors)
{
    fv_tensor l = new_labels(side, side);
    int64_t n = side / block + 1;
    uint32_t *color = malloc((size_t)(n * n) * sizeof *color);
    for (int64_t i = 0; i < n * n; i++)
        color[i] = (uint32_t)(draw(colors) * 40000000);
    for (int64_t i = 0; i < side * side; i++)
        ((uint32_t *)l.data)[i] =
            color[i / side / block * n + i % side / block];
    free(color);
    return l;
}

/* Swapping truth and prediction swaps errors; new names change nothing; higher
 * thresholds never match more. */
static void matching_is_invariant(void **state)
{
    (void)state;
    static const double level[5] = {0.1, 0.3, 0.5, 0.6, 0.9};
    for (int round = 0; round < 30; round++) {
        fv_match ab[5], ba[5], renamed[5];
        int64_t count;
        fv_tensor a = random_blocks(40, 5 + draw(4), 12);
        fv_tensor b = random_blocks(40, 4 + draw(6), 9);
        assert_ok(fv_match_labels(ctx, a, b, 5, level, ab));
        assert_ok(fv_match_labels(ctx, b, a, 5, level, ba));
        assert_ok(fv_clean_labels(ctx, b, 0, 0, &count));
        assert_ok(fv_match_labels(ctx, a, b, 5, level, renamed));
        for (int i = 0; i < 5; i++) {
            assert_int_equal(ab[i].tp, ba[i].tp);
            assert_int_equal(ab[i].fp, ba[i].fn);
            assert_int_equal(ab[i].fn, ba[i].fp);
            assert_near(ab[i].pq, ba[i].pq, 1e-12);
            assert_int_equal(ab[i].tp, renamed[i].tp);
            assert_near(ab[i].mean_iou, renamed[i].mean_iou, 1e-12);
            if (i)
                assert_true(ab[i].tp <= ab[i - 1].tp);
        }
        free(a.data);
        free(b.data);
    }
}

/* A square moved by 2 of its 6 pixels: IoU 24/48. */
static void known_overlap_counts_at_its_threshold(void **state)
{
    (void)state;
    static const double level[3] = {0.5, 0.5000001, 1};
    fv_tensor a = new_labels(20, 20), b = new_labels(20, 20);
    fv_match m[3];
    for (int y = 3; y < 9; y++)
        for (int x = 3; x < 9; x++) {
            ((uint32_t *)a.data)[20 * y + x] = UINT32_MAX;
            ((uint32_t *)b.data)[20 * y + x + 2] = 1;
        }
    assert_ok(fv_match_labels(ctx, a, b, 3, level, m));
    assert_int_equal(m[0].tp, 1);
    assert_near(m[0].mean_iou, 0.5, 0);
    assert_int_equal(m[1].tp, 0);
    assert_int_equal(m[1].fp, 1);
    assert_int_equal(m[1].fn, 1);
    assert_near(m[1].ap, 0, 0);
    assert_ok(fv_match_labels(ctx, a, a, 3, level, m));
    assert_near(m[2].pq, 1, 0);
    free(a.data);
    free(b.data);
}

static void empty_images_agree(void **state)
{
    (void)state;
    double level = 0.5;
    fv_match m;
    fv_tensor a = new_labels(3, 4), b = new_labels(3, 4),
              none = new_labels(0, 4);
    assert_ok(fv_match_labels(ctx, a, b, 1, &level, &m));
    assert_near(m.ap, 1, 0);
    assert_near(m.f1, 1, 0);
    assert_ok(fv_match_labels(ctx, none, none, 1, &level, &m));
    assert_near(m.ap, 1, 0);
    ((uint32_t *)b.data)[5] = 1;
    assert_ok(fv_match_labels(ctx, a, b, 1, &level, &m));
    assert_int_equal(m.fp, 1);
    assert_near(m.ap, 0, 0);
    assert_near(m.pq, 0, 0);
    level = 0;
    assert_int_equal(fv_match_labels(ctx, a, b, 1, &level, &m), FV_EINVAL);
    assert_int_equal(fv_match_labels(ctx, a, none, 1, &level, &m), FV_ESHAPE);
    free(a.data);
    free(b.data);
    free(none.data);
}

/* Stripes shifted by half: every pair hangs together with the next. */
static void a_long_chain_of_overlaps_is_matched(void **state)
{
    (void)state;
    enum { WIDTH = 60000 };
    static const double level[2] = {0.3, 1. / 3};
    fv_match m[2];
    fv_tensor a = new_labels(1, WIDTH), b = new_labels(1, WIDTH);
    for (int x = 0; x < WIDTH; x++) {
        ((uint32_t *)a.data)[x] = (uint32_t)x / 4 + 1;
        ((uint32_t *)b.data)[x] = (uint32_t)(x + 2) / 4;
    }
    assert_ok(fv_match_labels(ctx, a, b, 2, level, m));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(m[i].tp, WIDTH / 4);
        assert_int_equal(m[i].fn, 0);
    }
    free(a.data);
    free(b.data);
}

static void ratios_pool_over_images(void **state)
{
    (void)state;
    fv_match m = {.tp = 6, .fp = 2, .fn = 4};
    fv_match_ratios(&m, 4.5);
    assert_near(m.precision, 0.75, 1e-15);
    assert_near(m.recall, 0.6, 1e-15);
    assert_near(m.f1, 12. / 18, 1e-15);
    assert_near(m.ap, 0.5, 1e-15);
    assert_near(m.mean_iou, 0.75, 1e-15);
    assert_near(m.mean_true, 0.45, 1e-15);
    assert_near(m.pq, 0.5, 1e-15);
}

static void quality_matches_skimage(void **state)
{
    (void)state;
    double v = 0;
    fv_tensor a = golden_as("quality", "truth", FV_F32);
    fv_tensor b = golden_as("quality", "image", FV_F32);
    const double *want = golden_find(&gold, "quality", "numbers").data;
    assert_ok(fv_psnr(ctx, a, b, 100, &v));
    assert_near(v, want[0], 1e-9);
    assert_ok(fv_psnr(ctx, a, b, 0, &v));
    assert_near(v, want[1], 1e-9);
    assert_ok(fv_ssim(ctx, a, b, 100, &v));
    assert_near(v, want[2], 1e-9);
    assert_ok(fv_psnr(ctx, a, a, 100, &v));
    assert_true(isinf(v));
    assert_ok(fv_ssim(ctx, a, a, 100, &v));
    assert_near(v, 1, 1e-12);
    assert_int_equal(
        fv_ssim(ctx, fv_slice(a, 0, 0, 10), fv_slice(b, 0, 0, 10), 1, &v),
        FV_ESHAPE);
    assert_int_equal(fv_psnr(ctx, a, fv_slice(b, 0, 0, 10), 1, &v), FV_ESHAPE);
    free(a.data);
    free(b.data);
}

static void quality_is_bit_identical_for_any_threads(void **state)
{
    (void)state;
    double psnr[3], ssim[3];
    fv_tensor a = new_tensor(FV_F32, 2, 290, 333, 1);
    fv_tensor b = new_tensor(FV_F32, 2, 290, 333, 1);
    for (int64_t i = 0; i < fv_count(a); i++) {
        ((float *)a.data)[i] = (float)draw(1000) / 7;
        ((float *)b.data)[i] = ((float *)a.data)[i] + (float)draw(100) / 9;
    }
    for (int t = 0; t < 3; t++) {
        fv_set_threads(ctx, t + 1);
        assert_ok(fv_psnr(ctx, a, b, 0, psnr + t));
        assert_ok(fv_ssim(ctx, a, b, 0, ssim + t));
        assert_memory_equal(psnr + t, psnr, sizeof *psnr);
        assert_memory_equal(ssim + t, ssim, sizeof *ssim);
    }
    fv_set_threads(ctx, 0);
    free(a.data);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_agrees_with_scipy),
        cmocka_unit_test(matching_is_invariant),
        cmocka_unit_test(known_overlap_counts_at_its_threshold),
        cmocka_unit_test(empty_images_agree),
        cmocka_unit_test(a_long_chain_of_overlaps_is_matched),
        cmocka_unit_test(ratios_pool_over_images),
        cmocka_unit_test(quality_matches_skimage),
        cmocka_unit_test(quality_is_bit_identical_for_any_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
