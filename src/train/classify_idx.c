/* The digits of MNIST as a data set: train-images-idx3-ubyte[.gz] with
 * train-labels-idx1-ubyte[.gz]; t10k and test are left alone. */
#include "train/task.h"

#include "image/idx.h"

#include <string.h>

static const char *const image_words = "-images-idx3-ubyte";

/* The labels that belong to a file of images: another word in its name. */
static char *labels_path(fv_ctx *ctx, const char *images)
{
    fvi_text t = {.ctx = ctx};
    const char *at = strstr(images, image_words);
    for (const char *next = at; next; next = strstr(next + 1, image_words))
        at = next;
    fvi_text_add(&t, "%.*s-labels-idx1-ubyte%s", (int)(at - images), images,
                 at + strlen(image_words));
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

static fv_status add_entry(fvi_run *r, const char *path, const char *part,
                           int64_t i, int64_t category, fvi_role role)
{
    fvi_text stem = {.ctx = r->ctx};
    fvi_text_add(&stem, "%s-%05lld", part, (long long)i);
    FV_TRY(fvi_text_check(&stem));
    char *image = fvi_strdup(r->ctx, path);
    fv_status status =
        image ? fvi_sources_add(r->ctx, &r->sources, stem.data, image)
              : FV_ENOMEM;
    if (status != FV_OK) {
        fvi_free(r->ctx, image);
        fvi_text_free(&stem);
        return status;
    }
    fvi_source *s = &r->sources.item[r->sources.count - 1];
    s->category = category;
    s->at = i;
    s->role = role;
    return FV_OK;
}

/* Class names are the numbers 0, 1, ... up to the largest label. */
static fv_status name_classes(fvi_run *r, const fvi_idx *labels)
{
    size_t most = r->classes.count;
    for (int64_t i = 0; i < labels->dim[0]; i++)
        if ((size_t)labels->data[i] + 1 > most)
            most = (size_t)labels->data[i] + 1;
    char **grown = fvi_realloc(r->ctx, r->classes.name, most * sizeof *grown);
    if (!grown)
        return FV_ENOMEM;
    r->classes.name = grown;
    while (r->classes.count < most) {
        char number[24];
        snprintf(number, sizeof number, "%zu", r->classes.count);
        grown[r->classes.count] = fvi_strdup(r->ctx, number);
        if (!grown[r->classes.count])
            return FV_ENOMEM;
        r->classes.count++;
    }
    return FV_OK;
}

static fv_status add_labels(fvi_run *r, const char *path, const char *name,
                            const fvi_idx *labels)
{
    bool test = strncmp(name, "t10k", 4) == 0 || strncmp(name, "test", 4) == 0;
    char part[40];
    snprintf(part, sizeof part, "%.*s", (int)strcspn(name, "-"), name);
    FV_TRY(name_classes(r, labels));
    for (int64_t i = 0; i < labels->dim[0]; i++)
        FV_TRY(add_entry(r, path, part, i, labels->data[i],
                         test ? FVI_FOR_TEST : FVI_FOR_TRAINING));
    return FV_OK;
}

static fv_status add_file(fvi_run *r, const char *folder, const char *name)
{
    fvi_idx labels;
    char *path = fvi_path_join(r->ctx, folder, name);
    char *beside = path ? labels_path(r->ctx, path) : NULL;
    fv_status status = FV_ENOMEM;
    if (beside)
        status = fvi_idx_read(r->ctx, beside, &labels);
    if (status == FV_OK) {
        status = labels.ndim == 1 ? add_labels(r, path, name, &labels)
                                  : fvi_fail(r->ctx, FV_EFORMAT,
                                             "%s: has %d extents, expected 1",
                                             beside, labels.ndim);
        fvi_idx_free(r->ctx, &labels);
    }
    fvi_free(r->ctx, beside);
    fvi_free(r->ctx, path);
    return status;
}

fv_status fvi_idx_find(fvi_run *r, const char *folder, bool *found)
{
    fvi_names names;
    *found = false;
    FV_TRY(fvi_list_folder(r->ctx, folder, &names));
    fv_status status = FV_OK;
    for (size_t i = 0; i < names.count && status == FV_OK; i++) {
        if (!strstr(names.name[i], image_words))
            continue;
        *found = true;
        status = add_file(r, folder, names.name[i]);
    }
    fvi_names_free(r->ctx, &names);
    if (*found && r->o.channels == 0)
        r->o.channels = 1;
    return status;
}

fv_status fvi_idx_pair(fv_ctx *ctx, const fvi_source *s, const void *file,
                       int channels, fv_pair *out)
{
    const fvi_idx *idx = file;
    if (idx->ndim != 3 || s->at >= idx->dim[0])
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: holds %lld images, its labels are more", s->image,
                        idx->ndim == 3 ? (long long)idx->dim[0] : 0LL);
    int64_t dim[3] = {idx->dim[1], idx->dim[2], channels};
    out->plane = fv_dense(NULL, FV_F32, 3, dim);
    float *to = fvi_calloc(ctx, (size_t)fv_count(out->plane) + 1, sizeof *to);
    if (!to)
        return FV_ENOMEM;
    out->plane.data = to;
    const unsigned char *from = idx->data + s->at * idx->item;
    for (int64_t i = 0; i < idx->item; i++)
        for (int c = 0; c < channels; c++)
            *to++ = (float)from[i];
    return FV_OK;
}
