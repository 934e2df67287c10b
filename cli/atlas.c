/* Pictures on a map, and who their neighbors are. */
#include "atlas.h"

#include "fovea/map.h"
#include "model/model.h"
#include "task/color.h"
#include "tell.h"

#include <string.h>

/* ---- groups: folders ---- */

/* "a/RBC/7.png" -> "RBC"; "." where the path has no folder. */
static char *folder_of(fv_ctx *ctx, const char *path)
{
    const char *end = strrchr(path, '/'), *from = end;
    if (!end)
        return fvi_strdup(ctx, ".");
    while (from > path && from[-1] != '/')
        from--;
    fvi_text t = {.ctx = ctx};
    fvi_text_add(&t, "%.*s", (int)(end - from), from);
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

/* Takes over `name` when it is new, else frees it. */
static fv_status find_group(atlas *a, char *name, int *out)
{
    fvi_names *n = &a->groups;
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->name[i], name) == 0) {
            fvi_free(a->ctx, name);
            *out = (int)i;
            return FV_OK;
        }
    char **grown = fvi_realloc(a->ctx, n->name, (n->count + 1) * sizeof *grown);
    if (!grown) {
        fvi_free(a->ctx, name);
        return FV_ENOMEM;
    }
    n->name = grown;
    *out = (int)n->count;
    n->name[n->count++] = name;
    return FV_OK;
}

static fv_status add_group(atlas *a, const char *path)
{
    int group = 0;
    char *name = folder_of(a->ctx, path);
    if (!name)
        return FV_ENOMEM;
    FV_TRY(find_group(a, name, &group));
    fvi_text_bytes(&a->group, &group, sizeof group);
    return fvi_text_check(&a->group);
}

int atlas_group(const atlas *a, int64_t i)
{
    return ((const int *)(const void *)a->group.data)[i];
}

/* ---- pictures ---- */

/* The middle of `plane`, as a network sees it. */
static fv_status add_small(atlas *a, fv_tensor plane)
{
    int64_t side = a->side;
    fv_tensor fitted;
    FV_TRY(fvi_fit(a->ctx, plane, side, &fitted));
    int64_t top = (fitted.dim[0] - side) / 2, left = (fitted.dim[1] - side) / 2;
    fv_tensor middle = fv_slice(fitted, 0, top, top + side);
    middle = fv_slice(middle, 1, left, left + side);
    size_t size = 3 * (size_t)(side * side);
    uint8_t *rgb = fvi_alloc(a->ctx, size);
    fv_status status = rgb ? fvi_paint(a->ctx, middle, rgb) : FV_ENOMEM;
    if (status == FV_OK) {
        fvi_text_bytes(&a->small, rgb, size);
        status = fvi_text_check(&a->small);
    }
    fvi_free(a->ctx, rgb);
    fv_plane_free(a->ctx, &fitted);
    return status;
}

fv_status atlas_add(atlas *a, const char *path, const char *name,
                    fv_tensor plane, const float *code)
{
    if (a->side > 0)
        FV_TRY(add_small(a, plane));
    FV_TRY(add_group(a, path));
    fvi_text_bytes(&a->codes, code, (size_t)a->numbers * sizeof *code);
    FV_TRY(fvi_text_check(&a->codes));
    fvi_text_bytes(&a->names, name, strlen(name) + 1);
    a->count++;
    return fvi_text_check(&a->names);
}

fv_status atlas_place(atlas *a)
{
    const float *code = (const float *)(const void *)a->codes.data;
    const int *group = (const int *)(const void *)a->group.data;
    a->xy = fvi_calloc(a->ctx, 2 * (size_t)a->count + 1, sizeof *a->xy);
    if (!a->xy)
        return FV_ENOMEM;
    FV_TRY(fv_principal_plane(a->ctx, code, a->count, a->numbers, a->xy));
    return fv_neighbor_share(a->ctx, a->xy, group, a->count, &a->share,
                             &a->chance);
}

fv_status atlas_write(const atlas *a, const char *path)
{
    const char *name = a->names.data;
    fvi_text t = {.ctx = a->ctx};
    fvi_text_add(&t, "file,x,y\n");
    for (int64_t i = 0; i < a->count; i++, name += strlen(name) + 1) {
        tell_field(&t, name);
        fvi_text_add(&t, ",%.9g,%.9g\n", a->xy[2 * i], a->xy[2 * i + 1]);
    }
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK)
        status = fvi_file_write(a->ctx, path, t.data, t.size);
    fvi_text_free(&t);
    return status;
}

void atlas_free(atlas *a)
{
    fvi_text *text[] = {&a->codes, &a->names, &a->small, &a->group};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        fvi_text_free(text[i]);
    fvi_names_free(a->ctx, &a->groups);
    fvi_free(a->ctx, a->xy);
}
