#ifndef FV_LOSS_H
#define FV_LOSS_H

#include "fovea/graph.h"

FV_C_BEGIN

/*
 * Losses are graph values like any other: shape () and differentiable, so a
 * weighted sum of losses is fv_add and fv_scale and needs no special trainer.
 * All are means over the elements whose weight is not zero (sum of weighted
 * terms over sum of weights); without such an element loss and gradient are 0.
 * No gradient flows to target or weight.
 *
 *   pred    what the network says (N,...,K)
 *   target  the truth, same dtype as pred
 *   weight  (N,...,1), >= 0, or {0} for all ones; 0 ignores a position
 */

/*
 * -log softmax(pred)[target]. target (N,...,1) holds class numbers 0..K-1; a
 * negative target is ignored, one that is no class number makes the loss NaN.
 * `class_weight` holds K numbers >= 0 (copied) or is NULL; it multiplies
 * `weight`, and the mean divides by the sum of both, as in PyTorch. K <= 64
 * with class weights. pred holds logits, in nats; computed with log-sum-exp:
 * finite for any finite logits.
 */
FV_API fv_val fv_loss_cross_entropy(fv_graph *g, fv_val pred, fv_val target,
                                    fv_val weight, const float *class_weight);

/* The same with label smoothing: a target counts 1 - smoothing for its class
 * and smoothing/K for each of the K classes, as in PyTorch; 0 <= smoothing < 1.
 * Source: Szegedy et al. 2016 (arXiv:1512.00567), section 7. */
FV_API fv_val fv_loss_cross_entropy_smooth(fv_graph *g, fv_val pred,
                                           fv_val target, fv_val weight,
                                           const float *class_weight,
                                           float smoothing);

/* Binary cross-entropy on logits: max(z,0) - z t + log(1 + exp(-|z|)).
 * target in [0,1], same shape as pred. */
FV_API fv_val fv_loss_bce(fv_graph *g, fv_val pred, fv_val target,
                          fv_val weight);

/* (pred - target)^2 and |pred - target|; target has the shape of pred. */
FV_API fv_val fv_loss_mse(fv_graph *g, fv_val pred, fv_val target,
                          fv_val weight);
FV_API fv_val fv_loss_mae(fv_graph *g, fv_val pred, fv_val target,
                          fv_val weight);

/*
 * 1 - (2 sum p t + e)/(sum p + sum t + e) per channel, then the mean over
 * channels. p = probabilities (apply softmax or sigmoid first), t one-hot or
 * in [0,1], same shape; sums run over all positions of the batch. e = 1.
 * Source: Milletari et al. 2016 (arXiv:1606.04797), with linear sums.
 */
FV_API fv_val fv_loss_dice(fv_graph *g, fv_val pred, fv_val target,
                           fv_val weight);

/* ---- of restored images ---- */

/*
 * |m - t|/s + log s + log 2: how unlikely the target t is when each number has
 * a Laplace distribution of mean m and scale s. pred (N,...,2C) holds C means,
 * then C scales above 0 (fv_softplus); target (N,...,C).
 * Source: Weigert et al. 2018 (doi:10.1038/s41592-018-0216-7), supplement.
 */
FV_API fv_val fv_loss_laplace(fv_graph *g, fv_val pred, fv_val target,
                              fv_val weight);

/*
 * 1 - SSIM, the mean over images and channels of structural similarity: 0 for
 * equal images, at most 2. pred and target (N,H,W,C); `range` is the span of
 * the numbers (1 for 0..1). Gaussian window of 11 px, sigma 1.5, inside the
 * image; K1 0.01, K2 0.03. Sides of at least 11 px.
 * Source: Wang et al. 2004, IEEE Trans. Image Processing 13:600.
 */
FV_API fv_val fv_loss_ssim(fv_graph *g, fv_val pred, fv_val target,
                           float range);

/*
 * 1 - MS-SSIM over `scales` 1 to 5 scales, each with half the sides of the one
 * before (means of 2x2 pixels): prod of mean contrast and structure to the
 * power w[j], at the last scale of all of SSIM; w as published, divided by
 * their sum when there are fewer than five. Negative means count as 0.
 * Sides of at least 11 * 2^(scales - 1) px: 176 for five scales.
 * Source: Wang, Simoncelli & Bovik 2003, Asilomar.
 */
FV_API fv_val fv_loss_ms_ssim(fv_graph *g, fv_val pred, fv_val target,
                              float range, int scales);

/* The mean of ||X| - |T|| over all frequencies, with X and T the discrete
 * Fourier transforms over H and W divided by sqrt(H W): how sharp, not where.
 * pred and target (N,H,W,C). Costs H W (H + W) per channel: for crops. */
FV_API fv_val fv_loss_fourier(fv_graph *g, fv_val pred, fv_val target);

/*
 * For maps of stars: channel 0 of pred is the logit z of the probability p in
 * channel 0 of target, the others are distances d and t along rays.
 *   bce(z,p) + distance (|d - t| p / mean p + background |d| (1-p))
 * with means over rays, and over all positions of the batch by weight: central
 * pixels count more for the distances. Where p is 0 everywhere the first of
 * the two terms is 0. In px the field uses distance 0.2, background 1e-4.
 * Source: Schmidt et al. 2018 (arXiv:1806.03535), and the StarDist package.
 */
FV_API fv_val fv_loss_star(fv_graph *g, fv_val pred, fv_val target,
                           fv_val weight, float distance, float background);

FV_C_END

#endif
