/* Crops for restoration: image and target in register, no number changed. */
#include "train/task.h"

#include "train/blind.h"
#include "train/warp.h"

#include <math.h>
#include <string.h>

typedef struct own {
    bool blind;
    fvi_blind spots;
    double *range;  /* of the truth of each validation image */
    float *seen[2]; /* gains and offsets for the segmentation model of each
                       training and validation image, or NULL */
} own;

static const fv_tensor none = {.ndim = -1};

/* What the pair shows without noise or with other noise: its target, another
 * shot (`which` counts them), or for blind spots itself. */
static fv_tensor truth_of(const fv_pair *pairs, const fv_pair *p, int64_t which)
{
    if (p->target.data)
        return p->target;
    if (p->shots < 2)
        return p->plane;
    int64_t at = p - pairs - p->field;
    return pairs[p->field + (at + 1 + which) % p->shots].plane;
}

/* ---- life ---- */

static double extent_of(fv_tensor t)
{
    const float *x = t.data;
    float lo = x[0], hi = x[0];
    for (int64_t i = 1; i < fv_count(t); i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    return (double)hi - (double)lo;
}

/* What brings each channel of the truth into the range that the segmentation
 * model would see it in. */
static fv_status measure_seen(fvi_run *r, const fv_pair *pairs, int64_t count,
                              float **out)
{
    const fv_model *m = r->segment_model;
    int64_t C = r->o.target_channels;
    float *to = *out =
        fvi_calloc(r->ctx, (size_t)(2 * C * count) + 1, sizeof *to);
    if (!to)
        return FV_ENOMEM;
    for (int64_t i = 0; i < count; i++, to += 2 * C) {
        fv_tensor t = truth_of(pairs, &pairs[i], 0);
        double low[FV_MAX_CHANNELS], high[FV_MAX_CHANNELS];
        FV_TRY(fv_percentiles(r->ctx, t, m->percentile[0], m->percentile[1],
                              pairs[i].rgb, low, high));
        for (int64_t c = 0; c < C; c++) {
            double width = high[c] - low[c];
            to[c] = width > 0 ? (float)(1 / width) : 0;
            to[C + c] = width > 0 ? (float)(-low[c] / width) : 0;
        }
    }
    return FV_OK;
}

/* Those of a pair into its slot. */
static void put_seen(const float *seen, int64_t pair, fv_tensor extra)
{
    if (extra.data)
        memcpy(extra.data, seen + pair * fv_count(extra),
               (size_t)fv_count(extra) * sizeof(float));
}

fv_status fvi_restore_begin(fvi_run *r)
{
    const fv_train_options *o = &r->o;
    own *w = r->batch.own = fvi_calloc(r->ctx, 1, sizeof *w);
    if (!w)
        return FV_ENOMEM;
    r->tallies = 2;
    bool z = strcmp(r->model->normalize, "mean_std") == 0;
    w->blind = fvi_is_blind(o);
    w->spots = (fvi_blind){.share = o->blind_share,
                           .radius = o->blind_radius,
                           .median = strcmp(o->blind_replace, "median") == 0,
                           .lo = z ? -2 : 0,
                           .hi = z ? 2 : 1};
    FV_TRY(fvi_blind_mask(r->ctx, o->blind_mask, &w->spots));
    w->range = fvi_calloc(r->ctx, (size_t)r->val_count + 1, sizeof *w->range);
    if (!w->range)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->val_count; i++)
        w->range[i] = extent_of(truth_of(r->val, &r->val[i], 0));
    if (!r->segment_model)
        return FV_OK;
    FV_TRY(measure_seen(r, r->train, r->train_count, &w->seen[0]));
    return measure_seen(r, r->val, r->val_count, &w->seen[1]);
}

void fvi_restore_end(fvi_run *r)
{
    own *w = r->batch.own;
    for (int i = 0; w && i < 2; i++)
        fvi_free(r->ctx, w->seen[i]);
    if (w)
        fvi_free(r->ctx, w->range);
    fvi_free(r->ctx, w);
}

/* ---- filling ---- */

/* The same place of image, labels (those that there are, into `labels`) and
 * truth; then the spots. */
static void fill(const own *w, const fvi_warp *warp, const fv_pair *p,
                 fv_tensor truth, fv_tensor labels, fvi_rng *r, fvi_inputs at)
{
    fvi_warp_apply(warp, p->plane, p->labels, at.image,
                   p->labels.data ? labels : none, NULL);
    fvi_warp_apply(warp, truth, none, at.target, none, NULL);
    if (w->blind)
        fvi_blind_spots(&w->spots, r, at.target, at.image, at.weight);
}

void fvi_restore_crop(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                      int64_t index, int64_t i, fvi_inputs in)
{
    fvi_rng r = fvi_rng_new(b->seed ^ fvi_hash_text("geometry"),
                            (uint64_t)epoch << 32 ^ (uint64_t)index);
    fvi_warp warp = fvi_warp_exact(&b->augment, &r, p->plane.dim, b->side);
    const own *w = b->own;
    int64_t which = p->shots > 1 ? fvi_rng_below(&r, p->shots - 1) : 0;
    fvi_inputs at = fvi_inputs_at(in, i);
    fill(w, &warp, p, truth_of(b->pairs, p, which), fvi_segment_labels(b, i),
         &r, at);
    put_seen(w->seen[0], p - b->pairs, at.extra);
}

fv_status fvi_restore_cut(fvi_run *r, const fvi_window_at *a, int64_t i,
                          fvi_inputs in)
{
    const fv_pair *p = &r->val[a->pair];
    fvi_warp warp = fvi_warp_still(a->y, a->x, r->batch.side);
    fvi_rng rng = fvi_rng_new(r->batch.seed ^ fvi_hash_text("validation"),
                              (uint64_t)(a - r->window));
    fvi_inputs at = fvi_inputs_at(in, i);
    const own *w = r->batch.own;
    fill(w, &warp, p, truth_of(r->val, p, 0), fvi_segment_labels(&r->batch, i),
         &rng, at);
    put_seen(w->seen[1], a->pair, at.extra);
    fvi_weigh_inside(p->plane.dim, a, at.weight);
    fvi_share_equally(p->plane.dim, at.weight);
    return fvi_restore_truth(r, i, in);
}

/* ---- validation ---- */

/* Mean square of answer minus truth where there is weight; -1 where none is. */
static double square_error(fv_tensor answer, fv_tensor truth, fv_tensor weight)
{
    int64_t C = truth.dim[2], K = answer.dim[2];
    const float *a = answer.data, *t = truth.data, *w = weight.data;
    double sum = 0, n = 0;
    for (int64_t i = 0; i < fv_count(weight); i++)
        for (int64_t c = 0; c < C && w[i] > 0; c++, n += 1) {
            double d = (double)a[i * K + c] - (double)t[i * C + c];
            sum += d * d;
        }
    return n > 0 ? sum / n : -1;
}

fv_status fvi_restore_add(fvi_run *r, fvi_inputs in, fv_tensor answer,
                          const fvi_window_at *at, int64_t count, double *tally)
{
    const own *w = r->batch.own;
    for (int64_t i = 0; i < count; i++) {
        fvi_inputs one = fvi_inputs_at(in, i);
        double mse = square_error(fvi_part(answer, i), one.target, one.weight);
        double range = w->range[at[i].pair];
        if (mse < 0 || !(range > 0))
            continue;
        tally[0] +=
            10 * log10(range * range / fmax(mse, 1e-10 * range * range));
        tally[1] += 1;
    }
    return FV_OK;
}
