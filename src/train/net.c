/* The network with its loss in one graph. */
#include "train/run.h"

#include "fovea/loss.h"

#include <string.h>

/* Dice of the probability of "cell" beside the cross-entropy of it. */
static fv_val cell_loss(fv_graph *g, fv_val logit, fv_val truth, fv_val weight,
                        bool dice)
{
    fv_val bce = fv_loss_bce(g, logit, truth, weight);
    if (!dice)
        return bce;
    return fv_add(g, bce, fv_loss_dice(g, fv_sigmoid(g, logit), truth, weight));
}

static fv_val distance_loss(fv_graph *g, const fvi_net *n, bool dice)
{
    fv_val logit = fv_slice_channels(g, n->answer, 0, 1);
    fv_val distance = fv_slice_channels(g, n->answer, 1, 2);
    fv_val cell = fv_slice_channels(g, n->target, 0, 1);
    fv_val truth = fv_slice_channels(g, n->target, 1, 2);
    return fv_add(g, cell_loss(g, logit, cell, n->weight, dice),
                  fv_loss_mse(g, distance, truth, n->weight));
}

static fv_val loss_of(fv_graph *g, const fvi_net *n, fv_target t, bool dice)
{
    if (t == FV_TARGET_BOUNDARY)
        return fv_loss_cross_entropy(g, n->answer, n->target, n->weight, NULL);
    if (t == FV_TARGET_DISTANCE)
        return distance_loss(g, n, dice);
    return cell_loss(g, n->answer, n->target, n->weight, dice);
}

fv_status fvi_net_build(fv_ctx *ctx, const fv_model *m, const char *loss,
                        fvi_net *out)
{
    bool dice = strcmp(loss, "dice") == 0;
    if (dice && m->target == FV_TARGET_BOUNDARY)
        return fvi_fail(ctx, FV_EINVAL,
                        "loss: dice goes with the targets cell and distance, "
                        "not with boundary");
    fvi_net n = {0};
    FV_TRY(
        fv_arch_build(ctx, m->arch, m->config, &n.graph, &n.image, &n.answer));
    int64_t truth[] = {-1, -1, -1, fv_target_truth_channels(m->target)};
    int64_t one[] = {-1, -1, -1, 1};
    n.target = fv_input(n.graph, "target", 4, truth);
    n.weight = fv_input(n.graph, "weight", 4, one);
    n.loss = loss_of(n.graph, &n, m->target, dice);
    fv_output(n.graph, "loss", n.loss);
    fv_status status = fv_graph_check(ctx, n.graph);
    if (status != FV_OK)
        fv_graph_free(n.graph);
    else
        *out = n;
    return status;
}
