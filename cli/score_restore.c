/* Restored images against clean ones. */
#include "inputs.h"
#include "picture.h"
#include "score.h"

#include <math.h>

enum { LAGS = 4 };

/* One number per column of the table. */
enum {
    PSNR,
    SCALED,
    SSIM,
    MS_SSIM,
    NRMSE,
    MAE,
    PEARSON,
    RINGS,
    WHITENESS,
    COLUMNS
};

static const struct {
    const char *name;
    int digits;
} column[COLUMNS] = {
    {"psnr_db", 4}, {"si_psnr_db", 4}, {"ssim", 5},
    {"ms_ssim", 5}, {"nrmse", 5},      {"mae", 5},
    {"pearson", 5}, {"frc_px", 3},     {"whiteness", 5},
};
/* The names --json has had from the start. */
static const char *const key[COLUMNS] = {"psnr",    "si_psnr", "ssim",
                                         "ms_ssim", "nrmse",   "mae",
                                         "pearson", "frc_px",  "whiteness"};

typedef struct quality {
    double value[COLUMNS]; /* NaN: cannot be told here */
    /* sums over pixels and channels, for pooling; of `relative` over those
     * whose truth has a range */
    double pixels, square, error, energy, ranged, relative;
} quality;

/* Sums of what can be told, and of how many. */
typedef struct sums {
    double value[COLUMNS], count[COLUMNS];
} sums;

static void add_values(sums *s, const double value[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++) {
        if (isnan(value[i]))
            continue;
        s->value[i] += value[i];
        s->count[i] += 1;
    }
}

static void take_means(const sums *s, double value[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        value[i] = s->count[i] > 0 ? s->value[i] / s->count[i] : (double)NAN;
}

static fv_tensor channel_of(fv_tensor plane, int64_t channel)
{
    fv_tensor one = fv_slice(plane, 2, channel, channel + 1);
    one.ndim = 2;
    return one;
}

static void pool(quality *q, const fv_errors *e)
{
    double n = (double)e->count;
    q->pixels += n;
    q->square += n * e->mse;
    q->error += n * e->mae;
    q->energy += n * e->energy;
    if (!(e->range > 0))
        return;
    q->ranged += n;
    q->relative += n * e->mse / (e->range * e->range);
}

/* Small images have no MS-SSIM, and programs without FFTW no rings. */
static fv_status optional(fv_status status, double *value)
{
    if (status == FV_ESHAPE || status == FV_ENOTSUP) {
        *value = NAN;
        return FV_OK;
    }
    return status;
}

static fv_status rings(fv_ctx *ctx, fv_tensor a, fv_tensor b, double *px)
{
    fv_rings r;
    FV_TRY(fv_ring_correlation(ctx, a, b, &r));
    *px = r.resolution;
    fv_rings_free(ctx, &r);
    return FV_OK;
}

/* Of what the prediction leaves of the truth. */
static fv_status whiteness(fv_ctx *ctx, fv_tensor a, fv_tensor b, double *rms)
{
    int64_t h = a.dim[0], w = a.dim[1];
    float *left = fvi_alloc(ctx, (size_t)(h * w) * sizeof *left);
    if (!left)
        return FV_ENOMEM;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            const float *p = (float *)a.data + y * a.stride[0];
            const float *q = (float *)b.data + y * b.stride[0];
            left[y * w + x] = p[x * a.stride[1]] - q[x * b.stride[1]];
        }
    fv_whiteness white;
    fv_status status = fv_residual_whiteness(
        ctx, fv_dense(left, FV_F32, 2, a.dim), LAGS, &white);
    *rms = status == FV_OK ? white.rms : 0;
    fvi_free(ctx, left);
    return status;
}

/* Of a constant truth nothing can be told that is relative to its range. */
static void drop_relative(double v[COLUMNS])
{
    v[PSNR] = v[SCALED] = v[SSIM] = v[MS_SSIM] = NAN;
}

static fv_status compare_channel(fv_ctx *ctx, fv_tensor a, fv_tensor b,
                                 double range, sums *s, quality *q)
{
    fv_errors e;
    double v[COLUMNS] = {0};
    FV_TRY(fv_judge_errors(ctx, a, b, range, &e));
    FV_TRY(fv_ssim(ctx, a, b, range, &v[SSIM]));
    FV_TRY(optional(fv_ms_ssim(ctx, a, b, range, &v[MS_SSIM]), &v[MS_SSIM]));
    FV_TRY(optional(rings(ctx, a, b, &v[RINGS]), &v[RINGS]));
    FV_TRY(whiteness(ctx, a, b, &v[WHITENESS]));
    v[PSNR] = e.psnr;
    v[SCALED] = e.psnr_scaled;
    v[NRMSE] = isfinite(e.nrmse) ? e.nrmse : (double)NAN; /* of a black truth */
    v[MAE] = e.mae;
    v[PEARSON] = e.pearson;
    if (!(e.range > 0))
        drop_relative(v);
    add_values(s, v);
    pool(q, &e);
    return FV_OK;
}

/* Channels are averaged. */
static fv_status compare(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                         double range, quality *out)
{
    sums s = {0};
    *out = (quality){0};
    for (int64_t k = 0; k < truth.dim[2]; k++)
        FV_TRY(compare_channel(ctx, channel_of(truth, k), channel_of(pred, k),
                               range, &s, out));
    take_means(&s, out->value);
    return FV_OK;
}

static fv_status compare_pair(cli *c, const score_args *o, const score_pair *p,
                              quality *out)
{
    picture truth, pred;
    if (fvi_canceled(c->ctx))
        return fvi_fail(c->ctx, FV_ECANCEL, "canceled");
    if (!p->pred)
        return fvi_fail(c->ctx, FV_EINVAL, "%s has no prediction", p->truth);
    FV_TRY(picture_read(c, p->truth, 0, &truth));
    fv_status status = picture_read(c, p->pred, 0, &pred);
    if (status == FV_OK) {
        if (fv_same_shape(truth.plane, pred.plane))
            status = compare(c->ctx, truth.plane, pred.plane, o->range, out);
        else
            status = fvi_fail(c->ctx, FV_ESHAPE,
                              "%s and %s differ in size or channels", p->pred,
                              p->truth);
        picture_free(c, &pred);
    }
    picture_free(c, &truth);
    return status;
}

/* ---- what is said ---- */

static void show(const char *name, const quality *q)
{
    printf("%s", name);
    for (int i = 0; i < COLUMNS; i++)
        if (isnan(q->value[i]))
            printf("\t-");
        else
            printf("\t%.*f", column[i].digits, q->value[i]);
    printf("\n");
}

static json_t *as_json(const quality *q)
{
    json_t *out = json_object();
    for (int i = 0; i < COLUMNS; i++)
        json_object_set_new(out, key[i], json_number(q->value[i]));
    return out;
}

static void show_one(const char *stem, const quality *q, json_t *rows)
{
    if (!rows) {
        show(stem, q);
        return;
    }
    json_t *row = as_json(q);
    json_object_set_new(row, "name", json_text(stem));
    json_array_append_new(rows, row);
}

typedef struct total {
    sums all;
    quality pool;
    size_t n;
} total;

static void add(total *t, const quality *q)
{
    add_values(&t->all, q->value);
    t->pool.pixels += q->pixels;
    t->pool.square += q->square;
    t->pool.error += q->error;
    t->pool.energy += q->energy;
    t->pool.ranged += q->ranged;
    t->pool.relative += q->relative;
    t->n++;
}

/* What all pixels together give; the rest is defined for one image only. */
static quality pooled(const total *t)
{
    quality q = t->pool;
    double n = q.pixels > 0 ? q.pixels : 1;
    for (int i = 0; i < COLUMNS; i++)
        q.value[i] = NAN;
    if (q.ranged > 0)
        q.value[PSNR] = -10 * log10(q.relative / q.ranged);
    q.value[NRMSE] = q.energy > 0 ? sqrt(q.square / q.energy) : 0;
    q.value[MAE] = q.error / n;
    return q;
}

static int show_total(cli *c, const total *t, json_t *rows)
{
    quality mean = {0}, pool = pooled(t);
    take_means(&t->all, mean.value);
    if (rows) {
        json_t *all = as_json(&mean);
        json_object_update_new(
            all, json_pack("{s:s, s:I, s:{s:o, s:o, s:o}, s:o}", "task",
                           "restore", "n", (json_int_t)t->n, "pooled", "psnr",
                           json_number(pool.value[PSNR]), "nrmse",
                           json_number(pool.value[NRMSE]), "mae",
                           json_number(pool.value[MAE]), "images", rows));
        return tell_json(c, all);
    }
    char name[48];
    snprintf(name, sizeof name, "mean of %zu", t->n);
    if (t->n) {
        show(name, &mean);
        show("pooled", &pool);
    }
    return EXIT_DONE;
}

static void show_head(void)
{
    printf("image");
    for (int i = 0; i < COLUMNS; i++)
        printf("\t%s", column[i].name);
    printf("\n");
}

int score_restore(cli *c, const score_args *o, const score_pairs *p)
{
    json_t *rows = c->json ? json_array() : NULL;
    total t = {0};
    size_t failed = 0;
    if (!rows)
        show_head();
    for (size_t i = 0; i < p->count; i++) {
        quality q = {0};
        fv_status status = compare_pair(c, o, &p->pair[i], &q);
        if (status == FV_OK) {
            add(&t, &q);
            show_one(p->pair[i].stem, &q, rows);
            continue;
        }
        cli_fail(c);
        failed++;
        if (status == FV_ECANCEL) {
            json_decref(rows);
            return EXIT_FAILED;
        }
    }
    int told = show_total(c, &t, rows);
    return told == EXIT_DONE ? exit_code(failed, p->count) : told;
}
