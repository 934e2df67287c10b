/* Which picture shows which class. */
#include "facts.h"

#include "base/csv.h"
#include "image/idx.h"

#include <stdlib.h>
#include <string.h>

static fv_status add_fact(fv_ctx *ctx, facts *f, const char *name,
                          const char *label)
{
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 64;
        fact *grown = fvi_realloc(ctx, f->item, room * sizeof *grown);
        if (!grown)
            return FV_ENOMEM;
        f->item = grown;
        f->room = room;
    }
    fact *it = &f->item[f->count++];
    it->name = fvi_strdup(ctx, name);
    it->label = fvi_strdup(ctx, label);
    return it->name && it->label ? FV_OK : FV_ENOMEM;
}

void facts_free(fv_ctx *ctx, facts *f)
{
    for (size_t i = 0; i < f->count; i++) {
        fvi_free(ctx, f->item[i].name);
        fvi_free(ctx, f->item[i].label);
    }
    fvi_free(ctx, f->item);
}

static fv_status add_files(fv_ctx *ctx, const char *folder, const char *label,
                           facts *out)
{
    fvi_names files;
    char *path = fvi_path_join(ctx, folder, label);
    fv_status status = path ? fvi_list_folder(ctx, path, &files) : FV_ENOMEM;
    fvi_free(ctx, path);
    FV_TRY(status);
    for (size_t i = 0; i < files.count && status == FV_OK; i++) {
        char *name = fvi_path_join(ctx, label, files.name[i]);
        status = name ? add_fact(ctx, out, name, label) : FV_ENOMEM;
        fvi_free(ctx, name);
    }
    fvi_names_free(ctx, &files);
    return status;
}

static fv_status facts_of_folder(fv_ctx *ctx, const char *path, facts *out)
{
    fvi_names classes;
    FV_TRY(fvi_list_subfolders(ctx, path, &classes));
    fv_status status = FV_OK;
    for (size_t i = 0; i < classes.count && status == FV_OK; i++)
        status = add_files(ctx, path, classes.name[i], out);
    fvi_names_free(ctx, &classes);
    return status;
}

static fv_status facts_of_table(fv_ctx *ctx, const char *path, facts *out)
{
    fvi_csv t;
    FV_TRY(fvi_csv_read(ctx, path, &t));
    int64_t id = fvi_csv_column(&t, "id"), label = fvi_csv_column(&t, "class");
    id = id < 0 ? fvi_csv_column(&t, "file") : id;
    fv_status status = FV_OK;
    if (id < 0 || label < 0)
        status = fvi_fail(ctx, FV_EINVAL,
                          "%s: has no columns id (or file) and class", path);
    for (int64_t i = 1; i < t.rows && status == FV_OK; i++)
        status =
            add_fact(ctx, out, fvi_csv_at(&t, i, id), fvi_csv_at(&t, i, label));
    fvi_csv_free(ctx, &t);
    return status;
}

void idx_name(const char *path, int64_t entry, char name[64])
{
    const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;
    int n = (int)strcspn(from, "-");
    snprintf(name, 64, "%.*s-%05lld", n < 40 ? n : 40, from, (long long)entry);
}

static fv_status facts_of_idx(fv_ctx *ctx, const char *path, facts *out)
{
    fvi_idx idx;
    FV_TRY(fvi_idx_read(ctx, path, &idx));
    fv_status status = FV_OK;
    if (idx.ndim != 1)
        status = fvi_fail(ctx, FV_EFORMAT, "%s: has %d extents, expected 1",
                          path, idx.ndim);
    for (int64_t i = 0; i < idx.dim[0] && status == FV_OK; i++) {
        char name[64], label[8];
        idx_name(path, i, name);
        snprintf(label, sizeof label, "%d", idx.data[i]);
        status = add_fact(ctx, out, name, label);
    }
    fvi_idx_free(ctx, &idx);
    return status;
}

/* By the last part of the path without its ending. */
static void key_of(const char *path, const char **from, size_t *n)
{
    const char *slash = strrchr(path, '/');
    *from = slash ? slash + 1 : path;
    *n = fvi_stem_length(*from);
}

static int by_key(const void *a, const void *b)
{
    const fact *x = a, *y = b;
    const char *p, *q;
    size_t n, m;
    key_of(x->name, &p, &n);
    key_of(y->name, &q, &m);
    int order = strncmp(p, q, n < m ? n : m);
    return order ? order : n < m ? -1 : n > m;
}

static bool ends_like(const char *path, const char *name)
{
    size_t n = strlen(path), m = strlen(name);
    return n >= m && strcmp(path + n - m, name) == 0 &&
           (n == m || path[n - m - 1] == '/');
}

fv_status facts_read(fv_ctx *ctx, const char *path, facts *out)
{
    FV_TRY(fvi_is_folder(path)           ? facts_of_folder(ctx, path, out)
           : strstr(path, "-idx1-ubyte") ? facts_of_idx(ctx, path, out)
                                         : facts_of_table(ctx, path, out));
    if (out->count == 0)
        return fvi_fail(ctx, FV_EINVAL, "%s: no classes there", path);
    qsort(out->item, out->count, sizeof *out->item, by_key);
    return FV_OK;
}

const fact *facts_find(const facts *f, const char *path)
{
    fact key = {0};
    memcpy(&key.name, &path, sizeof path);
    const fact *hit = bsearch(&key, f->item, f->count, sizeof *f->item, by_key);
    if (!hit)
        return NULL;
    const fact *lo = hit, *hi = hit;
    while (lo > f->item && by_key(lo - 1, &key) == 0)
        lo--;
    while (hi + 1 < f->item + f->count && by_key(hi + 1, &key) == 0)
        hi++;
    if (lo == hi)
        return hit;
    const fact *one = NULL;
    for (const fact *it = lo; it <= hi; it++)
        if (ends_like(path, it->name)) {
            if (one)
                return NULL;
            one = it;
        }
    return one;
}
