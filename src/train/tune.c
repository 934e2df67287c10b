/* Thresholds chosen on validation images: a grid, then a finer look. */
#include "fovea/train.h"
#include "model/model.h"

enum { LEVELS = 9 }; /* IoU 0.5, 0.55, ... 0.9 */

/* The network's answers, computed once. */
typedef struct tuner {
    fv_ctx *ctx;
    fv_target target;
    const fv_pair *pairs;
    int64_t count;
    fv_tensor *maps;
    double *scale;   /* at which the network saw them */
    fv_tensor found; /* room for the largest picture */
    fv_decode_options best;
    double best_mean, best_ap;
} tuner;

static fv_status predict_all(tuner *t, const fv_model *m)
{
    fv_predictor *p;
    FV_TRY(fv_predictor_new(t->ctx, m, (fv_predict_options){0}, &p));
    fv_status status = FV_OK;
    int64_t channels = fv_channels(m->graph, m->image), most = 1;
    for (int64_t i = 0; i < t->count && status == FV_OK; i++) {
        const fv_pair *a = &t->pairs[i];
        int64_t n = fv_count(a->labels);
        most = n > most ? n : most;
        status = fv_predict(t->ctx, p, a->plane, a->rgb && channels == 3,
                            &t->maps[i]);
        double d = fv_predictor_diameter(p);
        t->scale[i] = d > 0 && m->diameter > 0 ? m->diameter / d : 1;
        if (status != FV_OK)
            status = fvi_fail_in(t->ctx, status, "%s", a->name);
    }
    fv_predictor_free(p);
    FV_TRY(status);
    t->found.data = fvi_alloc(t->ctx, (size_t)most * sizeof(uint32_t));
    return t->found.data ? FV_OK : FV_ENOMEM;
}

/* Objects found in picture `i`, added to the counts at every level. */
static fv_status count_image(tuner *t, int64_t i, fv_decode_options how,
                             const double iou[LEVELS], int64_t hit[LEVELS],
                             int64_t miss[LEVELS])
{
    fv_tensor truth = t->pairs[i].labels;
    fv_tensor found = fv_dense(t->found.data, FV_U32, 2, truth.dim);
    fv_match match[LEVELS];
    int64_t count;
    how = fvi_decode_at(how, t->scale[i]);
    FV_TRY(fv_decode(t->ctx, t->target, t->maps[i], how, found, &count));
    FV_TRY(fv_match_labels(t->ctx, truth, found, LEVELS, iou, match));
    for (int k = 0; k < LEVELS; k++) {
        hit[k] += match[k].tp;
        miss[k] += match[k].fp + match[k].fn;
    }
    return FV_OK;
}

static double share(int64_t hit, int64_t miss)
{
    return hit + miss ? (double)hit / (double)(hit + miss) : 1;
}

/* Tries `how`; keeps it when the mean AP is better than any before. */
static fv_status try_one(tuner *t, fv_decode_options how)
{
    double iou[LEVELS], mean = 0;
    int64_t hit[LEVELS] = {0}, miss[LEVELS] = {0};
    for (int k = 0; k < LEVELS; k++)
        iou[k] = 0.5 + 0.05 * k;
    for (int64_t i = 0; i < t->count; i++) {
        if (fvi_canceled(t->ctx))
            return fvi_fail(t->ctx, FV_ECANCEL, "canceled");
        FV_TRY(count_image(t, i, how, iou, hit, miss));
    }
    for (int k = 0; k < LEVELS; k++)
        mean += share(hit[k], miss[k]) / LEVELS;
    if (mean > t->best_mean) {
        t->best = how;
        t->best_mean = mean;
        t->best_ap = share(hit[0], miss[0]);
    }
    return FV_OK;
}

static fv_status try_grid(tuner *t)
{
    static const double thresholds[] = {0.3, 0.4, 0.5, 0.6, 0.7};
    static const double seeds[FV_TARGET_COUNT][5] = {
        [FV_TARGET_CELL] = {0},
        [FV_TARGET_BOUNDARY] = {0.1, 0.15, 0.2, 0.25, 0.35},
        [FV_TARGET_DISTANCE] = {0.04, 0.08, 0.15, 0.3, 0.5},
        [FV_TARGET_STARS] = {0.3, 0.4, 0.5},
        [FV_TARGET_FLOWS] = {0.2, 0.3, 0.4, 0.6, 1},
        [FV_TARGET_SHAPE] = {0.1, 0.15, 0.2, 0.25, 0.35}};
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < 5; b++) {
            fv_decode_options how = fv_decode_default();
            if (b > 0 && seeds[t->target][b] == 0)
                break;
            how.threshold = thresholds[a];
            how.seed = seeds[t->target][b];
            FV_TRY(try_one(t, how));
        }
    return FV_OK;
}

/* Half a step of the grid to either side of the best. */
static fv_status try_finer(tuner *t)
{
    static const double shift[] = {-0.05, 0.05};
    for (int i = 0; i < 4; i++) {
        fv_decode_options how = t->best;
        if (i < 2)
            how.threshold += shift[i];
        else if (t->target != FV_TARGET_CELL)
            how.seed *= 1 + 4 * shift[i - 2];
        else
            break;
        FV_TRY(try_one(t, how));
    }
    return FV_OK;
}

static fv_status try_areas(tuner *t)
{
    static const int64_t areas[] = {0, 10, 20, 30, 40, 80, 160};
    fv_decode_options base = t->best;
    for (int i = 0; i < 7; i++) {
        base.min_area = areas[i];
        FV_TRY(try_one(t, base));
    }
    return FV_OK;
}

static fv_status search(tuner *t, const fv_model *m)
{
    FV_TRY(predict_all(t, m));
    FV_TRY(try_grid(t));
    FV_TRY(try_finer(t));
    return try_areas(t);
}

fv_status fv_tune(fv_ctx *ctx, fv_model *m, const fv_pair pairs[],
                  int64_t count, double *ap)
{
    tuner t = {.ctx = ctx,
               .target = m->target,
               .pairs = pairs,
               .count = count,
               .best = fv_decode_default(),
               .best_mean = -1};
    FV_TRY(fvi_model_wants(ctx, m, "segment"));
    if (count < 1)
        return fvi_fail(ctx, FV_EINVAL, "no validation image to tune on");
    t.maps = fvi_calloc(ctx, (size_t)count, sizeof *t.maps);
    t.scale = fvi_calloc(ctx, (size_t)count, sizeof *t.scale);
    fv_status status = t.maps && t.scale ? search(&t, m) : FV_ENOMEM;
    if (status == FV_OK) {
        m->decode = t.best;
        if (ap)
            *ap = t.best_ap;
    }
    for (int64_t i = 0; i < count && t.maps; i++)
        if (t.maps[i].data)
            fv_plane_free(ctx, &t.maps[i]);
    fvi_free(ctx, t.maps);
    fvi_free(ctx, t.scale);
    fvi_free(ctx, t.found.data);
    return status;
}
