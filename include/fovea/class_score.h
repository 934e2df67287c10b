#ifndef FV_CLASS_SCORE_H
#define FV_CLASS_SCORE_H

#include "fovea/status.h"

#include <stdint.h>

FV_C_BEGIN

/* How well the classes of n pictures were told apart. */
typedef struct fv_class_scores {
    double accuracy;          /* right / all                                */
    double balanced_accuracy; /* mean of recall over classes that occur     */
    double macro_f1;          /* mean of f1 over the same                   */
    double auc;               /* mean of auc over classes with both answers */
    double calibration_error; /* expected, 15 bins of equal width           */
} fv_class_scores;

/*
 * `truth` holds n class numbers 0..K-1, `probability` (n,K) numbers; the class
 * with the highest one is the answer, the first of equals.
 *   confusion  K*K counts, truth * K + answer
 *   f1, auc    K numbers (may be NULL); 2 tp/(2 tp + fp + fn); the area under
 *              the ROC curve of this class against the rest, ties counted as
 *              half; NaN where a class never or always occurs
 * calibration_error: |mean of the highest probability - accuracy| over bins of
 * it, weighted by their size. Source: Guo et al. 2017 (arXiv:1706.04599),
 * equation 3; Mann & Whitney 1947 for the area.
 * FV_EINVAL: n < 1, K < 2, or a class number out of range. FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_score_classes(fv_ctx *ctx, int K, int64_t n,
                                               const int32_t truth[],
                                               const float probability[],
                                               int64_t confusion[], double f1[],
                                               double auc[],
                                               fv_class_scores *out);

/* A point of a ROC curve: of the pictures that are not of the class, and of
 * those that are, the shares with at least this probability of it. */
typedef struct fv_roc_point {
    double threshold, false_rate, true_rate;
} fv_roc_point;

/*
 * The ROC curve of class `k` against the rest, from (0, 0) at an infinite
 * threshold down to (1, 1), one point for each probability that occurs. `out`
 * has room for n + 1 points; `*count` is 0 where a class never or always
 * occurs. `truth` and `probability` as above. FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_roc(fv_ctx *ctx, int K, int64_t n,
                                     const int32_t truth[],
                                     const float probability[], int k,
                                     fv_roc_point out[], int64_t *count);

/* Pictures whose answer has a probability in one bin: how many, its mean, and
 * the share of them that is right (0 and 0 without any). */
typedef struct fv_calibration_bin {
    int64_t count;
    double probability, accuracy;
} fv_calibration_bin;
enum { FV_CALIBRATION_BINS = 15 };

/* Bin b holds answers with b/15 < probability <= (b+1)/15; their weighted
 * differences are the calibration error above. */
FV_API void fv_calibration(int K, int64_t n, const int32_t truth[],
                           const float probability[],
                           fv_calibration_bin out[FV_CALIBRATION_BINS]);

FV_C_END

#endif
