/* Embedding: a few numbers that describe a picture, learned by giving the
 * picture back from nothing but them. The picture is its own truth.
 * Source: Hinton & Salakhutdinov 2006 (Science 313:504). */
#include "train/task.h"

#include "fovea/loss.h"
#include "graph/graph_internal.h"
#include "train/augment.h"
#include "train/warp.h"

#include <string.h>

/* What is no property of the picture should not be given back. */
static fv_status check(fvi_run *r)
{
    fv_train_options *o = &r->o;
    if (!o->normalize)
        o->normalize = "mean_std";
    o->intensity = o->noise = o->blur = o->invert = 0;
    o->foreground = o->touching = 0;
    FV_TRY(
        fvi_task_takes(r, "normalize", o->normalize, "percentile, mean_std"));
    return fvi_task_takes(r, "loss", o->loss, "plain");
}

/* ---- data ---- */

/* Images lie in the folder, or by class in folders in it, which does not
 * matter here. */
static fv_status find(fvi_run *r)
{
    fvi_sources here = {0};
    fv_status status = fvi_sources_list(r->ctx, r->o.images, &here);
    bool flat = here.count > 0;
    fvi_sources_free(r->ctx, &here);
    FV_TRY(status);
    return flat ? fvi_find_pairs(r, FVI_ALONE, NULL, NULL)
                : fvi_find_by_class(r, 1);
}

/* ---- network ---- */

static fv_status aim(fvi_run *r, const fv_model *old, int *maps, bool *same)
{
    *maps = r->o.channels;
    *same = old != NULL;
    return FV_OK;
}

static void settings(const fvi_run *r, char words[160])
{
    snprintf(words, 160, "side=%d", r->o.crop);
}

static fv_status loss(fvi_run *r, fvi_net *n)
{
    fv_graph *g = n->graph;
    if (!fvi_output_named(g, "bottleneck").id)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "arch: %s has no bottleneck to embed by, expected "
                        "autoencoder",
                        r->model->arch->name);
    int64_t truth[] = {-1, -1, -1, r->o.channels}, one[] = {-1, -1, -1, 1};
    n->target = fv_input(g, "target", 4, truth);
    n->weight = fv_input(g, "weight", 4, one);
    n->loss = fv_loss_mse(g, n->answer, n->target, n->weight);
    return FV_OK;
}

/* ---- batches ---- */

static fv_status begin(fvi_run *r)
{
    r->tallies = 2 + 2 * (int64_t)r->o.channels;
    return FV_OK;
}

static void copy_image(fvi_inputs at)
{
    memcpy(at.target.data, at.image.data,
           (size_t)fv_count(at.image) * sizeof(float));
}

static void crop(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                 int64_t index, int64_t i, fvi_inputs in)
{
    int64_t side[2] = {b->side, b->side};
    fv_tensor none = fv_dense(NULL, FV_U32, 2, p->plane.dim);
    fvi_inputs at = fvi_inputs_at(in, i);
    fvi_augment_fill(&b->augment, b->seed, (uint64_t)epoch, (uint64_t)index,
                     p->plane, none, at.image, fv_dense(NULL, FV_U32, 2, side),
                     fvi_batch_scratch(b, i));
    copy_image(at);
}

static fv_status cut(fvi_run *r, const fvi_window_at *a, int64_t i,
                     fvi_inputs in)
{
    const fv_pair *p = &r->val[a->pair];
    fvi_inputs at = fvi_inputs_at(in, i);
    fvi_warp warp = fvi_warp_still(a->y, a->x, r->batch.side);
    const fv_tensor none = {.ndim = -1};
    fvi_warp_apply(&warp, p->plane, none, at.image, none, NULL);
    copy_image(at);
    return FV_OK;
}

/* ---- validation: how much of what differs is told ---- */

/* The square of what is left and the number of pixels, then for each channel
 * the sum and the sum of squares. */
static fv_status add(fvi_run *r, fvi_inputs in, fv_tensor answer,
                     const fvi_window_at *at, int64_t count, double *tally)
{
    int64_t C = r->o.channels;
    (void)at;
    for (int64_t i = 0; i < count; i++) {
        fv_tensor target = fvi_part(in.target, i);
        const float *x = target.data, *y = fvi_part(answer, i).data;
        for (int64_t k = 0; k < fv_count(target); k++) {
            double v = (double)x[k], left = v - (double)y[k];
            tally[0] += left * left;
            tally[2 + 2 * (k % C)] += v;
            tally[3 + 2 * (k % C)] += v * v;
        }
        tally[1] += (double)fv_count(target) / (double)C;
    }
    return FV_OK;
}

/* The share of the variance around the mean color that the answers explain. */
static double total(const fvi_run *r, const double *tally)
{
    double all = 0;
    for (int c = 0; c < r->o.channels; c++) {
        const double *t = tally + 2 + 2 * c;
        all += t[1] - t[0] * t[0] / tally[1];
    }
    return all > 0 ? 1 - tally[0] / all : 0;
}

/* ---- the end ---- */

static fv_status finish(fvi_run *r, json_t *scores)
{
    json_object_set_new(scores, "validation_explained_variance",
                        json_real(r->state.best_score));
    return FV_OK;
}

const fvi_task fvi_task_embed = {
    .name = "embed",
    .noun = "embedding",
    .windows = 1,
    .arch = "autoencoder",
    .score = "val_explained",
    .check = check,
    .find = find,
    .read = fvi_squares_read,
    .aim = aim,
    .settings = settings,
    .loss = loss,
    .begin = begin,
    .crop = crop,
    .cut = cut,
    .add = add,
    .total = total,
    .finish = finish,
};
