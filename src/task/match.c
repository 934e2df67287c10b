/* Agreement of two label images: overlaps of objects, one-to-one matching,
 * and the counts and ratios that follow. */

#include "fovea/score.h"
#include "task/assign.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>

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

/* Two objects that share pixels. */
typedef struct pair {
    int32_t truth, pred;
    double iou;
} pair;

typedef struct overlaps {
    fvi_tally truth, pred, both; /* pixels by label, by pair of indices */
    pair *pair;                  /* sorted by truth, then pred          */
} overlaps;

/* Stretches of a row where neither label changes are counted at once. */
static fv_status count_row(overlaps *o, const uint32_t *t, const uint32_t *p,
                           int64_t w)
{
    for (int64_t x = 0, x0; x < w;) {
        uint32_t a = t[x], b = p[x];
        int64_t i = 0, k = 0;
        for (x0 = x; x < w && t[x] == a && p[x] == b; x++)
            continue;
        if (a)
            FV_TRY(fvi_tally_add(&o->truth, a, x - x0, &i));
        if (b)
            FV_TRY(fvi_tally_add(&o->pred, b, x - x0, &k));
        if (a && b)
            FV_TRY(fvi_tally_add(&o->both, (uint64_t)i << 32 | (uint64_t)k,
                                 x - x0, NULL));
    }
    return FV_OK;
}

static int by_index(const void *x, const void *y)
{
    const pair *a = x, *b = y;
    if (a->truth != b->truth)
        return a->truth < b->truth ? -1 : 1;
    return (a->pred > b->pred) - (a->pred < b->pred);
}

static fv_status list_pairs(fv_ctx *ctx, overlaps *o)
{
    o->pair = fvi_alloc(ctx, (size_t)o->both.count * sizeof *o->pair);
    if (!o->pair)
        return FV_ENOMEM;
    for (int64_t i = 0; i < o->both.count; i++) {
        int32_t t = (int32_t)(o->both.key[i] >> 32);
        int32_t p = (int32_t)(o->both.key[i] & UINT32_MAX);
        double shared = (double)o->both.sum[i];
        double all = (double)(o->truth.sum[t] + o->pred.sum[p]) - shared;
        o->pair[i] = (pair){t, p, shared / all};
    }
    qsort(o->pair, (size_t)o->both.count, sizeof *o->pair, by_index);
    return FV_OK;
}

static fv_status find_overlaps(fv_ctx *ctx, const uint32_t *truth,
                               const uint32_t *pred, int64_t h, int64_t w,
                               overlaps *o)
{
    for (int64_t y = 0; y < h; y++)
        FV_TRY(count_row(o, truth + y * w, pred + y * w, w));
    return list_pairs(ctx, o);
}

static void overlaps_free(fv_ctx *ctx, overlaps *o)
{
    fvi_tally_free(&o->truth);
    fvi_tally_free(&o->pred);
    fvi_tally_free(&o->both);
    fvi_free(ctx, o->pair);
}

/* Room for the offers of one threshold and their answer. */
typedef struct offers {
    int64_t *first;
    int32_t *column, *match;
    double *weight;
} offers;

static fv_status offers_new(fv_ctx *ctx, const overlaps *o, offers *out)
{
    size_t rows = (size_t)o->truth.count, pairs = (size_t)o->both.count;
    out->first = fvi_alloc(ctx, (rows + 1) * sizeof *out->first);
    out->match = fvi_alloc(ctx, rows * sizeof *out->match);
    out->column = fvi_alloc(ctx, pairs * sizeof *out->column);
    out->weight = fvi_alloc(ctx, pairs * sizeof *out->weight);
    bool room = out->first && out->match && out->column && out->weight;
    return room ? FV_OK : FV_ENOMEM;
}

static void offers_free(fv_ctx *ctx, offers *f)
{
    fvi_free(ctx, f->first);
    fvi_free(ctx, f->match);
    fvi_free(ctx, f->column);
    fvi_free(ctx, f->weight);
}

/* Weight 1 + IoU / (2 min(n, m)): all IoU terms together stay below one pair,
 * so the number of pairs comes first. As stardist.matching. */
static int64_t collect(const overlaps *o, double iou, offers *f)
{
    int64_t n = o->truth.count, m = o->pred.count, k = 0, i = 0;
    double scale = 0.5 / (double)(n < m ? n : m);
    for (int64_t t = 0; t < n; t++) {
        f->first[t] = k;
        for (; i < o->both.count && o->pair[i].truth == t; i++)
            if (o->pair[i].iou >= iou) {
                f->column[k] = o->pair[i].pred;
                f->weight[k++] = 1 + o->pair[i].iou * scale;
            }
    }
    f->first[n] = k;
    return k;
}

static void count_matches(const overlaps *o, const offers *f, fv_match *out)
{
    double sum = 0;
    int64_t tp = 0;
    for (int64_t i = 0; i < o->both.count; i++)
        if (f->match[o->pair[i].truth] == o->pair[i].pred) {
            sum += o->pair[i].iou;
            tp++;
        }
    *out = (fv_match){
        .tp = tp, .fp = o->pred.count - tp, .fn = o->truth.count - tp};
    fv_match_ratios(out, sum);
}

static fv_status match_all(fv_ctx *ctx, const overlaps *o, offers *f, int n,
                           const double iou[], fv_match out[])
{
    FV_TRY(offers_new(ctx, o, f));
    for (int i = 0; i < n; i++) {
        collect(o, iou[i], f);
        fvi_offers offered = {o->truth.count, o->pred.count, f->first,
                              f->column, f->weight};
        FV_TRY(fvi_assign(ctx, &offered, f->match));
        count_matches(o, f, out + i);
    }
    return FV_OK;
}

static fv_status match_dense(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                             int n, const double iou[], fv_match out[])
{
    overlaps o = {{.ctx = ctx}, {.ctx = ctx}, {.ctx = ctx}, NULL};
    offers f = {0};
    fv_status status = find_overlaps(ctx, truth.data, pred.data, truth.dim[0],
                                     truth.dim[1], &o);
    if (status == FV_OK)
        status = match_all(ctx, &o, &f, n, iou, out);
    offers_free(ctx, &f);
    overlaps_free(ctx, &o);
    return status;
}

fv_status fv_match_labels(fv_ctx *ctx, fv_tensor truth, fv_tensor pred, int n,
                          const double iou[], fv_match out[])
{
    FV_TRY(fvi_want(ctx, "truth", truth, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "prediction", pred, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "truth", truth, "prediction", pred));
    for (int i = 0; i < n; i++)
        if (!(iou[i] > 0 && iou[i] <= 1))
            return fvi_fail(ctx, FV_EINVAL,
                            "overlap threshold %g, expected over 0, at most 1",
                            iou[i]);
    fvi_dense t, p;
    FV_TRY(fvi_dense_open(ctx, truth, true, &t));
    fv_status status = fvi_dense_open(ctx, pred, true, &p);
    if (status == FV_OK) {
        status = match_dense(ctx, t.view, p.view, n, iou, out);
        fvi_dense_close(ctx, &p);
    }
    fvi_dense_close(ctx, &t);
    return status;
}
