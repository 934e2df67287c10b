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

/* Aggregated Jaccard index. Counts of images may be added; then
 * fv_aji_ratio. */
typedef struct fv_aji {
    int64_t shared, all; /* px: intersections, and unions with what is left */
    double aji;          /* shared/all; 1 when there is nothing at all      */
} fv_aji;

/* Each true object joins the predicted one of greatest IoU (the first in
 * raster order among equals; one may be joined by several); predicted objects
 * that none joined add their pixels to `all`. u32 (H,W).
 * Source: Kumar et al. 2017, algorithm 1. FV_ESHAPE, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_aji_labels(fv_ctx *ctx, fv_tensor truth,
                                            fv_tensor pred, fv_aji *out);
FV_API void fv_aji_ratio(fv_aji *a);

/* Outlines that run near each other, in pixels. Counts may be added; then
 * fv_boundary_ratios. */
typedef struct fv_boundary {
    int64_t truth, pred;           /* outline pixels                        */
    int64_t truth_near, pred_near; /* of these, near an outline of the other */
    double precision, recall;      /* pred_near/pred, truth_near/truth      */
    double f;                      /* their harmonic mean                   */
} fv_boundary;

/* Outline: object pixels with a 4-neighbor of another label. Near: a pixel of
 * the other outline lies within `tolerance` px (Euclidean). u32 (H,W); two
 * images without outlines agree. FV_ESHAPE, FV_EINVAL, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_boundary_labels(fv_ctx *ctx, fv_tensor truth,
                                                 fv_tensor pred,
                                                 double tolerance,
                                                 fv_boundary *out);
FV_API void fv_boundary_ratios(fv_boundary *b);

/* What became of an object. The first that fits:
 *   matched  paired with the other image at the IoU threshold
 *   merged   truth: most of it lies in a prediction that holds most of another
 *            true object, too; prediction: it holds most of several
 *   split    truth: it holds most of several predictions; prediction: most of
 *            it lies in a true object that holds most of another one, too
 *   missed, extra   true and predicted objects that are none of these
 * "Most" is more than half of the pixels. */
typedef enum fv_fate {
    FV_MATCHED,
    FV_MISSED,
    FV_EXTRA,
    FV_SPLIT,
    FV_MERGED
} fv_fate;
FV_API const char *fv_fate_name(fv_fate fate);

typedef struct fv_object_score {
    uint32_t label;
    fv_fate fate;
    int64_t area;     /* px                                                */
    uint32_t partner; /* label of the match, else of the greatest IoU; or 0 */
    double iou;       /* with the partner                                  */
} fv_object_score;

typedef struct fv_object_scores {
    int64_t truths, preds;
    fv_object_score *truth, *pred; /* by rising label */
} fv_object_scores;

/* The fate of each object, matched at IoU >= `iou`. The caller frees `*out`
 * with fv_object_scores_free. FV_ESHAPE, FV_EINVAL, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_score_objects(fv_ctx *ctx, fv_tensor truth,
                                               fv_tensor pred, double iou,
                                               fv_object_scores *out);
FV_API void fv_object_scores_free(fv_ctx *ctx, fv_object_scores *s);

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
                                      double *out);

/* The same at five scales: image and truth are halved four times (means of
 * 2 x 2), contrast and structure of the first four and all of the last are
 * multiplied with the exponents .0448 .2856 .3001 .2363 .1333; negative factors
 * count as 0. Both sides must be at least FV_MS_SSIM_SIDE.
 * Source: Wang, Simoncelli & Bovik 2003. */
enum { FV_MS_SSIM_SIDE = 161 };
FV_NODISCARD FV_API fv_status fv_ms_ssim(fv_ctx *ctx, fv_tensor truth,
                                         fv_tensor image, double range,
                                         double *out);

/* Errors of an image, pixel by pixel. */
typedef struct fv_errors {
    int64_t count;      /* pixels                                           */
    double range;       /* that psnr refers to                              */
    double mse, mae;    /* means of squared and absolute differences        */
    double energy;      /* mean of squared truth                            */
    double nrmse;       /* sqrt(mse/energy), "euclidean" in scikit-image    */
    double psnr;        /* 10 log10(range^2/mse), dB                        */
    double psnr_scaled; /* scale-invariant: psnr after the shift and factor
                           of the image that fit the truth best, dB         */
    double pearson;     /* correlation coefficient; 0 when one is flat      */
} fv_errors;

/* As fv_psnr, all at once. Sources: skimage.metrics; for psnr_scaled Weigert
 * et al. 2018, supplement (the factor is that of least squares). */
FV_NODISCARD FV_API fv_status fv_judge_errors(fv_ctx *ctx, fv_tensor truth,
                                              fv_tensor image, double range,
                                              fv_errors *out);

/*
 * Fourier ring correlation: up to which frequency two images agree.
 *   c[i] = Re sum A conj(B) / sqrt(sum |A|^2 sum |B|^2)
 * over the frequencies of ring i, round(n |f|) = i with n the shorter side and
 * f in periods per px. The mean of each image is taken off and a Hann window
 * put on it first. The resolution is 1/f, px per period, where the curve,
 * averaged over three neighboring rings, first falls below 1/7 (linear between
 * rings): 2 when it never does, n when nothing agrees.
 * Source: van Heel & Schatz 2005; Banterle et al. 2013.
 */
typedef struct fv_rings {
    int64_t count;
    double *frequency, *correlation; /* periods per px; -1..1 */
    double resolution;
} fv_rings;

/* f32 (H,W), at least 8 x 8. The caller frees `*out` with fv_rings_free.
 * FV_ENOTSUP when built without FFTW, FV_ESHAPE, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_ring_correlation(fv_ctx *ctx, fv_tensor a,
                                                  fv_tensor b, fv_rings *out);
/* Of one image with itself: pixels of even row and column against those of odd
 * row and column, and the two other quarters; both with the half pixel between
 * them taken back, and averaged. Wants at least 16 x 16 pixels and noise that
 * is independent between pixels; resolutions below 4 px cannot be told. After
 * Koho et al. 2019. */
FV_NODISCARD FV_API fv_status fv_ring_correlation_single(fv_ctx *ctx,
                                                         fv_tensor image,
                                                         fv_rings *out);
FV_API void fv_rings_free(fv_ctx *ctx, fv_rings *r);

/* How much structure is left in a residual: autocorrelation
 *   rho(d) = mean r(p) r(p + d) / mean r^2   (r without its mean)
 * at lags of 1..lags px along columns and rows. */
enum { FV_MOST_LAGS = 16 };
typedef struct fv_whiteness {
    int lags;
    double along[2][FV_MOST_LAGS]; /* rho of lag 1.. down columns, along rows */
    double rms;                    /* root mean square of them             */
    double white;                  /* what rms is for white noise          */
} fv_whiteness;
/* f32 (H,W), both sides over `lags`; 1 <= lags <= FV_MOST_LAGS. A residual that
 * is flat is white. FV_ESHAPE, FV_EINVAL, FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_residual_whiteness(fv_ctx *ctx,
                                                    fv_tensor residual,
                                                    int lags,
                                                    fv_whiteness *out);

FV_C_END

#endif
