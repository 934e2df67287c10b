/* What became of each object: matched, missed, extra, split or merged. */

#include "fovea/score.h"
#include "task/overlap.h"

#include <stdlib.h>

const char *fv_fate_name(fv_fate fate)
{
    static const char *const name[] = {"matched", "missed", "extra", "split",
                                       "merged"};
    return fate >= 0 && fate <= FV_MERGED ? name[fate] : "?";
}

/* What the pairs say about one object. */
typedef struct view {
    int32_t partner; /* of greatest IoU, or matched; -1: nobody overlaps */
    int32_t holder;  /* the other object with most of its pixels, or -1  */
    int32_t holds;   /* others that have most of their pixels in it      */
    double iou;      /* with the partner                                 */
    bool matched;
} view;

static void look(view *v, int32_t other, double iou, int64_t shared,
                 int64_t area)
{
    if (v->partner < 0 || iou > v->iou) {
        v->partner = other;
        v->iou = iou;
    }
    if (2 * shared > area)
        v->holder = other;
}

static void look_at_pairs(const fvi_overlaps *o, view *truth, view *pred)
{
    for (int64_t i = 0; i < o->pairs; i++) {
        const fvi_pair *p = &o->pair[i];
        look(&truth[p->truth], p->pred, p->iou, p->shared,
             o->truth.sum[p->truth]);
        look(&pred[p->pred], p->truth, p->iou, p->shared, o->pred.sum[p->pred]);
    }
    for (int64_t t = 0; t < o->truth.count; t++)
        if (truth[t].holder >= 0)
            pred[truth[t].holder].holds++;
    for (int64_t p = 0; p < o->pred.count; p++)
        if (pred[p].holder >= 0)
            truth[pred[p].holder].holds++;
}

static void note_matches(const fvi_overlaps *o, const int32_t *match,
                         view *truth, view *pred)
{
    for (int64_t i = 0; i < o->pairs; i++) {
        const fvi_pair *p = &o->pair[i];
        if (match[p->truth] != p->pred)
            continue;
        view *t = &truth[p->truth], *q = &pred[p->pred];
        t->matched = q->matched = true;
        t->iou = q->iou = p->iou;
        t->partner = p->pred;
        q->partner = p->truth;
    }
}

/* A true object is split when several predictions lie in it; it is merged when
 * it lies in a prediction with another one. */
static fv_fate fate_of_truth(const view *t, const view *pred)
{
    if (t->matched)
        return FV_MATCHED;
    if (t->holder >= 0 && pred[t->holder].holds > 1)
        return FV_MERGED;
    return t->holds > 1 ? FV_SPLIT : FV_MISSED;
}

static fv_fate fate_of_pred(const view *p, const view *truth)
{
    if (p->matched)
        return FV_MATCHED;
    if (p->holds > 1)
        return FV_MERGED;
    if (p->holder >= 0 && truth[p->holder].holds > 1)
        return FV_SPLIT;
    return FV_EXTRA;
}

static int by_label(const void *x, const void *y)
{
    const fv_object_score *a = x, *b = y;
    return (a->label > b->label) - (a->label < b->label);
}

typedef fv_fate judge(const view *own, const view *others);

static void fill(const fvi_tally *own, const view *v, const fvi_tally *others,
                 const view *other_views, judge *fate, fv_object_score *out)
{
    for (int64_t i = 0; i < own->count; i++) {
        bool alone = v[i].partner < 0;
        out[i] = (fv_object_score){
            .label = (uint32_t)own->key[i],
            .area = own->sum[i],
            .fate = fate(&v[i], other_views),
            .partner = alone ? 0 : (uint32_t)others->key[v[i].partner],
            .iou = v[i].iou};
    }
    qsort(out, (size_t)own->count, sizeof *out, by_label);
}

static fv_status give(fv_ctx *ctx, const fvi_overlaps *o, const view *truth,
                      const view *pred, fv_object_scores *out)
{
    size_t size = sizeof(fv_object_score);
    fv_object_scores s = {.truths = o->truth.count, .preds = o->pred.count};
    s.truth = fvi_alloc(ctx, (size_t)s.truths * size);
    s.pred = fvi_alloc(ctx, (size_t)s.preds * size);
    if (!s.truth || !s.pred) {
        fv_object_scores_free(ctx, &s);
        return FV_ENOMEM;
    }
    fill(&o->truth, truth, &o->pred, pred, fate_of_truth, s.truth);
    fill(&o->pred, pred, &o->truth, truth, fate_of_pred, s.pred);
    *out = s;
    return FV_OK;
}

static view *views(fv_ctx *ctx, int64_t n)
{
    view *v = fvi_alloc(ctx, (size_t)n * sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = (view){.partner = -1, .holder = -1};
    return v;
}

static fv_status judge_all(fv_ctx *ctx, const fvi_overlaps *o, double iou,
                           fv_object_scores *out)
{
    view *truth = views(ctx, o->truth.count);
    view *pred = views(ctx, o->pred.count);
    int32_t *match = fvi_alloc(ctx, (size_t)o->truth.count * sizeof *match);
    fv_status status = FV_ENOMEM;
    if (truth && pred && match)
        status = fvi_overlaps_match(ctx, o, iou, match);
    if (status == FV_OK) {
        look_at_pairs(o, truth, pred);
        note_matches(o, match, truth, pred);
        status = give(ctx, o, truth, pred, out);
    }
    fvi_free(ctx, truth);
    fvi_free(ctx, pred);
    fvi_free(ctx, match);
    return status;
}

fv_status fv_score_objects(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                           double iou, fv_object_scores *out)
{
    FV_TRY(fvi_want_iou(ctx, iou));
    fvi_overlaps o;
    fv_status status = fvi_overlaps_new(ctx, truth, pred, &o);
    if (status == FV_OK)
        status = judge_all(ctx, &o, iou, out);
    fvi_overlaps_free(ctx, &o);
    return status;
}

void fv_object_scores_free(fv_ctx *ctx, fv_object_scores *s)
{
    fvi_free(ctx, s->truth);
    fvi_free(ctx, s->pred);
    *s = (fv_object_scores){0};
}
