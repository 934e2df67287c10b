/* Losses as graph values. */
#include "fovea/loss.h"
#include "graph/graph_internal.h"

/* A loss node; without a weight it has two inputs. */
static fv_val loss(fv_graph *g, fvi_op_id op, const void *attr, fv_val pred,
                   fv_val target, fv_val weight)
{
    const fv_val x[] = {pred, target, weight};
    return fvi_node_add(g, op, attr, weight.id ? 3 : 2, x);
}

fv_val fv_loss_cross_entropy(fv_graph *g, fv_val pred, fv_val target,
                             fv_val weight, const float *class_weight)
{
    return fv_loss_cross_entropy_smooth(g, pred, target, weight, class_weight,
                                        0);
}

fv_val fv_loss_cross_entropy_smooth(fv_graph *g, fv_val pred, fv_val target,
                                    fv_val weight, const float *class_weight,
                                    float smoothing)
{
    fvi_class_weights o = {.used = class_weight != NULL,
                           .smoothing = smoothing};
    int K = fv_channels(g, pred);
    if (o.used && K > FVI_MAX_CLASSES)
        return fvi_graph_fail(g, FV_EINVAL,
                              "cross_entropy: class weights for %d classes, "
                              "expected %d at most",
                              K, FVI_MAX_CLASSES);
    for (int k = 0; o.used && k < K; k++)
        o.weight[k] = class_weight[k];
    return loss(g, FVI_OP_cross_entropy, &o, pred, target, weight);
}

fv_val fv_loss_bce(fv_graph *g, fv_val pred, fv_val target, fv_val weight)
{
    return loss(g, FVI_OP_bce, NULL, pred, target, weight);
}

fv_val fv_loss_mse(fv_graph *g, fv_val pred, fv_val target, fv_val weight)
{
    return loss(g, FVI_OP_mse, NULL, pred, target, weight);
}

fv_val fv_loss_mae(fv_graph *g, fv_val pred, fv_val target, fv_val weight)
{
    return loss(g, FVI_OP_mae, NULL, pred, target, weight);
}

fv_val fv_loss_laplace(fv_graph *g, fv_val pred, fv_val target, fv_val weight)
{
    return loss(g, FVI_OP_laplace, NULL, pred, target, weight);
}

fv_val fv_loss_ssim(fv_graph *g, fv_val pred, fv_val target, float range)
{
    return fv_loss_ms_ssim(g, pred, target, range, 1);
}

fv_val fv_loss_ms_ssim(fv_graph *g, fv_val pred, fv_val target, float range,
                       int scales)
{
    fvi_ssim o = {range, scales};
    return loss(g, FVI_OP_ssim, &o, pred, target, (fv_val){0});
}

fv_val fv_loss_fourier(fv_graph *g, fv_val pred, fv_val target)
{
    return loss(g, FVI_OP_fourier, NULL, pred, target, (fv_val){0});
}

fv_val fv_loss_dice(fv_graph *g, fv_val pred, fv_val target, fv_val weight)
{
    return loss(g, FVI_OP_dice, NULL, pred, target, weight);
}

fv_val fv_loss_star(fv_graph *g, fv_val pred, fv_val target, fv_val weight,
                    float distance, float background)
{
    fvi_star_loss o = {distance, background};
    return loss(g, FVI_OP_star, &o, pred, target, weight);
}
