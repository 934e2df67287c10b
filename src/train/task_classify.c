/* Classification: what a picture shows, one class for all of it. */
#include "train/task.h"

#include "fovea/loss.h"
#include "train/augment.h"
#include "train/warp.h"

#include <string.h>

static fv_status check(fvi_run *r)
{
    fv_train_options *o = &r->o;
    if (!o->normalize)
        o->normalize = "mean_std";
    o->foreground = o->touching = 0; /* there are no objects to look for */
    FV_TRY(
        fvi_task_takes(r, "normalize", o->normalize, "percentile, mean_std"));
    return fvi_task_takes(r, "loss", o->loss, "plain, balanced");
}

static fv_status find(fvi_run *r)
{
    return fvi_find_by_class(r, 2);
}

/* ---- network ---- */

static fv_status aim(fvi_run *r, const fv_model *old, int *maps, bool *same)
{
    *maps = (int)r->classes.count;
    *same = old && old->classes == *maps;
    for (int k = 0; k < *maps && *same; k++)
        *same = strcmp(old->class_names[k], r->classes.name[k]) == 0;
    return FV_OK;
}

/* Networks for pictures of one size are told which. */
static void settings(const fvi_run *r, char words[160])
{
    snprintf(words, 160, "side=%d", r->o.crop);
}

static fv_status mark(fvi_run *r)
{
    return fv_model_set_classes(r->ctx, r->model,
                                (const char *const *)r->classes.name,
                                (int)r->classes.count);
}

/* A network that answers pixel by pixel is averaged over the picture. */
static fv_status loss(fvi_run *r, fvi_net *n)
{
    int64_t one[] = {-1, 1};
    fv_graph *g = n->graph;
    if (fv_shape(g, n->answer).ndim > 2) {
        n->answer = fv_global_avg_pool(g, n->answer);
        fv_output(g, "classes", n->answer);
    }
    n->target = fv_input(g, "target", 2, one);
    n->weight = fv_input(g, "weight", 2, one);
    n->loss = fv_loss_cross_entropy_smooth(g, n->answer, n->target, n->weight,
                                           NULL, (float)r->o.label_smoothing);
    return FV_OK;
}

/* ---- batches ---- */

/* What each class weighs: 1, or so that all classes count the same. */
static fv_status begin(fvi_run *r)
{
    size_t K = r->classes.count;
    bool balanced = strcmp(r->o.loss, "balanced") == 0;
    float *weight = r->batch.own = fvi_calloc(r->ctx, K + 1, sizeof *weight);
    if (!weight)
        return FV_ENOMEM;
    r->tallies = 2 * (int64_t)K;
    for (int64_t i = 0; i < r->train_count; i++)
        weight[r->train[i].category] += 1;
    for (size_t k = 0; k < K; k++)
        weight[k] = balanced && weight[k] > 0
                        ? (float)r->train_count / ((float)K * weight[k])
                        : 1;
    return FV_OK;
}

static void end(fvi_run *r)
{
    fvi_free(r->ctx, r->batch.own);
}

static void set_truth(const fvi_batch *b, const fv_pair *p, fvi_inputs at)
{
    *(float *)at.target.data = (float)p->category;
    *(float *)at.weight.data = ((const float *)b->own)[p->category];
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
    set_truth(b, p, at);
}

static fv_status cut(fvi_run *r, const fvi_window_at *a, int64_t i,
                     fvi_inputs in)
{
    const fv_pair *p = &r->val[a->pair];
    const fv_tensor none = {.ndim = -1};
    fvi_warp warp = fvi_warp_still(a->y, a->x, r->batch.side);
    fvi_inputs at = fvi_inputs_at(in, i);
    fvi_warp_apply(&warp, p->plane, none, at.image, none, NULL);
    set_truth(&r->batch, p, at);
    return FV_OK;
}

/* ---- validation: balanced accuracy ---- */

static int64_t largest(const float *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++)
        if (x[k] > x[best])
            best = k;
    return best;
}

/* Right answers by class, then pictures by class. */
static fv_status add(fvi_run *r, fvi_inputs in, fv_tensor answer,
                     const fvi_window_at *at, int64_t count, double *tally)
{
    int64_t K = (int64_t)r->classes.count;
    (void)in;
    for (int64_t i = 0; i < count; i++) {
        int64_t truth = r->val[at[i].pair].category;
        int64_t said = largest((const float *)answer.data + i * K, K);
        tally[truth] += said == truth;
        tally[K + truth] += 1;
    }
    return FV_OK;
}

static double total(const fvi_run *r, const double *tally)
{
    size_t K = r->classes.count;
    double sum = 0, seen = 0;
    for (size_t k = 0; k < K; k++) {
        if (!(tally[K + k] > 0))
            continue;
        sum += tally[k] / tally[K + k];
        seen += 1;
    }
    return seen > 0 ? sum / seen : 0;
}

/* ---- the end ---- */

static fv_status finish(fvi_run *r, json_t *scores)
{
    json_object_set_new(scores, "validation_balanced_accuracy",
                        json_real(r->state.best_score));
    return FV_OK;
}

static void describe(const fvi_run *r, fvi_text *title, json_t *data)
{
    fvi_text_add(title, ", %zu classes", r->classes.count);
    json_object_set(data, "training_images_by_class",
                    json_object_get(r->names, "training_images_by_class"));
}

const fvi_task fvi_task_classify = {
    .name = "classify",
    .noun = "classification",
    .windows = 1,
    .arch = "unet",
    .score = "val_balanced_accuracy",
    .check = check,
    .find = find,
    .read = fvi_classify_read,
    .aim = aim,
    .settings = settings,
    .mark = mark,
    .loss = loss,
    .begin = begin,
    .end = end,
    .crop = crop,
    .cut = cut,
    .add = add,
    .total = total,
    .finish = finish,
    .describe = describe,
};
