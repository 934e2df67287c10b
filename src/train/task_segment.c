/* Segmentation: images and their labels, maps that a decoder makes objects
 * of, and thresholds that are tuned when training ends. */
#include "train/task.h"

#include "fovea/loss.h"

#include <math.h>
#include <string.h>

static fv_status check(fvi_run *r)
{
    if (!r->o.normalize)
        r->o.normalize = "percentile";
    FV_TRY(fvi_task_takes(r, "normalize", r->o.normalize, "percentile"));
    return fvi_task_takes(r, "loss", r->o.loss, "plain, dice, balanced");
}

/* ---- data ---- */

static fv_status find(fvi_run *r)
{
    return fvi_find_pairs(r, FVI_LABELS, r->o.labels, r->o.val_labels);
}

static fv_status check_objects(fvi_run *r)
{
    fvi_diameter_range d;
    FV_TRY(fvi_measure_objects(r->ctx, r->train, r->train_count, &d));
    if (d.objects == 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "the labels of all %lld training images are empty",
                        (long long)r->train_count);
    if (r->o.rescale > 0)
        d.median = r->o.rescale;
    json_object_set_new(r->names, "diameter_px", json_real(d.median));
    json_object_set_new(r->names, "diameter_low_px", json_real(d.low));
    json_object_set_new(r->names, "diameter_high_px", json_real(d.high));
    json_object_set_new(r->names, "objects", json_integer(d.objects));
    return FV_OK;
}

static fv_status read_role(fvi_run *r, const fvi_sources *s, fvi_role role,
                           fv_pair **out, int64_t *count)
{
    const double percentile[2] = {r->o.percentile_low, r->o.percentile_high};
    return fvi_pairs_of(r->ctx, s, role, r->o.channels, percentile, out, count);
}

static fv_status read(fvi_run *r)
{
    FV_TRY(fvi_read_roles(r, read_role));
    if (r->o.rescale > 0) {
        FV_TRY(
            fvi_rescale_pairs(r->ctx, r->train, r->train_count, r->o.rescale));
        FV_TRY(fvi_rescale_pairs(r->ctx, r->val, r->val_count, r->o.rescale));
    }
    return check_objects(r);
}

/* ---- network ---- */

static fv_status aim(fvi_run *r, const fv_model *old, int *maps, bool *same)
{
    fv_target target;
    if (!r->o.target)
        r->o.target = fv_target_name(old ? old->target : FV_TARGET_BOUNDARY);
    FV_TRY(fv_target_find(r->ctx, r->o.target, &target));
    *maps = fv_target_maps(target);
    *same = old && old->target == target;
    return FV_OK;
}

static fv_status mark(fvi_run *r)
{
    return fv_target_find(r->ctx, r->o.target, &r->model->target);
}

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

/* Half of the flows' mean square, as the field weighs it. */
static fv_val flows_loss(fv_graph *g, const fvi_net *n)
{
    fv_val flows = fv_slice_channels(g, n->answer, 0, 2);
    fv_val truth = fv_slice_channels(g, n->target, 0, 2);
    fv_val logit = fv_slice_channels(g, n->answer, 2, 3);
    fv_val cell = fv_slice_channels(g, n->target, 2, 3);
    return fv_add(g, fv_scale(g, fv_loss_mse(g, flows, truth, n->weight), 0.5f),
                  fv_loss_bce(g, logit, cell, n->weight));
}

/* Descriptors count inside objects, where they mean something. */
static fv_val shape_loss(fv_graph *g, const fvi_net *n)
{
    fv_val class = fv_slice_channels(g, n->target, 0, 1);
    fv_val truth = fv_slice_channels(g, n->target, 1, 7);
    fv_val inside = fv_slice_channels(g, n->target, 7, 8);
    fv_val logits = fv_slice_channels(g, n->answer, 0, 3);
    fv_val shape = fv_slice_channels(g, n->answer, 3, 9);
    return fv_add(
        g, fv_loss_cross_entropy(g, logits, class, n->weight, NULL),
        fv_loss_mse(g, shape, truth, fv_multiply(g, n->weight, inside)));
}

fv_val fvi_segment_loss(const fvi_net *n, fv_target t, bool dice)
{
    fv_graph *g = n->graph;
    if (t == FV_TARGET_BOUNDARY)
        return fv_loss_cross_entropy(g, n->answer, n->target, n->weight, NULL);
    if (t == FV_TARGET_DISTANCE)
        return distance_loss(g, n, dice);
    if (t == FV_TARGET_STARS) /* 0.2 per px, as in the field; units of 10 px */
        return fv_loss_star(g, n->answer, n->target, n->weight, 2, 1e-4f);
    if (t == FV_TARGET_FLOWS)
        return flows_loss(g, n);
    if (t == FV_TARGET_SHAPE)
        return shape_loss(g, n);
    return cell_loss(g, n->answer, n->target, n->weight, dice);
}

static fv_status loss(fvi_run *r, fvi_net *n)
{
    fv_target target = r->model->target;
    bool dice = strcmp(r->o.loss, "dice") == 0;
    if (dice && target != FV_TARGET_CELL && target != FV_TARGET_DISTANCE)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "loss: dice goes with the targets cell and distance, "
                        "not with %s",
                        fv_target_name(target));
    bool classes = target != FV_TARGET_STARS && target != FV_TARGET_FLOWS;
    if (!classes && strcmp(r->o.loss, "balanced") == 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "loss: balanced goes with targets of classes, not "
                        "with %s",
                        fv_target_name(target));
    int64_t truth[] = {-1, -1, -1, fv_target_truth_channels(target)};
    int64_t one[] = {-1, -1, -1, 1};
    n->target = fv_input(n->graph, "target", 4, truth);
    n->weight = fv_input(n->graph, "weight", 4, one);
    n->loss = fvi_segment_loss(n, target, dice);
    return FV_OK;
}

/* ---- validation: AP at IoU 0.5 ---- */

/* Objects found in one window against those that are there. */
static fv_status score(fvi_run *r, fv_tensor maps, fv_tensor truth,
                       fv_tensor weight, fv_tensor found, double *tally)
{
    fv_decode_options how = fv_decode_default();
    const double iou = 0.5;
    int64_t count;
    fv_match match;
    FV_TRY(fv_decode(r->ctx, r->model->target, maps, how, found, &count));
    for (int64_t i = 0; i < fv_count(found); i++)
        if (!(((const float *)weight.data)[i] > 0))
            ((uint32_t *)found.data)[i] = 0;
    FV_TRY(fv_match_labels(r->ctx, truth, found, 1, &iou, &match));
    tally[0] += (double)match.tp;
    tally[1] += (double)match.fp;
    tally[2] += (double)match.fn;
    return FV_OK;
}

static fv_status add(fvi_run *r, fvi_inputs in, fv_tensor answer,
                     const fvi_window_at *at, int64_t count, double *tally)
{
    (void)at;
    fv_tensor found = fvi_segment_labels(&r->batch, 0);
    found.data = fvi_alloc(r->ctx, (size_t)fv_count(found) * sizeof(uint32_t));
    if (!found.data)
        return FV_ENOMEM;
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++)
        status = score(r, fvi_part(answer, i), fvi_segment_labels(&r->batch, i),
                       fvi_part(in.weight, i), found, tally);
    fvi_free(r->ctx, found.data);
    return status;
}

static double total(const fvi_run *r, const double *tally)
{
    (void)r;
    double objects = tally[0] + tally[1] + tally[2];
    return objects > 0 ? tally[0] / objects : 1;
}

/* ---- the end ---- */

/* Networks without a style go without. Validation images that were resized
 * all have one diameter, which would be too easy a question. */
static fv_status learn_size(fvi_run *r, json_t *scores)
{
    fv_model *m = r->model;
    double error = 0;
    fv_status status =
        fv_fit_size(r->ctx, m, r->train, r->train_count, (uint64_t)r->o.seed);
    if (status == FV_ENOTSUP || status == FV_EINVAL)
        return FV_OK;
    FV_TRY(status);
    if (r->o.rescale > 0)
        return FV_OK;
    FV_TRY(fv_size_error(r->ctx, m, r->val, r->val_count, &error));
    if (!isnan(error))
        json_object_set_new(scores, "validation_diameter_error",
                            json_real(error));
    return FV_OK;
}

/* Thresholds first: while the model cannot tell diameters, images stay at the
 * scale they have. */
static fv_status finish(fvi_run *r, json_t *scores)
{
    double ap = 0;
    FV_TRY(fv_tune(r->ctx, r->model, r->val, r->val_count, &ap));
    json_object_set_new(scores, "validation_ap50", json_real(ap));
    return r->o.size ? learn_size(r, scores) : FV_OK;
}

static void describe(const fvi_run *r, fvi_text *title, json_t *data)
{
    fvi_text_add(title, ", target %s", fv_target_name(r->model->target));
    json_object_set(data, "training_objects",
                    json_object_get(r->names, "objects"));
}

const fvi_task fvi_task_segment = {
    .name = "segment",
    .noun = "segmentation",
    .windows = 4,
    .arch = "unet",
    .score = "val_ap50",
    .check = check,
    .find = find,
    .read = read,
    .aim = aim,
    .mark = mark,
    .loss = loss,
    .begin = fvi_segment_begin,
    .end = fvi_segment_end,
    .crop = fvi_segment_crop,
    .truth = fvi_segment_fill,
    .cut = fvi_segment_cut,
    .add = add,
    .total = total,
    .finish = finish,
    .describe = describe,
};
