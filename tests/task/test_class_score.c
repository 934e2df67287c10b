/* Scores of classifiers against scikit-learn. */
#include "fovea/class_score.h"

#include "context.h"

enum { MOST_K = 8, MOST_N = 64, LINE = 8192 };

typedef struct problem {
    char name[32];
    int K;
    int64_t n;
    int32_t truth[MOST_N];
    float p[MOST_N * MOST_K];
    int64_t confusion[MOST_K * MOST_K];
    double f1[MOST_K], auc[MOST_K], all[5];
} problem;

/* The numbers after the first word of the next line. */
static void numbers(FILE *f, const char *word, int count, double *out)
{
    static char line[LINE];
    assert_non_null(fgets(line, LINE, f));
    size_t n = strlen(word);
    assert_int_equal(strncmp(line, word, n), 0);
    char *at = line + n;
    for (int i = 0; i < count; i++)
        out[i] = strtod(at, &at);
}

static bool next_problem(FILE *f, problem *p)
{
    static double v[MOST_N * MOST_K];
    char line[LINE];
    long long n;
    do
        if (!fgets(line, sizeof line, f))
            return false;
    while (line[0] == '#');
    assert_int_equal(sscanf(line, "problem %31s %d %lld", p->name, &p->K, &n),
                     3);
    p->n = n;
    numbers(f, "truth", (int)n, v);
    for (int i = 0; i < n; i++)
        p->truth[i] = (int32_t)v[i];
    numbers(f, "p", (int)n * p->K, v);
    for (int i = 0; i < n * p->K; i++)
        p->p[i] = (float)v[i];
    numbers(f, "confusion", p->K * p->K, v);
    for (int i = 0; i < p->K * p->K; i++)
        p->confusion[i] = (int64_t)v[i];
    numbers(f, "f1", p->K, p->f1);
    numbers(f, "auc", p->K, p->auc);
    numbers(f, "all", 5, p->all);
    return true;
}

static void assert_number(const char *name, const char *what, double got,
                          double want)
{
    if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-6))
        fail_msg("%s: %s is %.9g, expected %.9g", name, what, got, want);
}

/* Trapezoids under the curve make the area, bins the error: golden ones. */
static void check_curves(const problem *p)
{
    fv_roc_point at[MOST_N + 1];
    fv_calibration_bin bin[FV_CALIBRATION_BINS];
    int64_t count, all = 0;
    double error = 0;
    for (int k = 0; k < p->K; k++) {
        double area = 0;
        assert_ok(fv_roc(ctx, p->K, p->n, p->truth, p->p, k, at, &count));
        assert_int_equal(count > 0, !isnan(p->auc[k]));
        if (count == 0)
            continue;
        for (int64_t i = 1; i < count; i++) {
            assert_true(at[i].threshold < at[i - 1].threshold);
            area += (at[i].false_rate - at[i - 1].false_rate) *
                    (at[i].true_rate + at[i - 1].true_rate) / 2;
        }
        assert_number(p->name, "area", area, p->auc[k]);
        assert_near(at[0].true_rate + at[0].false_rate, 0, 0);
        assert_near(at[count - 1].true_rate, 1, 0);
        assert_near(at[count - 1].false_rate, 1, 0);
    }
    fv_calibration(p->K, p->n, p->truth, p->p, bin);
    for (int b = 0; b < FV_CALIBRATION_BINS; b++) {
        all += bin[b].count;
        error += (double)bin[b].count *
                 fabs(bin[b].probability - bin[b].accuracy) / (double)p->n;
    }
    assert_int_equal(all, p->n);
    assert_number(p->name, "bins", error, p->all[4]);
}

static void check(const problem *p)
{
    int64_t confusion[MOST_K * MOST_K];
    double f1[MOST_K], auc[MOST_K];
    fv_class_scores s;
    assert_ok(fv_score_classes(ctx, p->K, p->n, p->truth, p->p, confusion, f1,
                               auc, &s));
    for (int i = 0; i < p->K * p->K; i++)
        assert_int_equal(confusion[i], p->confusion[i]);
    for (int k = 0; k < p->K; k++) {
        assert_number(p->name, "f1", f1[k], p->f1[k]);
        assert_number(p->name, "auc", auc[k], p->auc[k]);
    }
    assert_number(p->name, "accuracy", s.accuracy, p->all[0]);
    assert_number(p->name, "balanced", s.balanced_accuracy, p->all[1]);
    assert_number(p->name, "macro f1", s.macro_f1, p->all[2]);
    assert_number(p->name, "auc", s.auc, p->all[3]);
    assert_number(p->name, "calibration", s.calibration_error, p->all[4]);
}

static void scores_are_those_of_scikit_learn(void **state)
{
    (void)state;
    char path[512];
    static problem p;
    int problems = 0;
    snprintf(path, sizeof path, "%s/golden/classes.txt",
             getenv("FV_TEST_DIR") ? getenv("FV_TEST_DIR") : "tests");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (; next_problem(f, &p); problems++)
        check(&p), check_curves(&p);
    fclose(f);
    assert_int_equal(problems, 4);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    const int32_t truth[] = {0, 2};
    const float p[] = {0.5F, 0.5F, 0.5F, 0.5F};
    int64_t confusion[4];
    fv_class_scores s;
    assert_int_equal(
        fv_score_classes(ctx, 2, 2, truth, p, confusion, NULL, NULL, &s),
        FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "class 2"));
    assert_int_equal(
        fv_score_classes(ctx, 2, 0, truth, p, confusion, NULL, NULL, &s),
        FV_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_scikit_learn),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
