/* Agreement of two label images: the counts and ratios that follow from a
 * one-to-one matching, and the aggregated Jaccard index, which needs none. */

#include "fovea/score.h"
#include "task/overlap.h"

void fv_match_ratios(fv_match *m, double iou_sum)
{
    double tp = (double)m->tp, fp = (double)m->fp, fn = (double)m->fn;
    double empty = tp + fp + fn > 0 ? 0 : 1;
    m->precision = tp + fp > 0 ? tp / (tp + fp) : empty;
    m->recall = tp + fn > 0 ? tp / (tp + fn) : empty;
    m->f1 = tp + fp + fn > 0 ? 2 * tp / (2 * tp + fp + fn) : 1;
    m->ap = tp + fp + fn > 0 ? tp / (tp + fp + fn) : 1;
    m->mean_iou = tp > 0 ? iou_sum / tp : empty;
    m->mean_true = tp + fn > 0 ? iou_sum / (tp + fn) : empty;
    m->pq = m->f1 * m->mean_iou;
}

static void count_matches(const fvi_overlaps *o, const int32_t *match,
                          fv_match *out)
{
    double sum = 0;
    int64_t tp = 0;
    for (int64_t i = 0; i < o->pairs; i++)
        if (match[o->pair[i].truth] == o->pair[i].pred) {
            sum += o->pair[i].iou;
            tp++;
        }
    *out = (fv_match){
        .tp = tp, .fp = o->pred.count - tp, .fn = o->truth.count - tp};
    fv_match_ratios(out, sum);
}

static fv_status match_all(fv_ctx *ctx, const fvi_overlaps *o, int n,
                           const double iou[], fv_match out[])
{
    int32_t *match = fvi_alloc(ctx, (size_t)o->truth.count * sizeof *match);
    fv_status status = match ? FV_OK : FV_ENOMEM;
    for (int i = 0; i < n && status == FV_OK; i++) {
        status = fvi_overlaps_match(ctx, o, iou[i], match);
        if (status == FV_OK)
            count_matches(o, match, out + i);
    }
    fvi_free(ctx, match);
    return status;
}

fv_status fv_match_labels(fv_ctx *ctx, fv_tensor truth, fv_tensor pred, int n,
                          const double iou[], fv_match out[])
{
    fvi_overlaps o;
    fv_status status = fvi_overlaps_new(ctx, truth, pred, &o);
    for (int i = 0; i < n && status == FV_OK; i++)
        status = fvi_want_iou(ctx, iou[i]);
    if (status == FV_OK)
        status = match_all(ctx, &o, n, iou, out);
    fvi_overlaps_free(ctx, &o);
    return status;
}

void fv_aji_ratio(fv_aji *a)
{
    a->aji = a->all ? (double)a->shared / (double)a->all : 1;
}

/* Kumar et al. 2017, algorithm 1: each truth joins the prediction of greatest
 * IoU; predictions that no truth chose add to the union alone. */
static void aggregate(const fvi_overlaps *o, uint8_t *chosen, fv_aji *a)
{
    int64_t i = 0;
    for (int64_t t = 0; t < o->truth.count; t++) {
        const fvi_pair *best = NULL;
        for (; i < o->pairs && o->pair[i].truth == t; i++)
            if (!best || o->pair[i].iou > best->iou)
                best = &o->pair[i];
        a->all += o->truth.sum[t];
        if (!best)
            continue;
        a->shared += best->shared;
        a->all += o->pred.sum[best->pred] - best->shared;
        chosen[best->pred] = 1;
    }
    for (int64_t p = 0; p < o->pred.count; p++)
        a->all += chosen[p] ? 0 : o->pred.sum[p];
}

fv_status fv_aji_labels(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                        fv_aji *out)
{
    fvi_overlaps o;
    uint8_t *chosen = NULL;
    fv_status status = fvi_overlaps_new(ctx, truth, pred, &o);
    if (status == FV_OK) {
        chosen = fvi_calloc(ctx, (size_t)o.pred.count, 1);
        status = chosen ? FV_OK : FV_ENOMEM;
    }
    if (status == FV_OK) {
        *out = (fv_aji){0};
        aggregate(&o, chosen, out);
        fv_aji_ratio(out);
    }
    fvi_free(ctx, chosen);
    fvi_overlaps_free(ctx, &o);
    return status;
}
