/* Folders and the names of things in them. */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool fvi_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fvi_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static fv_status make_one(fv_ctx *ctx, const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && fvi_is_folder(path)))
        return FV_OK;
    return fvi_fail(ctx, FV_EIO, "%s: cannot make the folder: %s", path,
                    strerror(errno));
}

fv_status fvi_make_folder(fv_ctx *ctx, const char *path)
{
    char *part = fvi_strdup(ctx, path);
    if (!part)
        return FV_ENOMEM;
    fv_status status = FV_OK;
    for (char *c = part + 1; part[0] && *c && status == FV_OK; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        if (!fvi_is_folder(part))
            status = make_one(ctx, part);
        *c = '/';
    }
    if (status == FV_OK)
        status = make_one(ctx, part);
    fvi_free(ctx, part);
    return status;
}

static fv_status add_name(fv_ctx *ctx, fvi_names *n, size_t *room,
                          const char *name)
{
    if (n->count == *room) {
        size_t wider = *room ? 2 * *room : 64;
        char **grown = fvi_realloc(ctx, n->name, wider * sizeof *grown);
        if (!grown)
            return FV_ENOMEM;
        n->name = grown;
        *room = wider;
    }
    n->name[n->count] = fvi_strdup(ctx, name);
    return n->name[n->count] ? (n->count++, FV_OK) : FV_ENOMEM;
}

static bool is_kind(DIR *dir, const char *name, mode_t kind)
{
    struct stat st;
    return fstatat(dirfd(dir), name, &st, 0) == 0 &&
           (st.st_mode & S_IFMT) == kind;
}

static fv_status list(fv_ctx *ctx, const char *path, mode_t kind,
                      fvi_names *out)
{
    DIR *dir = opendir(path);
    if (!dir)
        return fvi_fail(ctx, FV_EIO, "%s: cannot read the folder: %s", path,
                        strerror(errno));
    fvi_names names = {0};
    size_t room = 0;
    fv_status status = FV_OK;
    struct dirent *entry;
    while (status == FV_OK && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && is_kind(dir, entry->d_name, kind))
            status = add_name(ctx, &names, &room, entry->d_name);
    closedir(dir);
    if (status != FV_OK) {
        fvi_names_free(ctx, &names);
        return status;
    }
    if (names.count)
        qsort(names.name, names.count, sizeof *names.name,
              fvi_by_natural_order);
    *out = names;
    return FV_OK;
}

fv_status fvi_list_folder(fv_ctx *ctx, const char *path, fvi_names *out)
{
    return list(ctx, path, S_IFREG, out);
}

fv_status fvi_list_subfolders(fv_ctx *ctx, const char *path, fvi_names *out)
{
    return list(ctx, path, S_IFDIR, out);
}

void fvi_names_free(fv_ctx *ctx, fvi_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        fvi_free(ctx, names->name[i]);
    fvi_free(ctx, names->name);
    *names = (fvi_names){0};
}

char *fvi_path_join(fv_ctx *ctx, const char *folder, const char *name)
{
    fvi_text t = {.ctx = ctx};
    size_t n = strlen(folder);
    fvi_text_add(&t, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "",
                 name);
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

/* The last dot among the first `n` characters, or `n`. */
static size_t last_dot(const char *name, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (name[i] == '.')
            return i;
    return n;
}

bool fvi_is_image_name(const char *name)
{
    static const char *const endings[] = {".tif", ".tiff", ".png",
                                          ".jpg", ".jpeg", ".npy"};
    const char *ending = name + last_dot(name, strlen(name));
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return true;
    return false;
}

size_t fvi_stem_length(const char *name)
{
    size_t n = strlen(name), dot = last_dot(name, n);
    if (!fvi_is_image_name(name) && strcasecmp(name + dot, ".fovea") != 0)
        return n;
    size_t ome = last_dot(name, dot);
    bool both = dot - ome == 4 && strncasecmp(name + ome, ".ome", 4) == 0;
    return both ? ome : dot;
}

char *fvi_path_stem(fv_ctx *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *stem = fvi_strdup(ctx, name);
    if (stem)
        stem[fvi_stem_length(name)] = '\0';
    return stem;
}
