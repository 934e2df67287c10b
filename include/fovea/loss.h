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

FV_C_END

#endif
