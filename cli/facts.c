/* Tables, and which picture shows which class. */
#include "facts.h"

#include "image/idx.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

void grid_free(fv_ctx *ctx, grid *g)
{
    fvi_free(ctx, g->cell);
    fvi_free(ctx, g->text);
}

static size_t count_of(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* Cuts a line at `cut` and appends its cells. */
static fv_status add_row(fv_ctx *ctx, const char *path, char *line, char cut,
                         grid *g)
{
    size_t n = 0;
    for (char *at = line, *next; at; at = next) {
        next = strchr(at, cut);
        if (next)
            *next++ = '\0';
        g->cell[g->rows * g->columns + n++] = at;
        if (n == g->columns && next)
            n++;
        if (n > g->columns)
            break;
    }
    if (n != g->columns)
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: row %zu has not the %zu cells of the first row",
                        path, g->rows + 1, g->columns);
    g->rows++;
    return FV_OK;
}

static fv_status cut_rows(fv_ctx *ctx, const char *path, grid *g)
{
    char cut = strchr(g->text, '\t') ? '\t' : ',', *next;
    size_t lines = count_of(g->text, '\n') + 1;
    size_t first = strcspn(g->text, "\n");
    g->columns = 1;
    for (size_t i = 0; i < first; i++)
        g->columns += g->text[i] == cut;
    g->cell = fvi_calloc(ctx, lines * g->columns + 1, sizeof *g->cell);
    if (!g->cell)
        return FV_ENOMEM;
    for (char *line = g->text; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (*line)
            FV_TRY(add_row(ctx, path, line, cut, g));
    }
    if (g->rows < 2)
        return fvi_fail(ctx, FV_EFORMAT, "%s: the table has no rows", path);
    return FV_OK;
}

fv_status grid_read(fv_ctx *ctx, const char *path, grid *out)
{
    unsigned char *bytes;
    size_t size;
    FV_TRY(fvi_file_read(ctx, path, (size_t)1 << 30, &bytes, &size));
    grid g = {.text = (char *)bytes};
    fv_status status = cut_rows(ctx, path, &g);
    if (status != FV_OK)
        grid_free(ctx, &g);
    else
        *out = g;
    return status;
}

static int column_of(const grid *g, const char *name)
{
    for (size_t c = 0; c < g->columns; c++)
        if (strcmp(g->cell[c], name) == 0)
            return (int)c;
    return -1;
}

const char *cell_at(const grid *g, size_t row, size_t column)
{
    return g->cell[row * g->columns + column];
}

/* ---- facts ---- */

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
    grid g;
    FV_TRY(grid_read(ctx, path, &g));
    int id = column_of(&g, "id"), label = column_of(&g, "class");
    id = id < 0 ? column_of(&g, "file") : id;
    fv_status status = FV_OK;
    if (id < 0 || label < 0)
        status = fvi_fail(ctx, FV_EINVAL,
                          "%s: has no columns id (or file) and class", path);
    for (size_t i = 1; i < g.rows && status == FV_OK; i++)
        status = add_fact(ctx, out, cell_at(&g, i, (size_t)id),
                          cell_at(&g, i, (size_t)label));
    grid_free(ctx, &g);
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
