/* Crops for restoration: image and target in register, no number changed. */
#include "train/task.h"

#include "train/blind.h"
#include "train/warp.h"

#include <math.h>
#include <string.h>

typedef struct own {
    bool blind;
    fvi_blind spots;
    double *range; /* of the truth of each validation image */
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

fv_status fvi_restore_begin(fvi_run *r)
{
    const fv_train_options *o = &r->o;
    own *w = r->batch.own = fvi_calloc(r->ctx, 1, sizeof *w);
    if (!w)
        return FV_ENOMEM;
    r->tallies = 2;
    bool z = strcmp(r->model->normalize, "mean_std") == 0;
    w->blind = strncmp(o->method, "n2v", 3) == 0;
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
    return FV_OK;
}

void fvi_restore_end(fvi_run *r)
{
    own *w = r->batch.own;
    if (w)
        fvi_free(r->ctx, w->range);
    fvi_free(r->ctx, w);
}

/* ---- filling ---- */

/* The same place of image and truth; then the spots. */
static void fill(const own *w, const fvi_warp *warp, fv_tensor plane,
                 fv_tensor truth, fvi_rng *r, fvi_inputs at)
{
    fvi_warp_apply(warp, plane, none, at.image, none, NULL);
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
    int64_t which = p->shots > 1 ? fvi_rng_below(&r, p->shots - 1) : 0;
    fill(b->own, &warp, p->plane, truth_of(b->pairs, p, which), &r,
         fvi_inputs_at(in, i));
}

fv_status fvi_restore_cut(fvi_run *r, const fvi_window_at *a, int64_t i,
                          fvi_inputs in)
{
    const fv_pair *p = &r->val[a->pair];
    double half = 0.5 * (double)(r->batch.side - 1);
    fvi_warp warp = {.map = {{1, 0}, {0, 1}},
                     .center = {(double)a->y + half, (double)a->x + half}};
    fvi_rng rng = fvi_rng_new(r->batch.seed ^ fvi_hash_text("validation"),
                              (uint64_t)(a - r->window));
    fvi_inputs at = fvi_inputs_at(in, i);
    fill(r->batch.own, &warp, p->plane, truth_of(r->val, p, 0), &rng, at);
    fvi_weigh_inside(p->plane.dim, a, at.weight);
    fvi_share_equally(p->plane.dim, at.weight);
    return FV_OK;
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
