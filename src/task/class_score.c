/* Confusion, F1, ROC area and calibration of a classifier. */
#include "fovea/class_score.h"

#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int largest(const float *p, int K)
{
    int best = 0;
    for (int k = 1; k < K; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

/* ---- counts ---- */

static fv_status count(fv_ctx *ctx, int K, int64_t n, const int32_t truth[],
                       const float probability[], int64_t confusion[])
{
    memset(confusion, 0, (size_t)K * (size_t)K * sizeof *confusion);
    for (int64_t i = 0; i < n; i++) {
        if (truth[i] < 0 || truth[i] >= K)
            return fvi_fail(ctx, FV_EINVAL,
                            "picture %lld has class %d, expected 0 to %d",
                            (long long)i, (int)truth[i], K - 1);
        confusion[truth[i] * K + largest(probability + i * K, K)]++;
    }
    return FV_OK;
}

/* Right answers, pictures and answers of class k. */
typedef struct sums {
    double right, seen, said;
} sums;

static sums sums_of(const int64_t confusion[], int K, int k)
{
    sums s = {.right = (double)confusion[k * K + k]};
    for (int j = 0; j < K; j++) {
        s.seen += (double)confusion[k * K + j];
        s.said += (double)confusion[j * K + k];
    }
    return s;
}

static void from_counts(int K, int64_t n, const int64_t confusion[],
                        double f1[], fv_class_scores *out)
{
    double occur = 0, right = 0;
    for (int k = 0; k < K; k++) {
        sums s = sums_of(confusion, K, k);
        double both = s.seen + s.said, f = both > 0 ? 2 * s.right / both : 0;
        right += s.right;
        if (f1)
            f1[k] = f;
        if (!(s.seen > 0))
            continue;
        out->balanced_accuracy += s.right / s.seen;
        out->macro_f1 += f;
        occur += 1;
    }
    out->accuracy = right / (double)n;
    out->balanced_accuracy /= occur;
    out->macro_f1 /= occur;
}

/* ---- the ROC curve and the area under it ---- */

typedef struct vote {
    float p;
    bool is;
} vote;

static int by_probability(const void *a, const void *b)
{
    const vote *x = a, *y = b;
    return x->p < y->p ? -1 : x->p > y->p;
}

/* The share of pairs (one that is, one that is not) in the right order: from
 * the sum of ranks of those that are; equal numbers share their mean rank. */
static double area(vote *v, int64_t n)
{
    double ranks = 0, is = 0;
    qsort(v, (size_t)n, sizeof *v, by_probability);
    for (int64_t i = 0, to; i < n; i = to) {
        for (to = i + 1; to < n && !(v[to].p > v[i].p);)
            to++;
        double rank = 0.5 * (double)(i + 1 + to);
        for (int64_t k = i; k < to; k++) {
            ranks += v[k].is ? rank : 0;
            is += v[k].is;
        }
    }
    double rest = (double)n - is;
    return is > 0 && rest > 0 ? (ranks - is * (is + 1) / 2) / (is * rest)
                              : (double)NAN;
}

static fv_status areas(fv_ctx *ctx, int K, int64_t n, const int32_t truth[],
                       const float probability[], double auc[], double *mean)
{
    vote *v = fvi_calloc(ctx, (size_t)n, sizeof *v);
    double sum = 0, known = 0;
    if (!v)
        return FV_ENOMEM;
    for (int k = 0; k < K; k++) {
        for (int64_t i = 0; i < n; i++)
            v[i] = (vote){probability[i * K + k], truth[i] == k};
        double a = area(v, n);
        if (auc)
            auc[k] = a;
        if (isnan(a))
            continue;
        sum += a;
        known += 1;
    }
    *mean = known > 0 ? sum / known : (double)NAN;
    fvi_free(ctx, v);
    return FV_OK;
}

fv_status fv_roc(fv_ctx *ctx, int K, int64_t n, const int32_t truth[],
                 const float probability[], int k, fv_roc_point out[],
                 int64_t *count)
{
    vote *v = fvi_calloc(ctx, (size_t)n, sizeof *v);
    int64_t is = 0, seen[2] = {0, 0};
    if (!v)
        return FV_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        v[i] = (vote){probability[i * K + k], truth[i] == k};
        is += v[i].is;
    }
    *count = 0;
    if (is > 0 && is < n) {
        qsort(v, (size_t)n, sizeof *v, by_probability);
        out[(*count)++] = (fv_roc_point){(double)INFINITY, 0, 0};
    }
    for (int64_t i = n - 1; i >= 0 && *count; i--) {
        seen[v[i].is]++;
        if (i > 0 && !(v[i - 1].p < v[i].p))
            continue; /* equal ones together */
        out[(*count)++] =
            (fv_roc_point){(double)v[i].p, (double)seen[0] / (double)(n - is),
                           (double)seen[1] / (double)is};
    }
    fvi_free(ctx, v);
    return FV_OK;
}

/* ---- calibration ---- */

void fv_calibration(int K, int64_t n, const int32_t truth[],
                    const float probability[],
                    fv_calibration_bin out[FV_CALIBRATION_BINS])
{
    enum { BINS = FV_CALIBRATION_BINS };
    memset(out, 0, BINS * sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        const float *p = probability + i * K;
        int said = largest(p, K);
        int b = (int)ceil((double)p[said] * BINS) - 1;
        b = b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
        out[b].count++;
        out[b].probability += (double)p[said];
        out[b].accuracy += truth[i] == said;
    }
    for (int b = 0; b < BINS; b++)
        if (out[b].count) {
            out[b].probability /= (double)out[b].count;
            out[b].accuracy /= (double)out[b].count;
        }
}

static double calibration_error(int K, int64_t n, const int32_t truth[],
                                const float probability[])
{
    fv_calibration_bin bin[FV_CALIBRATION_BINS];
    double off = 0;
    fv_calibration(K, n, truth, probability, bin);
    for (int b = 0; b < FV_CALIBRATION_BINS; b++)
        off += (double)bin[b].count / (double)n *
               fabs(bin[b].probability - bin[b].accuracy);
    return off;
}

fv_status fv_score_classes(fv_ctx *ctx, int K, int64_t n, const int32_t truth[],
                           const float probability[], int64_t confusion[],
                           double f1[], double auc[], fv_class_scores *out)
{
    fv_class_scores s = {0};
    if (n < 1 || K < 2)
        return fvi_fail(ctx, FV_EINVAL,
                        "%lld pictures of %d classes, expected 1 or more of 2 "
                        "or more",
                        (long long)n, K);
    FV_TRY(count(ctx, K, n, truth, probability, confusion));
    from_counts(K, n, confusion, f1, &s);
    FV_TRY(areas(ctx, K, n, truth, probability, auc, &s.auc));
    s.calibration_error = calibration_error(K, n, truth, probability);
    *out = s;
    return FV_OK;
}
