/* Predictions and truths that belong together. */
#include "inputs.h"
#include "score.h"

#include <string.h>

typedef struct endings {
    const char *word[4];
} endings;

static endings endings_of(const char *kind)
{
    if (strcmp(kind, "restore") == 0)
        return (endings){{"_restored", "", NULL}};
    return (endings){{"_labels", "_masks", "", NULL}};
}

/* The length of the stem of a file without the ending of its kind. */
static size_t bare_length(const char *name, const endings *e)
{
    size_t n = fvi_stem_length(name);
    for (int i = 0; e->word[i]; i++) {
        size_t k = strlen(e->word[i]);
        if (k && n > k && strncmp(name + n - k, e->word[i], k) == 0)
            return n - k;
    }
    return n;
}

/* How well `name` fits the `n` first characters of `stem`: lower is better,
 * -1 not at all. */
static int fit(const char *name, const char *stem, size_t n, const endings *e)
{
    if (strncmp(name, stem, n) != 0 || !fvi_is_image_name(name))
        return -1;
    size_t own = fvi_stem_length(name);
    for (int i = 0; e->word[i]; i++) {
        size_t k = strlen(e->word[i]);
        if (own == n + k && strncmp(name + n, e->word[i], k) == 0)
            return i;
    }
    return -1;
}

static fv_status find_pred(fv_ctx *ctx, const char *folder,
                           const fvi_names *names, const endings *e,
                           score_pair *p)
{
    int best = -1;
    const char *found = NULL;
    for (size_t i = 0; i < names->count; i++) {
        int f = fit(names->name[i], p->stem, strlen(p->stem), e);
        if (f < 0 || (best >= 0 && f >= best))
            continue;
        best = f;
        found = names->name[i];
    }
    if (!found)
        return FV_OK;
    p->pred = fvi_path_join(ctx, folder, found);
    return p->pred ? FV_OK : FV_ENOMEM;
}

static fv_status add_truth(fv_ctx *ctx, const char *pred, const char *truth,
                           const char *name, const fvi_names *preds,
                           const endings *e, score_pairs *out)
{
    score_pair p = {.stem = fvi_strdup(ctx, name),
                    .truth = fvi_path_join(ctx, truth, name)};
    if (p.stem)
        p.stem[bare_length(name, e)] = '\0';
    out->pair[out->count++] = p;
    if (!p.stem || !p.truth)
        return FV_ENOMEM;
    return find_pred(ctx, pred, preds, e, &out->pair[out->count - 1]);
}

/* Truth is one file for each stem: NAME_labels rather than NAME, which may be
 * the image itself; never what segment draws beside its labels. */
static bool is_truth(const fvi_names *names, size_t index, const endings *e)
{
    const char *name = names->name[index];
    if (!fvi_is_image_name(name) || strstr(name, "_overlay.") ||
        strstr(name, "_maps."))
        return false;
    size_t n = bare_length(name, e);
    int own = fit(name, name, n, e);
    for (size_t i = 0; i < names->count; i++) {
        int other = i == index ? -1 : fit(names->name[i], name, n, e);
        if (other >= 0 && (other < own || (other == own && i < index)))
            return false;
    }
    return true;
}

static fv_status pair_names(fv_ctx *ctx, const char *pred, const char *truth,
                            const fvi_names *preds, const fvi_names *truths,
                            const endings *e, score_pairs *out)
{
    out->pair = fvi_calloc(ctx, truths->count + 1, sizeof *out->pair);
    if (!out->pair)
        return FV_ENOMEM;
    size_t found = 0;
    for (size_t i = 0; i < truths->count; i++) {
        if (!is_truth(truths, i, e))
            continue;
        FV_TRY(add_truth(ctx, pred, truth, truths->name[i], preds, e, out));
        found += out->pair[out->count - 1].pred != NULL;
    }
    if (found)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL,
                    "no image of %s has a counterpart of its name in %s", truth,
                    pred);
}

static fv_status pair_folders(fv_ctx *ctx, const char *kind, const char *pred,
                              const char *truth, score_pairs *out)
{
    endings e = endings_of(kind);
    fvi_names preds, truths;
    FV_TRY(fvi_list_folder(ctx, pred, &preds));
    fv_status status = fvi_list_folder(ctx, truth, &truths);
    if (status == FV_OK) {
        status = pair_names(ctx, pred, truth, &preds, &truths, &e, out);
        fvi_names_free(ctx, &truths);
    }
    fvi_names_free(ctx, &preds);
    return status;
}

static fv_status pair_files(fv_ctx *ctx, const char *pred, const char *truth,
                            score_pairs *out)
{
    out->pair = fvi_calloc(ctx, 1, sizeof *out->pair);
    if (!out->pair)
        return FV_ENOMEM;
    out->count = 1;
    *out->pair = (score_pair){.stem = fvi_path_stem(ctx, truth),
                              .truth = fvi_strdup(ctx, truth),
                              .pred = fvi_strdup(ctx, pred)};
    score_pair p = *out->pair;
    return p.stem && p.truth && p.pred ? FV_OK : FV_ENOMEM;
}

fv_status score_pairs_find(fv_ctx *ctx, const char *kind, const char *pred,
                           const char *truth, score_pairs *out)
{
    *out = (score_pairs){0};
    bool files = fvi_is_file(pred) && fvi_is_file(truth);
    fv_status status = files ? pair_files(ctx, pred, truth, out)
                             : pair_folders(ctx, kind, pred, truth, out);
    if (status != FV_OK)
        score_pairs_free(ctx, out);
    return status;
}

void score_pairs_free(fv_ctx *ctx, score_pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        fvi_free(ctx, p->pair[i].stem);
        fvi_free(ctx, p->pair[i].truth);
        fvi_free(ctx, p->pair[i].pred);
    }
    fvi_free(ctx, p->pair);
    *p = (score_pairs){0};
}
