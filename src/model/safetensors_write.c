/* Writing safetensors, all or nothing. */
#include "model/half.h"
#include "model/safetensors.h"

#include <string.h>

static size_t width(fvi_st_type type)
{
    return type == FVI_ST_F32 ? 4 : 2;
}

static int64_t count_of(const fvi_st_item *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++)
        n *= t->dim[i];
    return n;
}

static json_t *shape_of(const fvi_st_item *t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        json_array_append_new(shape, json_integer(t->dim[i]));
    return shape;
}

static bool add_item(json_t *header, const fvi_st_item *t, size_t *at)
{
    size_t end = *at + (size_t)count_of(t) * width(t->type);
    const char *dtype = t->type == FVI_ST_F32   ? "F32"
                        : t->type == FVI_ST_F16 ? "F16"
                                                : "BF16";
    json_t *entry =
        json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", shape_of(t),
                  "data_offsets", (json_int_t)*at, (json_int_t)end);
    *at = end;
    return json_object_set_new(header, t->name, entry) == 0;
}

/* The header as JSON; NULL when memory is short or a text is not UTF-8. */
static json_t *header_of(const fvi_st_note *note, size_t notes,
                         const fvi_st_item *item, size_t items)
{
    json_t *header = json_object(), *meta = json_object();
    bool ok = header && meta;
    for (size_t i = 0; i < notes && ok; i++)
        ok = json_object_set_new(meta, note[i].key,
                                 json_string(note[i].text)) == 0;
    ok = ok && json_object_set(header, "__metadata__", meta) == 0;
    json_decref(meta);
    size_t at = 0;
    for (size_t i = 0; i < items && ok; i++)
        ok = add_item(header, &item[i], &at);
    if (ok)
        return header;
    json_decref(header);
    return NULL;
}

static int add_text(const char *text, size_t size, void *user)
{
    fvi_text_bytes(user, text, size);
    return 0;
}

/* Length, header and spaces that put the numbers on a multiple of 64. */
static fv_status add_header(fvi_file *f, const json_t *header)
{
    fvi_text t = {.ctx = f->ctx};
    int failed = json_dump_callback(header, add_text, &t, JSON_COMPACT);
    while ((t.size + 8) % 64 != 0 && !t.failed)
        fvi_text_bytes(&t, " ", 1);
    fv_status status = failed || t.failed ? FV_ENOMEM : FV_OK;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(t.size >> 8 * i);
    if (status == FV_OK)
        status = fvi_file_add(f, length, sizeof length);
    if (status == FV_OK)
        status = fvi_file_add(f, t.data, t.size);
    fvi_text_free(&t);
    return status;
}

static void encode(const fvi_st_item *t, int64_t i, unsigned char *out)
{
    uint32_t u = 0;
    if (t->type == FVI_ST_F32)
        memcpy(&u, &t->data[i], sizeof u);
    else if (t->type == FVI_ST_F16)
        u = fvi_to_f16(t->data[i]);
    else
        u = fvi_to_bf16(t->data[i]);
    for (size_t b = 0; b < width(t->type); b++)
        out[b] = (unsigned char)(u >> 8 * b);
}

static fv_status add_numbers(fvi_file *f, const fvi_st_item *t)
{
    enum { BLOCK = 4096 };
    unsigned char block[4 * BLOCK];
    int64_t count = count_of(t);
    size_t size = width(t->type);
    for (int64_t lo = 0; lo < count; lo += BLOCK) {
        int64_t n = count - lo < BLOCK ? count - lo : BLOCK;
        for (int64_t i = 0; i < n; i++)
            encode(t, lo + i, block + (size_t)i * size);
        FV_TRY(fvi_file_add(f, block, (size_t)n * size));
    }
    return FV_OK;
}

fv_status fvi_st_write(fv_ctx *ctx, const char *path, const fvi_st_note *note,
                       size_t notes, const fvi_st_item *item, size_t items)
{
    json_t *header = header_of(note, notes, item, items);
    if (!header)
        return fvi_fail(ctx, FV_EINVAL,
                        "%s: a text of the header is not UTF-8, or memory is "
                        "short",
                        path);
    fvi_file f;
    fv_status status = fvi_file_create(ctx, path, true, &f);
    if (status != FV_OK) {
        json_decref(header);
        return status;
    }
    status = add_header(&f, header);
    json_decref(header);
    for (size_t i = 0; i < items && status == FV_OK; i++)
        status = add_numbers(&f, &item[i]);
    if (status != FV_OK) {
        fvi_file_discard(&f);
        return status;
    }
    return fvi_file_commit(&f);
}
