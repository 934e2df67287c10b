/* Judges of label images against stardist, scikit-image and brute force. */
#define GOLDEN "judge.txt"
#include "fovea/score.h"
#include "judge_test.h"

static void matching_agrees_with_stardist(void **state)
{
    (void)state;
    enum { LEVELS = 5, COLUMNS = 10 };
    fv_match m[LEVELS];
    fv_tensor truth = golden_as("objects", "truth", FV_U32);
    fv_tensor pred = golden_as("objects", "pred", FV_U32);
    const double *level = numbers("objects", "levels");
    const double *want = numbers("objects", "match");
    assert_ok(fv_match_labels(ctx, truth, pred, LEVELS, level, m));
    for (int i = 0; i < LEVELS; i++, want += COLUMNS) {
        double got[COLUMNS] = {
            (double)m[i].tp, (double)m[i].fp, (double)m[i].fn, m[i].precision,
            m[i].recall,     m[i].f1,         m[i].ap,         m[i].mean_iou,
            m[i].mean_true,  m[i].pq};
        for (int c = 0; c < COLUMNS; c++)
            assert_near(got[c], want[c], 1e-7);
    }
    free(truth.data);
    free(pred.data);
}

static void aji_agrees_with_the_paper(void **state)
{
    (void)state;
    fv_aji a;
    fv_tensor truth = golden_as("objects", "truth", FV_U32);
    fv_tensor pred = golden_as("objects", "pred", FV_U32);
    const double *want = numbers("objects", "aji");
    assert_ok(fv_aji_labels(ctx, truth, pred, &a));
    assert_int_equal(a.shared, want[0]);
    assert_int_equal(a.all, want[1]);
    assert_near(a.aji, want[2], 1e-12);
    assert_ok(fv_aji_labels(ctx, truth, truth, &a));
    assert_near(a.aji, 1, 0);
    free(truth.data);
    free(pred.data);
}

static void outlines_agree_with_skimage(void **state)
{
    (void)state;
    static const double tolerance[5] = {0, 1, 1.5, 2, 3.7};
    fv_tensor truth = golden_as("objects", "truth", FV_U32);
    fv_tensor pred = golden_as("objects", "pred", FV_U32);
    const double *want = numbers("objects", "outlines");
    for (int i = 0; i < 5; i++, want += 7) {
        fv_boundary b;
        assert_ok(fv_boundary_labels(ctx, truth, pred, tolerance[i], &b));
        assert_int_equal(b.truth, want[0]);
        assert_int_equal(b.pred, want[1]);
        assert_int_equal(b.truth_near, want[2]);
        assert_int_equal(b.pred_near, want[3]);
        assert_near(b.precision, want[4], 1e-12);
        assert_near(b.recall, want[5], 1e-12);
        assert_near(b.f, want[6], 1e-12);
    }
    free(truth.data);
    free(pred.data);
}

static void compare_fates(const fv_object_score *got, int64_t count,
                          const char *name)
{
    fv_tensor g = golden_array_of("objects", name);
    const double *want = g.data;
    assert_int_equal(count, g.dim[0]);
    for (int64_t i = 0; i < count; i++, want += 5) {
        assert_int_equal(got[i].label, want[0]);
        assert_int_equal(got[i].area, want[1]);
        assert_int_equal(got[i].fate, want[2]);
        assert_int_equal(got[i].partner, want[3]);
        assert_near(got[i].iou, want[4], 1e-12);
    }
}

static void fates_agree_with_brute_force(void **state)
{
    (void)state;
    fv_object_scores s;
    fv_tensor truth = golden_as("objects", "truth", FV_U32);
    fv_tensor pred = golden_as("objects", "pred", FV_U32);
    assert_ok(fv_score_objects(ctx, truth, pred, 0.6, &s));
    compare_fates(s.truth, s.truths, "fate_truth");
    compare_fates(s.pred, s.preds, "fate_pred");
    fv_object_scores_free(ctx, &s);
    assert_string_equal(fv_fate_name(FV_SPLIT), "split");
    free(truth.data);
    free(pred.data);
}

/* One label image with one square, another with nothing. */
static void empty_images_have_scores(void **state)
{
    (void)state;
    fv_aji a;
    fv_boundary b;
    fv_object_scores s;
    fv_tensor none = zeros(FV_U32, 2, 9, 9, 1), one = zeros(FV_U32, 2, 9, 9, 1);
    for (int i = 0; i < 9; i++)
        ((uint32_t *)one.data)[9 * (3 + i / 3) + 3 + i % 3] = 7;
    assert_ok(fv_aji_labels(ctx, none, none, &a));
    assert_near(a.aji, 1, 0);
    assert_ok(fv_aji_labels(ctx, one, none, &a));
    assert_near(a.aji, 0, 0);
    assert_int_equal(a.all, 9);
    assert_ok(fv_boundary_labels(ctx, none, none, 2, &b));
    assert_near(b.f, 1, 0);
    assert_ok(fv_boundary_labels(ctx, none, one, 100, &b));
    assert_int_equal(b.pred, 8);
    assert_near(b.f, 0, 0);
    assert_ok(fv_score_objects(ctx, one, none, 0.5, &s));
    assert_int_equal(s.truths, 1);
    assert_int_equal(s.preds, 0);
    assert_int_equal(s.truth[0].fate, FV_MISSED);
    assert_int_equal(s.truth[0].partner, 0);
    fv_object_scores_free(ctx, &s);
    free(none.data);
    free(one.data);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    fv_aji a;
    fv_boundary b;
    fv_object_scores s;
    fv_tensor x = zeros(FV_U32, 2, 4, 5, 1), y = zeros(FV_U32, 2, 5, 4, 1);
    assert_int_equal(fv_aji_labels(ctx, x, y, &a), FV_ESHAPE);
    assert_int_equal(fv_boundary_labels(ctx, x, y, 2, &b), FV_ESHAPE);
    assert_int_equal(fv_boundary_labels(ctx, x, x, -1, &b), FV_EINVAL);
    assert_int_equal(fv_boundary_labels(ctx, x, x, NAN, &b), FV_EINVAL);
    assert_int_equal(fv_score_objects(ctx, x, y, 0.5, &s), FV_ESHAPE);
    assert_int_equal(fv_score_objects(ctx, x, x, 0, &s), FV_EINVAL);
    free(x.data);
    free(y.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_agrees_with_stardist),
        cmocka_unit_test(aji_agrees_with_the_paper),
        cmocka_unit_test(outlines_agree_with_skimage),
        cmocka_unit_test(fates_agree_with_brute_force),
        cmocka_unit_test(empty_images_have_scores),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
