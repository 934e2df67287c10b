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

FV_C_END

#endif
