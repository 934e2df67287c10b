/* Restoration: a picture under noise or blur, from clean targets (CARE), from
 * other noisy shots (Noise2Noise) or from noisy images alone (Noise2Void).
 * Source: Weigert et al. 2018 (Nature Methods 15, 1090); Lehtinen et al. 2018
 * (arXiv:1803.04189); Krull, Buchholz & Jug 2019 (arXiv:1811.10980). */
#include "train/task.h"

#include <string.h>

static bool is_method(const fvi_run *r, const char *name)
{
    return strcmp(r->o.method, name) == 0;
}

bool fvi_is_blind(const fv_train_options *o)
{
    return strcmp(o->method, "n2v") == 0 || strcmp(o->method, "n2v2") == 0;
}

static bool is_uncertain(const fvi_run *r)
{
    return fvi_restore_loss_has(r, "laplace");
}

static bool own_units(const fvi_run *r)
{
    return strcmp(r->o.target_range, "own") == 0;
}

/* ---- options ---- */

static fv_status check_targets(const fvi_run *r)
{
    if (fvi_is_blind(&r->o) && r->o.targets)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "method: %s learns from noisy images alone, targets "
                        "go with care or n2n",
                        r->o.method);
    if (is_method(r, "care") && !r->o.targets)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "targets: no folder was given; without clean images "
                        "there are the methods n2n and n2v");
    if (r->o.targets && r->o.val_images && !r->o.val_targets)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "val_targets: no folder was given for val_images");
    return FV_OK;
}

/* Interpolation and changes of intensity would change the noise. */
static void leave_noise_alone(fv_train_options *o)
{
    o->scale_min = o->scale_max = 1;
    o->elastic = o->intensity = o->noise = o->blur = o->invert = 0;
    o->foreground = o->touching = 0;
}

static fv_status check(fvi_run *r)
{
    fv_train_options *o = &r->o;
    FV_TRY(fvi_task_takes(r, "method", o->method, "care, n2n, n2v, n2v2"));
    FV_TRY(check_targets(r));
    if (!o->normalize)
        o->normalize = fvi_is_blind(&r->o) ? "mean_std" : "percentile";
    if (!o->blind_replace)
        o->blind_replace = is_method(r, "n2v2") ? "median" : "uniform";
    if (strcmp(o->loss, "plain") == 0) /* noise of targets asks for the mean */
        o->loss = is_method(r, "care") ? "mae" : "mse";
    FV_TRY(
        fvi_task_takes(r, "normalize", o->normalize, "percentile, mean_std"));
    leave_noise_alone(o);
    return fvi_restore_check_loss(r);
}

/* ---- network ---- */

static fv_status aim(fvi_run *r, const fv_model *old, int *maps, bool *same)
{
    *maps = r->o.target_channels;
    *same = old && fv_channels(old->graph, old->answer) ==
                       *maps * (old->uncertainty ? 2 : 1);
    if (old && (old->targets > 0) != own_units(r))
        return fvi_fail(r->ctx, FV_EINVAL,
                        "target_range: %s does not go with %s, which was "
                        "trained otherwise",
                        r->o.target_range, r->o.init);
    if (old && old->uncertainty != is_uncertain(r))
        return fvi_fail(r->ctx, FV_EINVAL,
                        "loss: %s does not go with %s, which was trained "
                        "%s laplace",
                        r->o.loss, r->o.init,
                        old->uncertainty ? "with" : "without");
    return FV_OK;
}

/* A spot the network could copy through would not be blind for long. */
static void settings(const fvi_run *r, char words[160])
{
    snprintf(words, 160, "%s,probabilistic=%d",
             is_method(r, "n2v2") ? "residual=0,top_skip=0,blur=1"
             : fvi_is_blind(&r->o) || own_units(r) ? "residual=0"
                                                   : "residual=1",
             is_uncertain(r));
}

static fv_status mark(fvi_run *r)
{
    r->model->uncertainty = is_uncertain(r);
    return FV_OK;
}

/* One number for each of the image, and with laplace a scale for each. */
static fv_status check_answer(const fvi_run *r, fv_tensor answer)
{
    int64_t want = r->o.target_channels * (is_uncertain(r) ? 2 : 1);
    if (answer.ndim != 4)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s does not answer pixel by pixel, expected one like "
                        "unet or care",
                        r->model->arch->name);
    if (answer.dim[3] == want)
        return FV_OK;
    return fvi_fail(r->ctx, FV_EINVAL,
                    "loss: %s wants %lld maps, %s answers with %lld; scales "
                    "come with its setting probabilistic",
                    r->o.loss, (long long)want, r->model->arch->name,
                    (long long)answer.dim[3]);
}

static fv_status loss(fvi_run *r, fvi_net *n)
{
    int64_t truth[] = {-1, -1, -1, r->o.target_channels},
            one[] = {-1, -1, -1, 1};
    fv_graph *g = n->graph;
    FV_TRY(check_answer(r, fv_shape(g, n->answer)));
    n->target = fv_input(g, "target", 4, truth);
    n->weight = fv_input(g, "weight", 4, one);
    return fvi_restore_loss(r, n);
}

/* ---- validation and the end ---- */

static double total(const fvi_run *r, const double *tally)
{
    (void)r;
    return tally[1] > 0 ? tally[0] / tally[1] : 0;
}

static fv_status finish(fvi_run *r, json_t *scores)
{
    json_object_set_new(scores, "validation_psnr_db",
                        json_real(r->state.best_score));
    return FV_OK;
}

static void describe(const fvi_run *r, fvi_text *title, json_t *data)
{
    (void)data;
    fvi_text_add(title, ", method %s, loss %s", r->o.method, r->o.loss);
}

const fvi_task fvi_task_restore = {
    .name = "restore",
    .noun = "restoration",
    .windows = 4,
    .arch = "unet",
    .score = "val_psnr",
    .check = check,
    .find = fvi_restore_find,
    .read = fvi_restore_read,
    .aim = aim,
    .settings = settings,
    .mark = mark,
    .loss = loss,
    .begin = fvi_restore_begin,
    .end = fvi_restore_end,
    .crop = fvi_restore_crop,
    .truth = fvi_restore_truth,
    .cut = fvi_restore_cut,
    .add = fvi_restore_add,
    .total = total,
    .finish = finish,
    .describe = describe,
};
