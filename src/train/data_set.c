/* The pictures of a run: found, split, and cut into validation windows. */
#include "train/task.h"

#include <string.h>

/* ---- finding ---- */

/* By these names a run can be repeated. */
static fv_status note_names(fv_ctx *ctx, const fvi_sources *s, fvi_role role,
                            json_t *to, const char *key)
{
    json_t *list = json_array();
    if (json_object_set_new(to, key, list) != 0)
        return fvi_fail(ctx, FV_ENOMEM, "no memory for the names of images");
    for (int64_t i = 0; i < s->count; i++)
        if (s->item[i].role == role &&
            json_array_append_new(list, json_string(s->item[i].stem)) != 0)
            return fvi_fail(ctx, FV_EINVAL,
                            "%s: the name cannot be noted in run.json, "
                            "expected UTF-8",
                            s->item[i].image);
    return FV_OK;
}

static int64_t count_role(const fvi_sources *s, fvi_role role)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++)
        n += s->item[i].role == role;
    return n;
}

/* A single image by blind spots: what they hide is not seen in validation
 * either. */
static bool on_itself(const fvi_run *r)
{
    return strcmp(r->o.task, "restore") == 0 && fvi_is_blind(&r->o) &&
           count_role(&r->sources, FVI_FOR_TRAINING) == 1 &&
           count_role(&r->sources, FVI_FOR_VALIDATION) == 0;
}

static const fvi_sources *val_sources(const fvi_run *r, fvi_role *role)
{
    bool own = r->o.val_images != NULL;
    *role = own || on_itself(r) ? FVI_FOR_TRAINING : FVI_FOR_VALIDATION;
    return own ? &r->val_sources : &r->sources;
}

fv_status fvi_note_sources(fvi_run *r)
{
    fvi_role role;
    const fvi_sources *val = val_sources(r, &role);
    r->test_count = count_role(&r->sources, FVI_FOR_TEST);
    FV_TRY(
        note_names(r->ctx, &r->sources, FVI_FOR_TRAINING, r->names, "train"));
    FV_TRY(note_names(r->ctx, val, role, r->names, "val"));
    return note_names(r->ctx, &r->sources, FVI_FOR_TEST, r->names, "test");
}

/* A line of sha256sum. */
static fv_status hash_file(fv_ctx *ctx, const char *path, fvi_sha *all)
{
    char hex[65];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (fvi_canceled(ctx))
        return fvi_fail(ctx, FV_ECANCEL, "canceled");
    FV_TRY(fvi_file_sha256(ctx, path, hex));
    fvi_sha_add(all, hex, 64);
    fvi_sha_add(all, "  ", 2);
    fvi_sha_add(all, name, strlen(name));
    fvi_sha_add(all, "\n", 1);
    return FV_OK;
}

fv_status fvi_note_hash(fvi_run *r)
{
    fvi_sha all;
    char hex[65];
    const char *before = "";
    fvi_sha_begin(&all);
    for (int64_t i = 0; i < r->sources.count; i++) {
        const fvi_source *s = &r->sources.item[i];
        const char *files[] = {s->image, s->labels, s->objects};
        if (s->role != FVI_FOR_TRAINING || strcmp(s->image, before) == 0)
            continue;
        before = s->image; /* an idx file holds many */
        for (int k = 0; k < 3; k++)
            if (files[k])
                FV_TRY(hash_file(r->ctx, files[k], &all));
    }
    fvi_sha_end(&all, hex);
    json_object_set_new(r->names, "training_sha256", json_string(hex));
    return FV_OK;
}

fv_status fvi_find_pairs(fvi_run *r, fvi_truth kind, const char *truth,
                         const char *val_truth)
{
    FV_TRY(fvi_sources_find_as(r->ctx, kind, r->o.images, truth, &r->sources));
    FV_TRY(fvi_split(r->ctx, &r->o, &r->sources));
    FV_TRY(fvi_sources_check(r->ctx, &r->sources));
    if (r->o.val_images) {
        FV_TRY(fvi_sources_find_as(r->ctx, kind, r->o.val_images, val_truth,
                                   &r->val_sources));
        FV_TRY(fvi_sources_check(r->ctx, &r->val_sources));
    }
    if (r->o.channels == 0)
        FV_TRY(fvi_channels_of(r->ctx, &r->sources, false, &r->o.channels));
    return fvi_note_sources(r);
}

static fv_status check_counts(const fvi_run *r)
{
    if (r->train_count == 0)
        return fvi_fail(r->ctx, FV_EINVAL, "no image is left to train on");
    if (r->val_count == 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "no image is left to validate on, expected at least 2 "
                        "images or a folder of validation images");
    return FV_OK;
}

fv_status fvi_read_roles(fvi_run *r, fvi_read_role *read)
{
    fvi_role role;
    const fvi_sources *val = val_sources(r, &role);
    FV_TRY(read(r, &r->sources, FVI_FOR_TRAINING, &r->train, &r->train_count));
    FV_TRY(read(r, val, role, &r->val, &r->val_count));
    return check_counts(r);
}

/* ---- validation windows ---- */

/* The k-th of `n` window positions along an axis, evenly spread. */
static int64_t place(int64_t extent, int64_t side, int64_t k, int64_t n)
{
    return n > 1 ? (extent - side) * k / (n - 1) : (extent - side) / 2;
}

static int64_t add_windows(const fvi_run *r, int64_t i, fvi_window_at *out)
{
    const int64_t *dim = r->val[i].plane.dim;
    int64_t side = r->o.crop;
    int64_t ny = (dim[0] + side - 1) / side, nx = (dim[1] + side - 1) / side;
    if (r->task->windows == 1)
        ny = nx = 1;
    int64_t all = ny * nx;
    int64_t n = all < r->task->windows ? all : r->task->windows;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = k * all / n;
        out[k] = (fvi_window_at){.pair = i,
                                 .y = place(dim[0], side, at / nx, ny),
                                 .x = place(dim[1], side, at % nx, nx)};
    }
    return n;
}

fv_status fvi_run_windows(fvi_run *r)
{
    size_t most = (size_t)(r->val_count * r->task->windows);
    r->window = fvi_calloc(r->ctx, most, sizeof *r->window);
    if (!r->window)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->val_count; i++)
        r->windows += add_windows(r, i, r->window + r->windows);
    return FV_OK;
}
