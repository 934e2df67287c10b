/* Where built-in models are: beside the program, where it was installed, or
 * in the tree it was built from. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char ending[] = ".fovea";

static bool ends_so(const char *name)
{
    size_t n = strlen(name), e = sizeof ending - 1;
    return n > e && strcmp(name + n - e, ending) == 0;
}

/* Writes the folder of the running program joined with `rest` into `path`;
 * false when the system does not tell or there is no such folder. */
static bool beside_program(const char *rest, char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    size_t room = size - (size_t)(slash + 1 - path);
    int length = snprintf(slash + 1, room, "%s", rest);
    return length >= 0 && (size_t)length < room && fvi_is_folder(path);
}

/* `*path` is NULL when there is no such folder. */
static fv_status find_folder(fv_ctx *ctx, const char *folder, char **path)
{
    static const char *const beside[] = {"../share/fovea/models", "models"};
    static const char *const fixed[] = {FV_MODELS_INSTALLED, FV_MODELS_SOURCE};
    char near[4096];
    for (size_t i = 0; i < 2 && !folder; i++)
        if (beside_program(beside[i], near, sizeof near))
            folder = near;
    for (size_t i = 0; i < 2 && !folder; i++)
        if (fvi_is_folder(fixed[i]))
            folder = fixed[i];
    *path = folder ? fvi_strdup(ctx, folder) : NULL;
    return folder && !*path ? FV_ENOMEM : FV_OK;
}

fv_status fvi_model_names(fv_ctx *ctx, const char *folder, char **path,
                          fvi_names *names)
{
    *names = (fvi_names){0};
    FV_TRY(find_folder(ctx, folder, path));
    if (!*path)
        return FV_OK;
    fv_status status = fvi_list_folder(ctx, *path, names);
    if (status != FV_OK) {
        fvi_free(ctx, *path);
        *path = NULL;
        return status;
    }
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        char *name = names->name[i];
        if (ends_so(name)) {
            name[strlen(name) - (sizeof ending - 1)] = '\0';
            names->name[kept++] = name;
        } else {
            fvi_free(ctx, name);
        }
    }
    names->count = kept;
    return FV_OK;
}

static fv_status unknown_model(fv_ctx *ctx, const char *name,
                               const char *folder, const fvi_names *names)
{
    if (!names->count)
        return fvi_fail(ctx, FV_EINVAL,
                        "there is no model '%s': %s%s, name a .fovea file",
                        name,
                        folder ? "no models are in "
                               : "no models are "
                                 "installed",
                        folder ? folder : "");
    fvi_text list = {.ctx = ctx};
    for (size_t i = 0; i < names->count; i++)
        fvi_text_add(&list, "%s%s", i ? ", " : "", names->name[i]);
    fv_status status = fvi_text_check(&list);
    if (status == FV_OK)
        status = fvi_fail(ctx, FV_EINVAL,
                          "there is no model '%s'; built in: %s; a .fovea file "
                          "may be named, too",
                          name, list.data);
    fvi_text_free(&list);
    return status;
}

static fv_status find_built_in(fv_ctx *ctx, const char *folder,
                               const char *name, const fvi_names *names,
                               char **path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) != 0)
            continue;
        fvi_text file = {.ctx = ctx};
        fvi_text_add(&file, "%s/%s%s", folder, name, ending);
        if (fvi_text_check(&file) != FV_OK) {
            fvi_text_free(&file);
            return FV_ENOMEM;
        }
        *path = file.data;
        return FV_OK;
    }
    return unknown_model(ctx, name, folder, names);
}

fv_status fv_model_locate(fv_ctx *ctx, const char *folder, const char *name,
                          char **path)
{
    if (strchr(name, '/') || ends_so(name) || fvi_is_file(name)) {
        char *copy = fvi_strdup(ctx, name);
        if (!copy)
            return FV_ENOMEM;
        *path = copy;
        return FV_OK;
    }
    char *where;
    fvi_names names;
    FV_TRY(fvi_model_names(ctx, folder, &where, &names));
    fv_status status = find_built_in(ctx, where, name, &names, path);
    fvi_names_free(ctx, &names);
    fvi_free(ctx, where);
    return status;
}

void fv_text_free(fv_ctx *ctx, char *text)
{
    fvi_free(ctx, text);
}

fv_status fvi_model_open(fv_ctx *ctx, const char *name, fv_model **out)
{
    char *path;
    FV_TRY(fv_model_locate(ctx, NULL, name, &path));
    fv_status status = fv_model_read(ctx, path, out);
    fv_text_free(ctx, path);
    return status;
}
