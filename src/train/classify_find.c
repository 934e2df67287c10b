/* Which picture shows which class: folders named after classes, maybe in
 * folders train, val and test; or a table with the column class. */
#include "train/task.h"

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

/* ---- classes ---- */

static int64_t class_of(const fvi_names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->name[i], name) == 0)
            return (int64_t)i;
    return -1;
}

static fv_status add_class(fvi_run *r, const char *name)
{
    fvi_names *n = &r->classes;
    if (class_of(n, name) >= 0)
        return FV_OK;
    char **grown = fvi_realloc(r->ctx, n->name, (n->count + 1) * sizeof *grown);
    if (!grown)
        return FV_ENOMEM;
    n->name = grown;
    n->name[n->count] = fvi_strdup(r->ctx, name);
    return n->name[n->count] ? (n->count++, FV_OK) : FV_ENOMEM;
}

static fv_status add_classes_in(fvi_run *r, const char *folder)
{
    fvi_names found;
    FV_TRY(fvi_list_subfolders(r->ctx, folder, &found));
    fv_status status = FV_OK;
    for (size_t i = 0; i < found.count && status == FV_OK; i++)
        status = add_class(r, found.name[i]);
    fvi_names_free(r->ctx, &found);
    return status;
}

/* Those of the model to start from when it knows all of them. */
static fv_status settle_classes(fvi_run *r)
{
    fvi_names *n = &r->classes;
    bool known = r->init != NULL;
    if (n->count)
        qsort(n->name, n->count, sizeof *n->name, fvi_by_natural_order);
    for (size_t i = 0; i < n->count && known; i++) {
        known = false;
        for (int k = 0; k < r->init->classes && !known; k++)
            known = strcmp(n->name[i], r->init->class_names[k]) == 0;
    }
    if (!known)
        return FV_OK;
    fvi_names_free(r->ctx, n);
    for (int k = 0; k < r->init->classes; k++)
        FV_TRY(add_class(r, r->init->class_names[k]));
    return FV_OK;
}

/* ---- folders ---- */

/* "RBC/cell1": stems may repeat from class to class. */
static fv_status rename_with_class(fv_ctx *ctx, fvi_source *s, const char *name)
{
    fvi_text t = {.ctx = ctx};
    fvi_text_add(&t, "%s/%s", name, s->stem);
    FV_TRY(fvi_text_check(&t));
    fvi_free(ctx, s->stem);
    s->stem = t.data;
    return FV_OK;
}

static fv_status add_class_folder(fvi_run *r, const char *folder,
                                  const char *name, fvi_role role,
                                  fvi_sources *out)
{
    char *path = fvi_path_join(r->ctx, folder, name);
    if (!path)
        return FV_ENOMEM;
    int64_t from = out->count;
    fv_status status = fvi_sources_list(r->ctx, path, out);
    for (int64_t i = from; i < out->count && status == FV_OK; i++) {
        out->item[i].role = role;
        out->item[i].category = class_of(&r->classes, name);
        status = rename_with_class(r->ctx, &out->item[i], name);
    }
    fvi_free(r->ctx, path);
    return status;
}

static fv_status add_folders(fvi_run *r, const char *folder, fvi_role role,
                             fvi_sources *out)
{
    fvi_names found;
    FV_TRY(fvi_list_subfolders(r->ctx, folder, &found));
    fv_status status = FV_OK;
    for (size_t i = 0; i < found.count && status == FV_OK; i++)
        status = add_class_folder(r, folder, found.name[i], role, out);
    fvi_names_free(r->ctx, &found);
    return status;
}

static const struct {
    const char *name;
    fvi_role role;
} parts[] = {
    {"train", FVI_FOR_TRAINING},   {"val", FVI_FOR_VALIDATION},
    {"valid", FVI_FOR_VALIDATION}, {"validation", FVI_FOR_VALIDATION},
    {"test", FVI_FOR_TEST},
};
enum { PARTS = sizeof parts / sizeof *parts };

/* One of the folders train, val, ...; NULL path when it is not there. */
static fv_status part_path(fvi_run *r, int i, char **path)
{
    *path = fvi_path_join(r->ctx, r->o.images, parts[i].name);
    if (!*path)
        return FV_ENOMEM;
    if (fvi_is_folder(*path))
        return FV_OK;
    fvi_free(r->ctx, *path);
    *path = NULL;
    return FV_OK;
}

typedef fv_status (*part_fn)(fvi_run *r, const char *path, fvi_role role);

static fv_status each_part(fvi_run *r, part_fn work)
{
    for (int i = 0; i < PARTS; i++) {
        char *path;
        FV_TRY(part_path(r, i, &path));
        fv_status status = path ? work(r, path, parts[i].role) : FV_OK;
        fvi_free(r->ctx, path);
        FV_TRY(status);
    }
    return FV_OK;
}

static fv_status part_classes(fvi_run *r, const char *path, fvi_role role)
{
    (void)role;
    return add_classes_in(r, path);
}

static fv_status part_sources(fvi_run *r, const char *path, fvi_role role)
{
    return add_folders(r, path, role, &r->sources);
}

static bool has_role(const fvi_sources *s, fvi_role role)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->item[i].role == role)
            return true;
    return false;
}

/* Parts that have no folder of their own come out of the training part. */
static fv_status split_rest(fvi_run *r)
{
    fv_train_options o = r->o;
    if (has_role(&r->sources, FVI_FOR_TEST))
        o.test_fraction = 0;
    if (has_role(&r->sources, FVI_FOR_VALIDATION))
        return FV_OK;
    return fvi_split(r->ctx, &o, &r->sources);
}

static fv_status find_folders(fvi_run *r, bool in_parts)
{
    if (in_parts)
        FV_TRY(each_part(r, part_classes));
    else
        FV_TRY(add_classes_in(r, r->o.images));
    if (r->o.val_images)
        FV_TRY(add_classes_in(r, r->o.val_images));
    FV_TRY(settle_classes(r));
    if (in_parts)
        FV_TRY(each_part(r, part_sources));
    else
        FV_TRY(add_folders(r, r->o.images, FVI_FOR_TRAINING, &r->sources));
    if (r->o.val_images)
        FV_TRY(
            add_folders(r, r->o.val_images, FVI_FOR_TRAINING, &r->val_sources));
    return split_rest(r);
}

/* ---- a table ---- */

static int by_stem(const void *a, const void *b)
{
    const fvi_source *x = a, *y = b;
    return strcmp(x->stem, y->stem);
}

static int stem_to_source(const void *key, const void *b)
{
    return strcmp(key, ((const fvi_source *)b)->stem);
}

static fv_status set_category(fvi_run *r, const fvi_csv *t, int64_t row,
                              int64_t id, int64_t column)
{
    char *stem = fvi_path_stem(r->ctx, fvi_csv_at(t, row, id));
    if (!stem)
        return FV_ENOMEM;
    fvi_sources *s = &r->sources;
    fvi_source *found = bsearch(stem, s->item, (size_t)s->count,
                                sizeof *s->item, stem_to_source);
    if (found)
        found->category = class_of(&r->classes, fvi_csv_at(t, row, column));
    fvi_free(r->ctx, stem);
    return FV_OK;
}

static fv_status apply_classes(fvi_run *r, const fvi_csv *t)
{
    int64_t id = fvi_csv_column(t, "id");
    int64_t column = fvi_csv_column(t, "class");
    if (id < 0 || column < 0)
        return fvi_fail(r->ctx, FV_EINVAL, "%s: has no column '%s'",
                        r->o.split_csv, id < 0 ? "id" : "class");
    for (int64_t row = 1; row < t->rows; row++)
        FV_TRY(add_class(r, fvi_csv_at(t, row, column)));
    FV_TRY(settle_classes(r));
    qsort(r->sources.item, (size_t)r->sources.count, sizeof *r->sources.item,
          by_stem);
    for (int64_t row = 1; row < t->rows; row++)
        FV_TRY(set_category(r, t, row, id, column));
    return FV_OK;
}

static fv_status find_table(fvi_run *r)
{
    fvi_csv t;
    if (r->o.val_images)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "val_images: with split_csv the table says which "
                        "images validate");
    FV_TRY(
        fvi_sources_find_as(r->ctx, FVI_ALONE, r->o.images, NULL, &r->sources));
    FV_TRY(fvi_split(r->ctx, &r->o, &r->sources));
    FV_TRY(fvi_csv_read(r->ctx, r->o.split_csv, &t));
    fv_status status = apply_classes(r, &t);
    fvi_csv_free(r->ctx, &t);
    return status;
}

/* ---- all ways ---- */

static fv_status find_images(fvi_run *r)
{
    bool idx = false;
    if (r->o.split_csv)
        return find_table(r);
    FV_TRY(fvi_idx_find(r, r->o.images, &idx));
    if (idx)
        return split_rest(r);
    char *train;
    FV_TRY(part_path(r, 0, &train));
    bool in_parts = train != NULL;
    fvi_free(r->ctx, train);
    return find_folders(r, in_parts);
}

fv_status fvi_find_by_class(fvi_run *r, size_t fewest)
{
    FV_TRY(find_images(r));
    if (r->classes.count < fewest)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s: %zu classes found, expected a folder for each of "
                        "%zu or more, maybe in folders train, val and test",
                        r->o.images, r->classes.count, fewest);
    if (r->o.channels == 0)
        FV_TRY(fvi_channels_of(r->ctx, &r->sources, false, &r->o.channels));
    return fvi_note_sources(r);
}
