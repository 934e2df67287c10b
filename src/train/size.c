/*
 * The diameter of objects as a function of the style of a picture: ridge
 * regression of its logarithm on training images seen at random scales.
 * Source: Stringer et al. 2021, doi:10.1038/s41592-020-01018-x, methods, for
 * CPnet. Ours: how strong the ridge is, is chosen by leaving out a fifth of
 * the images at a time.
 */
#include "train/task.h"

#include "model/predict.h"
#include "task/diameter.h"

#include <math.h>
#include <string.h>

enum {
    FOLDS = 5,
    IMAGES = 200, /* at most, evenly spread     */
    EACH = 3,     /* looks at an image          */
    LEAST = 240,  /* looks in all               */
    WINDOW = 256, /* px, of a look, its longest */
    JUDGED = 100, /* images at most, when they have 512 x 512 px: */
    JUDGED_PX = JUDGED * 512 * 512,
    JUDGED_LEAST = 8, /* however large they are */
};
static const double zoom_lo = 0.4, zoom_hi = 2.5;
static const double ridges[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
enum { RIDGES = sizeof ridges / sizeof *ridges };

/* Looks as rows of `x`: the style; `y`: the logarithm of the diameter. */
typedef struct looks {
    fv_ctx *ctx;
    fvi_style *style;
    int n;         /* numbers of a style */
    int64_t count; /* rows               */
    double *x, *y;
    int *fold;
    double *mean, *scale; /* of the columns, of the rows in use */
    double *gram, *chol, *weight, *right;
    double middle; /* mean of y in use   */
} looks;

static fv_status looks_open(looks *l, int64_t most)
{
    size_t n = (size_t)l->n, rows = (size_t)most;
    l->x = fvi_calloc(l->ctx, rows, n * sizeof *l->x);
    l->y = fvi_calloc(l->ctx, rows, sizeof *l->y);
    l->fold = fvi_calloc(l->ctx, rows, sizeof *l->fold);
    l->gram = fvi_calloc(l->ctx, n, n * sizeof *l->gram);
    l->chol = fvi_calloc(l->ctx, n, n * sizeof *l->chol);
    l->mean = fvi_calloc(l->ctx, 4 * n + 1, sizeof *l->mean);
    if (!l->x || !l->y || !l->fold || !l->gram || !l->chol || !l->mean)
        return FV_ENOMEM;
    l->scale = l->mean + n;
    l->weight = l->scale + n;
    l->right = l->weight + n;
    return FV_OK;
}

static void looks_close(looks *l)
{
    void *all[] = {l->x, l->y, l->fold, l->gram, l->chol, l->mean};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        fvi_free(l->ctx, all[i]);
    fvi_style_free(l->style);
}

/* ---- looking ---- */

/* A window of a pair at a random scale. */
static fv_status window_of(fv_ctx *ctx, const fv_pair *p, fvi_rng *r,
                           double *zoom, fv_tensor *plane, fv_tensor *labels)
{
    *zoom = zoom_lo * exp(log(zoom_hi / zoom_lo) * fvi_rng_uniform(r));
    fv_tensor part = p->plane, names = p->labels;
    int64_t to[2];
    for (int a = 0; a < 2; a++) {
        int64_t extent = part.dim[a];
        int64_t side = (int64_t)ceil(WINDOW / *zoom);
        side = side > extent ? extent : side;
        int64_t lo = fvi_rng_below(r, extent - side + 1);
        part = fv_slice(part, a, lo, lo + side);
        names = fv_slice(names, a, lo, lo + side);
        to[a] = (int64_t)floor((double)side * *zoom + 0.5);
        to[a] = to[a] < 1 ? 1 : to[a];
    }
    fv_tensor dense;
    FV_TRY(fvi_tensor_new(ctx, FV_U32, 2, names.dim, labels));
    fv_status status = fv_copy(ctx, names, *labels);
    if (status == FV_OK)
        status = fvi_tensor_new(ctx, FV_F32, 3, part.dim, &dense);
    if (status == FV_OK) {
        status = fv_copy(ctx, part, dense);
        if (status == FV_OK)
            status = fv_resize(ctx, dense, to[0], to[1], plane);
        fv_plane_free(ctx, &dense);
    }
    if (status != FV_OK)
        fv_plane_free(ctx, labels);
    return status;
}

static fv_status look(looks *l, const fv_pair *p, int64_t i, fvi_rng *r)
{
    double zoom, diameter = 0;
    fv_tensor plane, labels;
    FV_TRY(window_of(l->ctx, p, r, &zoom, &plane, &labels));
    fv_status status = fv_median_diameter(l->ctx, labels, &diameter, NULL);
    if (status == FV_OK && diameter > 0) {
        status = fvi_style_of(l->ctx, l->style, plane, l->x + l->count * l->n);
        l->y[l->count] = log(diameter * zoom);
        l->fold[l->count] = (int)(i % FOLDS);
        l->count += status == FV_OK;
    }
    fv_plane_free(l->ctx, &plane);
    fv_plane_free(l->ctx, &labels);
    return status;
}

static fv_status look_at_all(looks *l, const fv_pair *pairs, int64_t count,
                             uint64_t seed)
{
    int64_t images = count < IMAGES ? count : IMAGES, most = EACH * images;
    most = most < LEAST ? LEAST : most;
    FV_TRY(looks_open(l, most));
    fvi_rng r = fvi_rng_new(seed ^ fvi_hash_text("size"), 0);
    int64_t first = fvi_rng_below(&r, count);
    for (int64_t i = 0; i < most; i++) {
        int64_t k = i % images;
        int64_t at = (first + k * count / images) % count;
        FV_TRY(look(l, &pairs[at], images < FOLDS ? i : k, &r));
    }
    return FV_OK;
}

/* ---- solving ---- */

/* Sums over all rows that are not of this fold, columns made comparable. */
static void sum_up(looks *l, int without)
{
    int n = l->n;
    double rows = 0;
    memset(l->mean, 0, (size_t)(4 * n) * sizeof *l->mean);
    memset(l->gram, 0, (size_t)n * (size_t)n * sizeof *l->gram);
    l->middle = 0;
    for (int64_t i = 0; i < l->count; i++) {
        if (l->fold[i] == without)
            continue;
        rows++;
        l->middle += l->y[i];
        for (int a = 0; a < n; a++)
            l->mean[a] += l->x[i * n + a];
    }
    rows = rows > 0 ? rows : 1;
    l->middle /= rows;
    for (int a = 0; a < n; a++)
        l->mean[a] /= rows;
    for (int64_t i = 0; i < l->count; i++) {
        const double *x = l->x + i * n;
        for (int a = 0; a < n && l->fold[i] != without; a++) {
            double d = x[a] - l->mean[a];
            l->right[a] += d * (l->y[i] - l->middle) / rows;
            for (int b = 0; b <= a; b++)
                l->gram[a * n + b] += d * (x[b] - l->mean[b]) / rows;
        }
    }
    for (int a = 0; a < n; a++)
        l->scale[a] = sqrt(l->gram[a * n + a]) + 1e-6;
}

/* (G + ridge) w = right by Cholesky, in columns of deviation 1. */
static void solve(looks *l, double ridge)
{
    int n = l->n;
    double *c = l->chol, *w = l->weight;
    for (int a = 0; a < n; a++) {
        w[a] = l->right[a] / l->scale[a];
        for (int b = 0; b <= a; b++) {
            double s = l->gram[a * n + b] / (l->scale[a] * l->scale[b]);
            s += a == b ? ridge : 0;
            for (int k = 0; k < b; k++)
                s -= c[a * n + k] * c[b * n + k];
            c[a * n + b] = a == b ? sqrt(fmax(s, 1e-12)) : s / c[b * n + b];
        }
        for (int k = 0; k < a; k++)
            w[a] -= c[a * n + k] * w[k];
        w[a] /= c[a * n + a];
    }
    for (int a = n - 1; a >= 0; a--) {
        for (int k = a + 1; k < n; k++)
            w[a] -= c[k * n + a] * w[k];
        w[a] /= c[a * n + a];
    }
    for (int a = 0; a < n; a++)
        w[a] /= l->scale[a];
}

static double predicted(const looks *l, int64_t i)
{
    double y = l->middle;
    for (int a = 0; a < l->n; a++)
        y += l->weight[a] * (l->x[i * l->n + a] - l->mean[a]);
    return y;
}

/* The ridge with the smallest error on images it was not fitted to. */
static double best_ridge(looks *l)
{
    double error[RIDGES] = {0};
    int best = 0;
    for (int f = 0; f < FOLDS; f++) {
        sum_up(l, f);
        for (int k = 0; k < RIDGES; k++) {
            solve(l, ridges[k]);
            for (int64_t i = 0; i < l->count; i++)
                if (l->fold[i] == f)
                    error[k] += fabs(predicted(l, i) - l->y[i]);
        }
    }
    for (int k = 1; k < RIDGES; k++)
        best = error[k] < error[best] ? k : best;
    return ridges[best];
}

static fv_status keep(looks *l, fv_model *m)
{
    int n = l->n;
    float *size = fvi_calloc(l->ctx, (size_t)n + 1, sizeof *size);
    if (!size)
        return FV_ENOMEM;
    double constant = l->middle;
    for (int a = 0; a < n; a++) {
        size[a] = (float)l->weight[a];
        constant -= (double)size[a] * l->mean[a];
    }
    size[n] = (float)constant;
    fv_status status = fv_model_set_size(l->ctx, m, size, n + 1);
    fvi_free(l->ctx, size);
    return status;
}

fv_status fv_fit_size(fv_ctx *ctx, fv_model *m, const fv_pair pairs[],
                      int64_t count, uint64_t seed)
{
    looks l = {.ctx = ctx};
    if (count < 1)
        return fvi_fail(ctx, FV_EINVAL, "no image to learn diameters from");
    FV_TRY(fvi_style_new(ctx, m, NULL, &l.style));
    l.n = fvi_style_size(l.style);
    fv_status status = look_at_all(&l, pairs, count, seed);
    if (status == FV_OK && l.count < 2 * FOLDS)
        status = fvi_fail(ctx, FV_EINVAL,
                          "too few images with objects to learn diameters "
                          "from");
    if (status == FV_OK) {
        double ridge = best_ridge(&l);
        sum_up(&l, -1);
        solve(&l, ridge);
        status = keep(&l, m);
    }
    looks_close(&l);
    return status;
}

/* ---- judging ---- */

static fv_status one_error(fv_ctx *ctx, fv_predictor *p, const fv_pair *a,
                           fvi_text *out)
{
    double truth = 0, told = 0;
    FV_TRY(fv_median_diameter(ctx, a->labels, &truth, NULL));
    if (truth <= 0)
        return FV_OK;
    FV_TRY(fv_estimate_diameter(ctx, p, a->plane, a->rgb, &told));
    float error = (float)fabs(told / truth - 1);
    fvi_text_bytes(out, &error, sizeof error);
    return fvi_text_check(out);
}

/* How many images are looked at whole, evenly spread. */
static int64_t count_judged(const fv_pair pairs[], int64_t count)
{
    int64_t pixels = 1;
    for (int64_t i = 0; i < count; i++)
        pixels += fv_count(pairs[i].labels);
    double fit = (double)JUDGED_PX * (double)count / (double)pixels;
    int64_t n = fit < JUDGED_LEAST ? JUDGED_LEAST
                : fit < JUDGED     ? (int64_t)fit
                                   : JUDGED;
    return n < count ? n : count;
}

fv_status fv_size_error(fv_ctx *ctx, const fv_model *m, const fv_pair pairs[],
                        int64_t count, double *error)
{
    fv_predictor *p;
    fvi_text all = {.ctx = ctx};
    int64_t channels = fv_channels(m->graph, m->image), known = 0;
    FV_TRY(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    fv_status status = FV_OK;
    int64_t images = count_judged(pairs, count);
    for (int64_t i = 0; i < images && status == FV_OK; i++) {
        fv_pair a = pairs[(2 * i + 1) * count / (2 * images)];
        a.rgb = a.rgb && channels == 3;
        status = one_error(ctx, p, &a, &all);
    }
    if (status == FV_OK)
        *error = fvi_median_of(&all, &known);
    if (status == FV_OK && !known)
        *error = NAN;
    fvi_text_free(&all);
    fv_predictor_free(p);
    return status;
}
