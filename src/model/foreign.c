/* One list of named tensors from whatever file another program wrote. */
#include "model/foreign.h"

#include <string.h>
#include <zip.h>

static const size_t max_file = (size_t)8 << 30;

fvi_foreign_tensor *fvi_foreign_add(fvi_foreign *f, char *name)
{
    if (f->count == f->room) {
        size_t wider = f->room ? 2 * f->room : 64;
        fvi_foreign_tensor *grown =
            fvi_realloc(f->ctx, f->tensor, wider * sizeof *grown);
        if (!grown) {
            fvi_free(f->ctx, name);
            return NULL;
        }
        f->tensor = grown;
        f->room = wider;
    }
    fvi_foreign_tensor *t = &f->tensor[f->count++];
    *t = (fvi_foreign_tensor){.name = name};
    return t;
}

/* Dense tensors whose storage is their own range of the file. */
static fv_status list_safetensors(fvi_foreign *f)
{
    for (size_t i = 0; i < f->st.count; i++) {
        const fvi_st_tensor *s = &f->st.tensor[i];
        char *name = fvi_strdup(f->ctx, s->name);
        fvi_foreign_tensor *t = name ? fvi_foreign_add(f, name) : NULL;
        if (!t)
            return FV_ENOMEM;
        fv_tensor dense = fv_dense(NULL, FV_F32, s->ndim, s->dim);
        if (dense.ndim < 0)
            return fvi_fail(f->ctx, FV_EFORMAT,
                            "tensor '%.80s' has impossible extents", name);
        memcpy(t->dim, dense.dim, sizeof t->dim);
        memcpy(t->stride, dense.stride, sizeof t->stride);
        t->type = s->type;
        t->ndim = s->ndim;
        t->count = s->count;
    }
    return FV_OK;
}

static fv_status open_bytes(fvi_foreign *f, const char *path)
{
    unsigned char *bytes;
    size_t size;
    FV_TRY(fvi_file_read(f->ctx, path, max_file, &bytes, &size));
    bool json = size > 8 && bytes[8] == '{';
    if (!json)
        return fvi_torch_open(f, bytes, size);
    fvi_free(f->ctx, bytes);
    FV_TRY(fvi_st_read(f->ctx, path, &f->st));
    return list_safetensors(f);
}

fv_status fvi_foreign_open(fv_ctx *ctx, const char *path, fvi_foreign *out)
{
    fvi_foreign f = {.ctx = ctx};
    fv_status status = open_bytes(&f, path);
    if (status == FV_OK) {
        *out = f;
        return FV_OK;
    }
    fvi_foreign_close(&f);
    const char *sentence = fv_message(ctx);
    if (strncmp(sentence, path, strlen(path)) == 0)
        return status;
    return fvi_fail_in(ctx, status, "%s", path);
}

void fvi_foreign_close(fvi_foreign *f)
{
    fv_ctx *ctx = f->ctx;
    for (size_t i = 0; i < f->count; i++)
        fvi_free(ctx, f->tensor[i].name);
    fvi_free(ctx, f->tensor);
    fvi_free(ctx, f->place);
    if (f->pickle.ctx)
        fvi_pickle_free(&f->pickle);
    if (f->keys.ctx)
        fvi_pickle_free(&f->keys);
    if (f->root.ctx)
        fvi_text_free(&f->root);
    if (f->st.ctx)
        fvi_st_free(&f->st);
    if (f->zip)
        zip_discard(f->zip);
    fvi_free(ctx, f->entry);
    fvi_free(ctx, f->words);
    fvi_free(ctx, f->bytes);
    *f = (fvi_foreign){.ctx = ctx};
}

fv_status fvi_foreign_numbers(fvi_foreign *f, const fvi_foreign_tensor *t,
                              float *out)
{
    const unsigned char *base;
    if (t->type == FVI_ST_OTHER)
        return fvi_fail(f->ctx, FV_ENOTSUP,
                        "tensor '%.80s' holds whole numbers, expected floating "
                        "point",
                        t->name);
    if (f->st.tensor)
        return fvi_st_numbers(&f->st, &f->st.tensor[t - f->tensor], out);
    FV_TRY(fvi_torch_storage(f, t, &base));
    int64_t n = 1, at[FV_MAX_DIM] = {0}, from = t->offset;
    for (int i = 0; i < t->ndim; i++)
        n *= t->dim[i];
    for (int64_t i = 0; i < n; i++) {
        out[i] = fvi_st_number(t->type, base, from);
        for (int k = t->ndim - 1; k >= 0; k--) {
            from += t->stride[k];
            if (++at[k] < t->dim[k])
                break;
            from -= t->dim[k] * t->stride[k];
            at[k] = 0;
        }
    }
    return FV_OK;
}
