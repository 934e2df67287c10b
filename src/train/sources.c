/* Images in a folder and the label files that belong to them. */
#include "train/data.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

static bool is_labels(const char *stem)
{
    return ends_with(stem, "_masks") || ends_with(stem, "_labels");
}

fv_status fvi_sources_add(fv_ctx *ctx, fvi_sources *s, char *stem, char *image)
{
    if (s->count == s->room) {
        int64_t wider = s->room ? 2 * s->room : 64;
        fvi_source *grown =
            fvi_realloc(ctx, s->item, (size_t)wider * sizeof *grown);
        if (!grown)
            return FV_ENOMEM;
        s->item = grown;
        s->room = wider;
    }
    s->item[s->count++] =
        (fvi_source){.stem = stem, .image = image, .role = FVI_FOR_TRAINING};
    return FV_OK;
}

static fv_status add_file(fv_ctx *ctx, fvi_sources *s, const char *folder,
                          const char *name)
{
    char *stem = fvi_path_stem(ctx, name);
    char *path = stem ? fvi_path_join(ctx, folder, name) : NULL;
    fv_status status = path ? fvi_sources_add(ctx, s, stem, path) : FV_ENOMEM;
    if (status != FV_OK) {
        fvi_free(ctx, stem);
        fvi_free(ctx, path);
    }
    return status;
}

/* All image files of `folder`; `image` is their path. */
fv_status fvi_sources_list(fv_ctx *ctx, const char *folder, fvi_sources *out)
{
    fvi_names names;
    FV_TRY(fvi_list_folder(ctx, folder, &names));
    fv_status status = FV_OK;
    for (size_t i = 0; i < names.count && status == FV_OK; i++)
        if (fvi_is_image_name(names.name[i]))
            status = add_file(ctx, out, folder, names.name[i]);
    fvi_names_free(ctx, &names);
    return status;
}

static int by_stem(const void *a, const void *b)
{
    const fvi_source *x = a, *y = b;
    return strcmp(x->stem, y->stem);
}

static const fvi_source *find(const fvi_sources *sorted, const char *stem)
{
    fvi_source key = {0};
    memcpy(&key.stem, &stem, sizeof stem);
    if (sorted->count == 0)
        return NULL;
    return bsearch(&key, sorted->item, (size_t)sorted->count,
                   sizeof *sorted->item, by_stem);
}

/* The labels of `stem` among `files`: the name itself, then with an ending. */
static fv_status match(fv_ctx *ctx, const fvi_sources *files, const char *stem,
                       bool same, const fvi_source **out)
{
    static const char *const endings[] = {"_masks", "_labels"};
    *out = same ? find(files, stem) : NULL;
    for (size_t i = 0; i < 2 && !*out; i++) {
        fvi_text name = {.ctx = ctx};
        fvi_text_add(&name, "%s%s", stem, endings[i]);
        fv_status status = fvi_text_check(&name);
        if (status == FV_OK)
            *out = find(files, name.data);
        fvi_text_free(&name);
        FV_TRY(status);
    }
    return FV_OK;
}

size_t fvi_field_length(const char *stem)
{
    size_t n = strlen(stem), k = n;
    while (k > 0 && stem[k - 1] >= '0' && stem[k - 1] <= '9')
        k--;
    return k > 1 && k < n && stem[k - 1] == '_' ? k - 1 : n;
}

/* The field of a shot: its stem without a number at the end. */
static fv_status set_field(fv_ctx *ctx, fvi_source *s)
{
    s->field = fvi_strdup(ctx, s->stem);
    if (!s->field)
        return FV_ENOMEM;
    s->field[fvi_field_length(s->stem)] = '\0';
    return FV_OK;
}

/* Targets are found by the stem or by the field. */
static fv_status attach_target(fv_ctx *ctx, const fvi_sources *truth,
                               fvi_source *s)
{
    FV_TRY(set_field(ctx, s));
    const fvi_source *found = find(truth, s->stem);
    if (found) {
        fvi_free(ctx, s->field);
        s->field = NULL;
    } else {
        found = find(truth, s->field);
    }
    if (!found)
        return FV_OK;
    s->labels = fvi_strdup(ctx, found->image);
    return s->labels ? FV_OK : FV_ENOMEM;
}

/* `truth` and `all` are sorted by stem; `truth` is NULL without a folder of
 * labels. */
static fv_status attach(fv_ctx *ctx, fvi_truth kind, const fvi_sources *truth,
                        const fvi_sources *all, fvi_source *s)
{
    if (kind == FVI_ALONE)
        return FV_OK;
    if (kind == FVI_SHOTS)
        return set_field(ctx, s);
    if (kind == FVI_TARGETS)
        return attach_target(ctx, truth, s);
    const fvi_source *found = NULL;
    if (truth)
        FV_TRY(match(ctx, truth, s->stem, true, &found));
    if (!found)
        FV_TRY(match(ctx, all, s->stem, false, &found));
    if (!found)
        return FV_OK;
    s->labels = fvi_strdup(ctx, found->image);
    return s->labels ? FV_OK : FV_ENOMEM;
}

static void sort(fvi_sources *s)
{
    if (s->count)
        qsort(s->item, (size_t)s->count, sizeof *s->item, by_stem);
}

static fv_status check_unique(fv_ctx *ctx, const fvi_sources *sorted)
{
    for (int64_t i = 1; i < sorted->count; i++)
        if (strcmp(sorted->item[i - 1].stem, sorted->item[i].stem) == 0)
            return fvi_fail(ctx, FV_EINVAL,
                            "%s and %s have the same name, expected one image "
                            "per name",
                            sorted->item[i - 1].image, sorted->item[i].image);
    return FV_OK;
}

static void drop_labels(fv_ctx *ctx, fvi_sources *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++) {
        if (!is_labels(s->item[i].stem)) {
            s->item[n++] = s->item[i];
            continue;
        }
        fvi_free(ctx, s->item[i].stem);
        fvi_free(ctx, s->item[i].image);
    }
    s->count = n;
}

static fv_status attach_all(fv_ctx *ctx, const char *images, const char *labels,
                            fvi_sources *s)
{
    fvi_sources truth = {0}, all = {0};
    fv_status status = fvi_sources_list(ctx, images, &all);
    if (status == FV_OK && labels)
        status = fvi_sources_list(ctx, labels, &truth);
    sort(&all);
    sort(&truth);
    if (status == FV_OK)
        status = check_unique(ctx, &all);
    if (status == FV_OK)
        status = check_unique(ctx, &truth);
    for (int64_t i = 0; i < s->count && status == FV_OK; i++)
        status =
            attach(ctx, s->truth, labels ? &truth : NULL, &all, &s->item[i]);
    fvi_sources_free(ctx, &truth);
    fvi_sources_free(ctx, &all);
    return status;
}

fv_status fvi_sources_find(fv_ctx *ctx, const char *images, const char *labels,
                           fvi_sources *out)
{
    return fvi_sources_find_as(ctx, FVI_LABELS, images, labels, out);
}

fv_status fvi_sources_find_as(fv_ctx *ctx, fvi_truth truth, const char *images,
                              const char *labels, fvi_sources *out)
{
    fvi_sources s = {.truth = truth};
    fv_status status = fvi_sources_list(ctx, images, &s);
    if (truth == FVI_LABELS)
        drop_labels(ctx, &s);
    if (status == FV_OK && s.count == 0)
        status = fvi_fail(ctx, FV_EINVAL,
                          "%s: no image there, expected TIFF, PNG, JPEG or NPY",
                          images);
    if (status == FV_OK)
        status = attach_all(ctx, images, labels, &s);
    if (status != FV_OK)
        fvi_sources_free(ctx, &s);
    else
        *out = s;
    return status;
}

void fvi_sources_free(fv_ctx *ctx, fvi_sources *s)
{
    for (int64_t i = 0; i < s->count; i++) {
        fvi_free(ctx, s->item[i].stem);
        fvi_free(ctx, s->item[i].image);
        fvi_free(ctx, s->item[i].labels);
        fvi_free(ctx, s->item[i].objects);
        fvi_free(ctx, s->item[i].field);
    }
    fvi_free(ctx, s->item);
    *s = (fvi_sources){0};
}

static fv_status missing(fv_ctx *ctx, const fvi_sources *s,
                         const fvi_source *it)
{
    if (s->truth == FVI_TARGETS)
        return fvi_fail(ctx, FV_EINVAL, "%s: no target found, expected %s%s%s",
                        it->image, it->stem, it->field ? " or " : "",
                        it->field ? it->field : "");
    return fvi_fail(ctx, FV_EINVAL,
                    "%s: no labels found, expected %s, %s_masks or %s_labels",
                    it->image, it->stem, it->stem, it->stem);
}

fv_status fvi_sources_check(fv_ctx *ctx, const fvi_sources *s)
{
    bool wanted = s->truth == FVI_LABELS || s->truth == FVI_TARGETS;
    for (int64_t i = 0; i < s->count && wanted; i++)
        if (s->item[i].role != FVI_UNUSED && !s->item[i].labels)
            return missing(ctx, s, &s->item[i]);
    return FV_OK;
}
