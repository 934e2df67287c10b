/* The pixels that objects of two label images share, and their one-to-one
 * matching. */

#include "task/overlap.h"
#include "task/assign.h"

#include <stdlib.h>

/* Stretches of a row where neither label changes are counted at once. */
static fv_status count_row(fvi_overlaps *o, fvi_tally *both, const uint32_t *t,
                           const uint32_t *p, int64_t w)
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
            FV_TRY(fvi_tally_add(both, (uint64_t)i << 32 | (uint64_t)k, x - x0,
                                 NULL));
    }
    return FV_OK;
}

static int by_index(const void *x, const void *y)
{
    const fvi_pair *a = x, *b = y;
    if (a->truth != b->truth)
        return a->truth < b->truth ? -1 : 1;
    return (a->pred > b->pred) - (a->pred < b->pred);
}

static fv_status list_pairs(fv_ctx *ctx, const fvi_tally *both, fvi_overlaps *o)
{
    o->pair = fvi_alloc(ctx, (size_t)both->count * sizeof *o->pair);
    if (!o->pair)
        return FV_ENOMEM;
    for (int64_t i = 0; i < both->count; i++) {
        int32_t t = (int32_t)(both->key[i] >> 32);
        int32_t p = (int32_t)(both->key[i] & UINT32_MAX);
        double shared = (double)both->sum[i];
        double all = (double)(o->truth.sum[t] + o->pred.sum[p]) - shared;
        o->pair[i] = (fvi_pair){t, p, both->sum[i], shared / all};
    }
    o->pairs = both->count;
    qsort(o->pair, (size_t)o->pairs, sizeof *o->pair, by_index);
    return FV_OK;
}

static fv_status find(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                      fvi_overlaps *o)
{
    const uint32_t *t = truth.data, *p = pred.data;
    int64_t h = truth.dim[0], w = truth.dim[1];
    fvi_tally both = {.ctx = ctx};
    fv_status status = FV_OK;
    for (int64_t y = 0; y < h && status == FV_OK; y++)
        status = count_row(o, &both, t + y * w, p + y * w, w);
    if (status == FV_OK)
        status = list_pairs(ctx, &both, o);
    fvi_tally_free(&both);
    return status;
}

fv_status fvi_overlaps_new(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                           fvi_overlaps *out)
{
    *out = (fvi_overlaps){.truth = {.ctx = ctx}, .pred = {.ctx = ctx}};
    FV_TRY(fvi_want(ctx, "truth", truth, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "prediction", pred, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "truth", truth, "prediction", pred));
    fvi_dense t, p;
    FV_TRY(fvi_dense_open(ctx, truth, true, &t));
    fv_status status = fvi_dense_open(ctx, pred, true, &p);
    if (status == FV_OK) {
        status = find(ctx, t.view, p.view, out);
        fvi_dense_close(ctx, &p);
    }
    fvi_dense_close(ctx, &t);
    return status;
}

void fvi_overlaps_free(fv_ctx *ctx, fvi_overlaps *o)
{
    fvi_tally_free(&o->truth);
    fvi_tally_free(&o->pred);
    fvi_free(ctx, o->pair);
}

fv_status fvi_want_iou(fv_ctx *ctx, double iou)
{
    if (iou > 0 && iou <= 1)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "overlap threshold %g, expected over 0, at most 1", iou);
}

/* Room for what the truths of one threshold are offered. */
typedef struct offers {
    int64_t *first;
    int32_t *column;
    double *weight;
} offers;

static fv_status offers_new(fv_ctx *ctx, const fvi_overlaps *o, offers *out)
{
    size_t rows = (size_t)o->truth.count, pairs = (size_t)o->pairs;
    out->first = fvi_alloc(ctx, (rows + 1) * sizeof *out->first);
    out->column = fvi_alloc(ctx, pairs * sizeof *out->column);
    out->weight = fvi_alloc(ctx, pairs * sizeof *out->weight);
    bool room = out->first && out->column && out->weight;
    return room ? FV_OK : FV_ENOMEM;
}

static void offers_free(fv_ctx *ctx, offers *f)
{
    fvi_free(ctx, f->first);
    fvi_free(ctx, f->column);
    fvi_free(ctx, f->weight);
}

/* Weight 1 + IoU / (2 min(n, m)): all IoU terms together stay below one pair,
 * so the number of pairs comes first. As stardist.matching. */
static void collect(const fvi_overlaps *o, double iou, offers *f)
{
    int64_t n = o->truth.count, m = o->pred.count, k = 0, i = 0;
    double scale = 0.5 / (double)(n < m ? n : m);
    for (int64_t t = 0; t < n; t++) {
        f->first[t] = k;
        for (; i < o->pairs && o->pair[i].truth == t; i++)
            if (o->pair[i].iou >= iou) {
                f->column[k] = o->pair[i].pred;
                f->weight[k++] = 1 + o->pair[i].iou * scale;
            }
    }
    f->first[n] = k;
}

fv_status fvi_overlaps_match(fv_ctx *ctx, const fvi_overlaps *o, double iou,
                             int32_t *match)
{
    offers f = {0};
    fv_status status = offers_new(ctx, o, &f);
    if (status == FV_OK) {
        collect(o, iou, &f);
        fvi_offers offered = {o->truth.count, o->pred.count, f.first, f.column,
                              f.weight};
        status = fvi_assign(ctx, &offered, match);
    }
    offers_free(ctx, &f);
    return status;
}
