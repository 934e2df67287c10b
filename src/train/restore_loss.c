/*
 * What a restoration is punished for: a sum of differences to the truth, such
 * as "mae+0.2*ssim", and what a network that stays as it is says of both.
 * Sources: perceptual: Johnson, Alahi & Fei-Fei 2016 (arXiv:1603.08155), with
 * features of length 1 as Zhang et al. 2018 (arXiv:1801.03924); maps of a
 * segmentation: Stringer & Pachitariu 2025 (doi:10.1038/s41592-025-02595-5).
 */
#include "train/task.h"

#include "fovea/loss.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* Of a picture by percentiles most numbers are 0 to 1; by mean and deviation
 * they are -2 to 2. */
static float range_of(const fvi_run *r)
{
    bool own = strcmp(r->o.target_range, "own") == 0; /* by percentiles */
    return strcmp(r->model->normalize, "mean_std") == 0 && !own ? 4 : 1;
}

/* ---- the kinds; `x` holds the restored numbers alone ---- */

static fv_val mae(const fvi_run *r, fvi_net *n, fv_val x)
{
    (void)r;
    return fv_loss_mae(n->graph, x, n->target, n->weight);
}

static fv_val mse(const fvi_run *r, fvi_net *n, fv_val x)
{
    (void)r;
    return fv_loss_mse(n->graph, x, n->target, n->weight);
}

static fv_val laplace(const fvi_run *r, fvi_net *n, fv_val x)
{
    (void)r, (void)x;
    return fv_loss_laplace(n->graph, n->answer, n->target, n->weight);
}

static fv_val ssim(const fvi_run *r, fvi_net *n, fv_val x)
{
    return fv_loss_ssim(n->graph, x, n->target, range_of(r));
}

/* As many of the five scales as the crop has room for. */
static fv_val ms_ssim(const fvi_run *r, fvi_net *n, fv_val x)
{
    int scales = 1;
    while (scales < 5 && r->o.crop >= 11 << scales)
        scales++;
    return fv_loss_ms_ssim(n->graph, x, n->target, range_of(r), scales);
}

static fv_val fourier(const fvi_run *r, fvi_net *n, fv_val x)
{
    (void)r;
    return fv_loss_fourier(n->graph, x, n->target);
}

/* Squared distance of the features of each position, the mean over levels. */
static fv_val perceptual(const fvi_run *r, fvi_net *n, fv_val x)
{
    enum { MOST = 8 };
    fv_graph *g = n->graph;
    const fv_model *m = r->feature_model;
    fv_val a[MOST], b[MOST], sum = {0};
    int count = fvi_model_features(g, m, x, a, MOST);
    fvi_model_features(g, m, n->target, b, MOST);
    for (int i = 0; i < count; i++) {
        float share = (float)fv_channels(g, a[i]) / (float)count;
        fv_val d = fv_scale(g,
                            fv_loss_mse(g, fv_l2_norm(g, a[i]),
                                        fv_l2_norm(g, b[i]), (fv_val){0}),
                            share);
        sum = i ? fv_add(g, sum, d) : d;
    }
    return sum;
}

typedef struct kind {
    const char *name;
    bool by_pixel; /* has weights: some pixels can be left out */
    fv_val (*build)(const fvi_run *r, fvi_net *n, fv_val x);
} kind;

static const kind kinds[] = {
    {"mae", true, mae},
    {"mse", true, mse},
    {"laplace", true, laplace},
    {"ssim", false, ssim},
    {"ms_ssim", false, ms_ssim},
    {"fourier", false, fourier},
    {"perceptual", false, perceptual},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- "mae+0.2*ssim" ---- */

/* The term at `*at`, which moves behind it. FV_EINVAL. */
static fv_status next_term(const fvi_run *r, const char **at, double *factor,
                           const kind **out)
{
    const char *text = *at, *star = text + strcspn(text, "*+");
    *factor = 1;
    if (*star == '*') {
        char *end;
        fvi_plain_numbers plain = fvi_plain_begin();
        *factor = strtod(text, &end);
        fvi_plain_end(plain);
        if (end != star || !(*factor > 0 && *factor <= 1e6))
            return fvi_fail(r->ctx, FV_EINVAL,
                            "loss: '%.*s' is no weight, expected a number "
                            "above 0, as in 'mae+0.2*ssim'",
                            (int)(star - text), text);
        text = star + 1;
    }
    size_t n = strcspn(text, "+");
    *at = text + n + (text[n] == '+');
    *out = NULL;
    for (int i = 0; i < KINDS; i++)
        if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, text, n) == 0)
            *out = &kinds[i];
    if (*out && !(text[n] == '+' && !**at))
        return FV_OK;
    return fvi_fail(r->ctx, FV_EINVAL,
                    "loss: '%.*s' is unknown, expected a sum of mae, mse, "
                    "laplace, ssim, ms_ssim, fourier and perceptual, as in "
                    "'mae+0.2*ssim'",
                    (int)(n < 40 ? n : 40), text);
}

bool fvi_restore_loss_has(const fvi_run *r, const char *name)
{
    const char *at = r->o.loss;
    double factor;
    const kind *k;
    while (*at && next_term(r, &at, &factor, &k) == FV_OK)
        if (strcmp(k->name, name) == 0)
            return true;
    return false;
}

/* ---- other networks ---- */

static fv_status read_model(fvi_run *r, const char *option, const char *name,
                            fv_model **out)
{
    FV_TRY(fvi_model_open(r->ctx, name, out));
    const fv_model *m = *out;
    if (m->arch->rank != 2 || m->arch->side)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s: %s takes images of one size, expected a network "
                        "like unet",
                        option, m->arch->name);
    return FV_OK;
}

static fv_status check_features(fvi_run *r)
{
    bool wanted = fvi_restore_loss_has(r, "perceptual");
    if (wanted != (r->o.feature_model != NULL))
        return fvi_fail(r->ctx, FV_EINVAL,
                        wanted ? "loss: perceptual compares features of a "
                                 "network, say which: feature_model"
                               : "feature_model: goes with loss perceptual");
    if (!wanted)
        return FV_OK;
    return read_model(r, "feature_model", r->o.feature_model,
                      &r->feature_model);
}

static fv_status check_segmentation(fvi_run *r)
{
    if (!r->o.segment_model)
        return r->o.labels ? fvi_fail(r->ctx, FV_EINVAL,
                                      "labels: of a restoration go with a "
                                      "segment_model that is to draw them")
                           : FV_OK;
    if (r->o.labels && r->o.val_images && !r->o.val_labels)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "val_labels: no folder was given for val_images");
    if (strcmp(r->o.method, "care") != 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "segment_model: compares with clean images, as method "
                        "care has them, not %s",
                        r->o.method);
    FV_TRY(
        read_model(r, "segment_model", r->o.segment_model, &r->segment_model));
    FV_TRY(fvi_model_wants(r->ctx, r->segment_model, "segment"));
    if (strcmp(r->segment_model->normalize, "percentile") == 0)
        return FV_OK;
    return fvi_fail(r->ctx, FV_EINVAL,
                    "segment_model: %s normalizes by %s, expected percentile",
                    r->o.segment_model, r->segment_model->normalize);
}

fv_status fvi_restore_check_loss(fvi_run *r)
{
    const char *at = r->o.loss;
    bool blind = fvi_is_blind(&r->o);
    do {
        double factor;
        const kind *k = NULL;
        FV_TRY(next_term(r, &at, &factor, &k));
        if (blind && !k->by_pixel)
            return fvi_fail(r->ctx, FV_EINVAL,
                            "loss: %s sees whole images, %s learns from single "
                            "pixels: mae, mse, laplace",
                            k->name, r->o.method);
    } while (*at);
    FV_TRY(check_features(r));
    return check_segmentation(r);
}

/* ---- the graph ---- */

/* What a map means, as numbers that can be compared. */
static fv_val meaning(fv_graph *g, fv_target target, fv_val maps)
{
    if (target == FV_TARGET_CELL)
        return fv_sigmoid(g, maps);
    return target == FV_TARGET_BOUNDARY ? fv_softmax(g, maps) : maps;
}

/* The picture in the range the segmentation was trained on. */
static fv_val in_range(fv_graph *g, const fvi_net *n, fv_val x)
{
    int C = fv_channels(g, x);
    fv_val gain = fv_slice_channels(g, n->extra, 0, C);
    fv_val offset = fv_slice_channels(g, n->extra, C, 2 * C);
    return fv_add_channels(g, fv_multiply(g, x, gain), offset);
}

/* Against labels it is the loss that the segmentation was trained with. */
static fv_val segmentation_loss(const fvi_run *r, fvi_net *n, fv_val x)
{
    fv_graph *g = n->graph;
    const fv_model *m = r->segment_model;
    fv_val a = fvi_model_borrow(g, m, in_range(g, n, x));
    if (n->truth.id) {
        const fvi_net judge = {
            .graph = g, .answer = a, .target = n->truth, .weight = n->weight};
        return fvi_segment_loss(&judge, m->target, false);
    }
    fv_val b = fvi_model_borrow(g, m, in_range(g, n, n->target));
    return fv_loss_mse(g, meaning(g, m->target, a), meaning(g, m->target, b),
                       (fv_val){0});
}

fv_status fvi_restore_loss(fvi_run *r, fvi_net *n)
{
    fv_graph *g = n->graph;
    int C = fv_channels(g, n->target);
    fv_val x = n->answer;
    if (fv_channels(g, x) > C)
        x = fv_slice_channels(g, x, 0, C);
    n->loss = (fv_val){0};
    for (const char *at = r->o.loss; *at;) {
        double factor;
        const kind *k = NULL;
        FV_TRY(next_term(r, &at, &factor, &k));
        fv_val term = k->build(r, n, x);
        if (!term.id && fv_graph_check(r->ctx, g) == FV_OK)
            return fvi_fail(r->ctx, FV_EINVAL,
                            "feature_model: %s never makes its image smaller, "
                            "expected a network like unet",
                            r->feature_model->arch->name);
        if (factor < 1 || factor > 1)
            term = fv_scale(g, term, (float)factor);
        n->loss = n->loss.id ? fv_add(g, n->loss, term) : term;
    }
    if (!r->segment_model)
        return FV_OK;
    n->extra = fv_input(g, "segment_range", 2, (int64_t[]){-1, 2 * C});
    int T = fv_target_truth_channels(r->segment_model->target);
    if (r->o.labels)
        n->truth = fv_input(g, "truth", 4, (int64_t[]){-1, -1, -1, T});
    fv_val other = segmentation_loss(r, n, x);
    n->loss =
        fv_add(g, n->loss, fv_scale(g, other, (float)r->o.segment_weight));
    return FV_OK;
}
