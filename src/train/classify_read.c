/* Pictures of classes in memory, the shorter side that of the crop. */
#include "train/task.h"

#include "image/idx.h"
#include "model/model.h"

#include <string.h>

/* The idx file that was read last, for the entries that follow. */
typedef struct reader {
    fvi_run *r;
    const char *path; /* NULL: none */
    fvi_idx idx;
} reader;

static fv_status read_entry(reader *d, const fvi_source *s, fv_pair *out)
{
    fvi_run *r = d->r;
    if (!d->path || strcmp(d->path, s->image) != 0) {
        fvi_idx_free(r->ctx, &d->idx);
        d->path = NULL;
        FV_TRY(fvi_idx_read(r->ctx, s->image, &d->idx));
        d->path = s->image;
    }
    return fvi_idx_pair(r->ctx, s, &d->idx, r->o.channels, out);
}

static fv_status fit(fvi_run *r, fv_pair *p)
{
    fv_tensor fitted;
    const int64_t *dim = p->plane.dim;
    int64_t side = r->o.crop, less = dim[0] < dim[1] ? dim[0] : dim[1];
    if (less == side)
        return FV_OK;
    FV_TRY(fvi_fit(r->ctx, p->plane, side, &fitted));
    fv_plane_free(r->ctx, &p->plane);
    p->plane = fitted;
    return FV_OK;
}

static fv_status read_pair(reader *d, const fvi_source *s, fv_pair *out)
{
    fvi_run *r = d->r;
    if (fvi_canceled(r->ctx))
        return fvi_fail(r->ctx, FV_ECANCEL, "canceled");
    out->category = s->category;
    out->name = fvi_strdup(r->ctx, s->stem);
    if (!out->name)
        return FV_ENOMEM;
    if (strstr(s->image, "-idx3-ubyte"))
        FV_TRY(read_entry(d, s, out));
    else
        FV_TRY(fvi_plane_read(r->ctx, s->image, r->o.channels, out));
    return fit(r, out);
}

static fv_status read_role(fvi_run *r, const fvi_sources *s, fvi_role role,
                           fv_pair **out, int64_t *count)
{
    reader d = {.r = r};
    fv_status status = FV_OK;
    fv_pair *pairs = fvi_calloc(r->ctx, (size_t)s->count + 1, sizeof *pairs);
    if (!pairs)
        return FV_ENOMEM;
    *out = pairs; /* freed with the run */
    for (int64_t i = 0; i < s->count && status == FV_OK; i++)
        if (s->item[i].role == role)
            status = read_pair(&d, &s->item[i], &pairs[(*count)++]);
    fvi_idx_free(r->ctx, &d.idx);
    return status;
}

/* A class without any picture cannot be learned. */
static fv_status check_classes(fvi_run *r)
{
    int64_t *seen = fvi_calloc(r->ctx, r->classes.count + 1, sizeof *seen);
    if (!seen)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->train_count; i++)
        seen[r->train[i].category]++;
    fv_status status = FV_OK;
    json_t *counts = json_object();
    for (size_t k = 0; k < r->classes.count; k++) {
        json_object_set_new(counts, r->classes.name[k], json_integer(seen[k]));
        if (status == FV_OK && !seen[k] && !r->init)
            status = fvi_fail(r->ctx, FV_EINVAL,
                              "no image of class '%s' is left to train on",
                              r->classes.name[k]);
    }
    json_object_set_new(r->names, "training_images_by_class", counts);
    fvi_free(r->ctx, seen);
    return status;
}

fv_status fvi_squares_read(fvi_run *r)
{
    FV_TRY(fvi_read_roles(r, read_role));
    FV_TRY(fvi_measure_planes(r));
    FV_TRY(fvi_normalize_pairs(r, r->train, r->train_count));
    return fvi_normalize_pairs(r, r->val, r->val_count);
}

fv_status fvi_classify_read(fvi_run *r)
{
    FV_TRY(fvi_squares_read(r));
    return check_classes(r);
}
