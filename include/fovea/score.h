#ifndef FV_SCORE_H
#define FV_SCORE_H

#include "fovea/tensor.h"

FV_C_BEGIN

/* Agreement of a prediction with the truth at one overlap threshold. */
typedef struct fv_match {
    int64_t tp, fp, fn; /* objects                                      */
    double precision, recall, f1;
    double ap;        /* tp/(tp+fp+fn), the "AP" of this field           */
    double mean_iou;  /* over matched pairs ("mean matched score")       */
    double mean_true; /* sum of matched IoU over true objects           */
    double pq;        /* panoptic quality: f1 * mean_iou                 */
} fv_match;

/*
 * Matches one-to-one, maximizing the number of pairs with IoU >= `iou` and
 * then their summed IoU (Hungarian assignment, as stardist.matching).
 * `truth` and `pred`: u32 (H,W), any label values, 0 is background; `iou`
 * holds `n` thresholds in (0,1], `out` receives n results. Two empty images
 * agree: ap = f1 = 1. FV_ESHAPE, FV_EINVAL, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_match_labels(fv_ctx *ctx, fv_tensor truth,
                                              fv_tensor pred, int n,
                                              const double iou[],
                                              fv_match out[]);

/* Recomputes the ratios of `m` from its counts and `iou_sum` (the sum of
 * matched IoU): for pooling over images, add counts and call this. */
FV_API void fv_match_ratios(fv_match *m, double iou_sum);

/* 10 log10(range^2 / mse), dB; range = max - min of truth when <= 0.
 * f32 of equal shape. Infinity when equal. */
FV_NODISCARD FV_API fv_status fv_psnr(fv_ctx *ctx, fv_tensor truth,
                                      fv_tensor image, double range,
                                      double *db);

/* Mean structural similarity, Gaussian window of sigma 1.5, as
 * skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
 * use_sample_covariance=False, data_range=range). f32 (H,W).
 * Source: Wang et al. 2004. */
FV_NODISCARD FV_API fv_status fv_ssim(fv_ctx *ctx, fv_tensor truth,
                                      fv_tensor image, double range,
                                      double *ssim);

FV_C_END

#endif
