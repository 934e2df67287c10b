/* The pictures of a run: found, split, read and measured. */
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOWS_PER_IMAGE = 4 };

/* ---- reading ---- */

static fv_status note_names(const fvi_sources *s, fvi_role role, json_t *to,
                            const char *key)
{
    json_t *list = json_array();
    for (int64_t i = 0; list && i < s->count; i++)
        if (s->item[i].role == role)
            json_array_append_new(list, json_string(s->item[i].stem));
    return json_object_set_new(to, key, list) == 0 ? FV_OK : FV_ENOMEM;
}

static int64_t count_role(const fvi_sources *s, fvi_role role)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++)
        n += s->item[i].role == role;
    return n;
}

static fv_status read_both(fvi_run *r, const fvi_sources *s,
                           const fvi_sources *val, fvi_role val_role)
{
    const double percentile[2] = {r->o.percentile_low, r->o.percentile_high};
    if (r->o.channels == 0)
        FV_TRY(fvi_channels_of(r->ctx, s, &r->o.channels));
    r->test_count = count_role(s, FVI_FOR_TEST);
    FV_TRY(note_names(s, FVI_FOR_TRAINING, r->names, "train"));
    FV_TRY(note_names(val, val_role, r->names, "val"));
    FV_TRY(note_names(s, FVI_FOR_TEST, r->names, "test"));
    FV_TRY(fvi_pairs_of(r->ctx, s, FVI_FOR_TRAINING, r->o.channels, percentile,
                        &r->train, &r->train_count));
    return fvi_pairs_of(r->ctx, val, val_role, r->o.channels, percentile,
                        &r->val, &r->val_count);
}

static fv_status read_with_folder(fvi_run *r, const fvi_sources *s)
{
    fvi_sources val;
    FV_TRY(fvi_sources_find(r->ctx, r->o.val_images, r->o.val_labels, &val));
    fv_status status = fvi_sources_check(r->ctx, &val);
    if (status == FV_OK)
        status = read_both(r, s, &val, FVI_FOR_TRAINING);
    fvi_sources_free(r->ctx, &val);
    return status;
}

static fv_status read_all(fvi_run *r)
{
    fvi_sources s;
    FV_TRY(fvi_sources_find(r->ctx, r->o.images, r->o.labels, &s));
    fv_status status = fvi_split(r->ctx, &r->o, &s);
    if (status == FV_OK)
        status = fvi_sources_check(r->ctx, &s);
    if (status == FV_OK && r->o.val_images)
        status = read_with_folder(r, &s);
    else if (status == FV_OK)
        status = read_both(r, &s, &s, FVI_FOR_VALIDATION);
    fvi_sources_free(r->ctx, &s);
    return status;
}

/* ---- measuring ---- */

static int up(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int down(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Appends the diameter of a circle of equal area for each object. */
static fv_status add_diameters(fv_ctx *ctx, fv_tensor labels, fvi_text *out)
{
    int64_t n = fv_count(labels);
    uint32_t *all = fvi_alloc(ctx, (size_t)n * sizeof *all);
    if (!all)
        return FV_ENOMEM;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (((const uint32_t *)labels.data)[i])
            all[count++] = ((const uint32_t *)labels.data)[i];
    if (count)
        qsort(all, (size_t)count, sizeof *all, up);
    for (int64_t i = 0, from = 0; i < count; i++) {
        if (i + 1 < count && all[i + 1] == all[i])
            continue;
        double d = 2 * sqrt((double)(i + 1 - from) / 3.14159265358979323846);
        fvi_text_bytes(out, &d, sizeof d);
        from = i + 1;
    }
    fvi_free(ctx, all);
    return fvi_text_check(out);
}

static fv_status measure(fvi_run *r, double *diameter, int64_t *objects)
{
    fvi_text all = {.ctx = r->ctx};
    fv_status status = FV_OK;
    for (int64_t i = 0; i < r->train_count && status == FV_OK; i++)
        status = add_diameters(r->ctx, r->train[i].labels, &all);
    int64_t n = (int64_t)(all.size / sizeof(double));
    double *d = (double *)(void *)all.data;
    *objects = n;
    *diameter = 0;
    if (status == FV_OK && n) {
        qsort(d, (size_t)n, sizeof *d, down);
        *diameter = d[n / 2];
    }
    fvi_text_free(&all);
    return status;
}

static fv_status check_objects(fvi_run *r)
{
    double diameter = 0;
    int64_t objects = 0;
    if (r->train_count == 0)
        return fvi_fail(r->ctx, FV_EINVAL, "no image is left to train on");
    if (r->val_count == 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "no image is left to validate on, expected at least 2 "
                        "images or a folder of validation images");
    FV_TRY(measure(r, &diameter, &objects));
    if (objects == 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "the labels of all %lld training images are empty",
                        (long long)r->train_count);
    json_object_set_new(r->names, "diameter_px", json_real(diameter));
    json_object_set_new(r->names, "objects", json_integer(objects));
    return FV_OK;
}

/* ---- validation windows ---- */

/* The k-th of `n` window positions along an axis, evenly spread. */
static int64_t place(int64_t extent, int64_t side, int64_t k, int64_t n)
{
    return n > 1 ? (extent - side) * k / (n - 1) : (extent - side) / 2;
}

static int64_t add_windows(const fvi_run *r, int64_t i, fvi_window_at *out)
{
    const int64_t *dim = r->val[i].labels.dim;
    int64_t side = r->o.crop;
    int64_t ny = (dim[0] + side - 1) / side, nx = (dim[1] + side - 1) / side;
    int64_t all = ny * nx;
    int64_t n = all < WINDOWS_PER_IMAGE ? all : WINDOWS_PER_IMAGE;
    for (int64_t k = 0; k < n; k++) {
        int64_t at = k * all / n;
        out[k] = (fvi_window_at){.pair = i,
                                 .y = place(dim[0], side, at / nx, ny),
                                 .x = place(dim[1], side, at % nx, nx)};
    }
    return n;
}

fv_status fvi_run_data(fvi_run *r)
{
    r->names = json_object();
    if (!r->names)
        return FV_ENOMEM;
    FV_TRY(read_all(r));
    return check_objects(r);
}

fv_status fvi_run_windows(fvi_run *r)
{
    size_t most = (size_t)r->val_count * WINDOWS_PER_IMAGE;
    r->window = fvi_calloc(r->ctx, most, sizeof *r->window);
    if (!r->window)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->val_count; i++)
        r->windows += add_windows(r, i, r->window + r->windows);
    return FV_OK;
}
