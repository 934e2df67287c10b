/* Reading safetensors: the header is untrusted until every range is checked.
 * Source: the format's own README, github.com/huggingface/safetensors. */
#include "model/safetensors.h"
#include "model/half.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_file = (size_t)8 << 30;
static const size_t max_header = (size_t)16 << 20;

static const struct {
    const char *name;
    fvi_st_type type;
    size_t size;
} types[] = {
    {"F32", FVI_ST_F32, 4},    {"F16", FVI_ST_F16, 2},
    {"BF16", FVI_ST_BF16, 2},  {"F64", FVI_ST_F64, 8},
    {"I64", FVI_ST_OTHER, 8},  {"U64", FVI_ST_OTHER, 8},
    {"I32", FVI_ST_OTHER, 4},  {"U32", FVI_ST_OTHER, 4},
    {"I16", FVI_ST_OTHER, 2},  {"U16", FVI_ST_OTHER, 2},
    {"I8", FVI_ST_OTHER, 1},   {"U8", FVI_ST_OTHER, 1},
    {"BOOL", FVI_ST_OTHER, 1},
};

static fv_status find_type(fv_ctx *ctx, fvi_st_tensor *t, const json_t *entry,
                           size_t *size)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return fvi_fail(ctx, FV_EFORMAT, "tensor '%s' has no dtype", t->name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            t->type = types[i].type;
            *size = types[i].size;
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_EFORMAT, "tensor '%s' has unknown dtype '%.20s'",
                    t->name, name);
}

static fv_status find_shape(fv_ctx *ctx, fvi_st_tensor *t, const json_t *entry)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return fvi_fail(ctx, FV_EFORMAT, "tensor '%s' has no shape", t->name);
    if (json_array_size(shape) > FV_MAX_DIM)
        return fvi_fail(ctx, FV_EFORMAT,
                        "tensor '%s' has %zu axes, at most %d fit", t->name,
                        json_array_size(shape), FV_MAX_DIM);
    t->ndim = (int)json_array_size(shape);
    t->count = 1;
    for (int i = 0; i < t->ndim; i++) {
        const json_t *extent = json_array_get(shape, (size_t)i);
        int64_t n = json_is_integer(extent) ? json_integer_value(extent) : -1;
        if (n < 0 || (n > 0 && t->count > INT64_MAX / 8 / n))
            return fvi_fail(ctx, FV_EFORMAT,
                            "tensor '%s' has an impossible shape", t->name);
        t->dim[i] = n;
        t->count *= n;
    }
    return FV_OK;
}

static fv_status find_range(fvi_st *st, fvi_st_tensor *t, const json_t *entry,
                            size_t size)
{
    const json_t *range = json_object_get(entry, "data_offsets");
    const json_t *lo = json_array_get(range, 0), *hi = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !json_is_integer(lo) ||
        !json_is_integer(hi))
        return fvi_fail(st->ctx, FV_EFORMAT, "tensor '%s' has no data_offsets",
                        t->name);
    int64_t begin = json_integer_value(lo), end = json_integer_value(hi);
    if (begin < 0 || end < begin || (uint64_t)end > st->data_size)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "tensor '%s' lies at bytes %lld to %lld of %zu: the "
                        "file is cut short or damaged",
                        t->name, (long long)begin, (long long)end,
                        st->data_size);
    if ((uint64_t)(end - begin) != (uint64_t)t->count * size)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "tensor '%s' has %lld bytes, its shape wants %llu",
                        t->name, (long long)(end - begin),
                        (unsigned long long)t->count * size);
    t->begin = (size_t)begin;
    t->end = (size_t)end;
    return FV_OK;
}

static fv_status read_entry(fvi_st *st, const char *name, const json_t *entry)
{
    fvi_st_tensor t = {.name = name};
    size_t size = 0;
    FV_TRY(find_type(st->ctx, &t, entry, &size));
    FV_TRY(find_shape(st->ctx, &t, entry));
    FV_TRY(find_range(st, &t, entry, size));
    st->tensor[st->count++] = t;
    return FV_OK;
}

static int by_place(const void *a, const void *b)
{
    const fvi_st_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static fv_status check_places(fvi_st *st)
{
    if (st->count)
        qsort(st->tensor, st->count, sizeof *st->tensor, by_place);
    size_t at = 0;
    for (size_t i = 0; i < st->count; i++) {
        const fvi_st_tensor *t = &st->tensor[i];
        if (t->begin != at)
            return fvi_fail(st->ctx, FV_EFORMAT, "tensor '%s' %s", t->name,
                            t->begin < at ? "overlaps the one before"
                                          : "follows bytes of no tensor");
        at = t->end;
    }
    if (at != st->data_size)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "%zu bytes at the end belong to no tensor",
                        st->data_size - at);
    return FV_OK;
}

static fv_status check_notes(fvi_st *st, json_t *notes)
{
    if (!json_is_object(notes))
        return fvi_fail(st->ctx, FV_EFORMAT, "__metadata__ is not an object");
    const char *key;
    json_t *value;
    json_object_foreach(notes, key, value) if (
        !json_is_string(value)) return fvi_fail(st->ctx, FV_EFORMAT,
                                                "__metadata__ '%.40s' is not "
                                                "text",
                                                key);
    return FV_OK;
}

static fv_status read_entries(fvi_st *st)
{
    size_t most = json_object_size(st->header);
    st->tensor = fvi_calloc(st->ctx, most + 1, sizeof *st->tensor);
    if (!st->tensor)
        return FV_ENOMEM;
    const char *name;
    json_t *entry;
    json_object_foreach(st->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            FV_TRY(check_notes(st, entry));
        else
            FV_TRY(read_entry(st, name, entry));
    }
    return check_places(st);
}

/* Parsed JSON takes up to a hundred times its text: bound the number of values
 * before parsing. */
static bool too_many_values(const unsigned char *text, size_t size)
{
    size_t marks = 0;
    for (size_t i = 0; i < size; i++)
        marks += text[i] == '{' || text[i] == '[' || text[i] == ',';
    return marks > 1000000;
}

static fv_status read_header(fvi_st *st, size_t size)
{
    if (size < 8)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "has %zu bytes, too few for a model", size);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | st->bytes[i];
    if (length > max_header)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "is not a safetensors file: its "
                        "header would have %llu bytes",
                        (unsigned long long)length);
    if (length > size - 8)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "the header has %llu bytes, the file ends after %zu: "
                        "it is cut short or damaged",
                        (unsigned long long)length, size - 8);
    const unsigned char *text = st->bytes + 8;
    st->data = text + length;
    st->data_size = size - 8 - (size_t)length;
    if (too_many_values(text, (size_t)length))
        return fvi_fail(st->ctx, FV_EFORMAT, "the header has too many values");
    json_error_t error;
    st->header = json_loadb((const char *)text, (size_t)length,
                            JSON_REJECT_DUPLICATES, &error);
    if (!st->header && json_error_code(&error) == json_error_out_of_memory)
        return fvi_fail(st->ctx, FV_ENOMEM, "out of memory for the header");
    if (!json_is_object(st->header))
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "the header is not a JSON object "
                        "(%s at byte %d)",
                        st->header ? "a value" : error.text, error.position);
    return read_entries(st);
}

fv_status fvi_st_read(fv_ctx *ctx, const char *path, fvi_st *out)
{
    fvi_st st = {.ctx = ctx};
    size_t size = 0;
    FV_TRY(fvi_file_read(ctx, path, max_file, &st.bytes, &size));
    fv_status status = read_header(&st, size);
    if (status != FV_OK) {
        fvi_st_free(&st);
        return fvi_fail_in(ctx, status, "%s", path);
    }
    *out = st;
    return FV_OK;
}

void fvi_st_free(fvi_st *st)
{
    json_decref(st->header);
    fvi_free(st->ctx, st->tensor);
    fvi_free(st->ctx, st->bytes);
    *st = (fvi_st){.ctx = st->ctx};
}

const fvi_st_tensor *fvi_st_find(const fvi_st *st, const char *name)
{
    for (size_t i = 0; i < st->count; i++)
        if (strcmp(st->tensor[i].name, name) == 0)
            return &st->tensor[i];
    return NULL;
}

const char *fvi_st_text(const fvi_st *st, const char *key)
{
    const json_t *notes = json_object_get(st->header, "__metadata__");
    return json_string_value(json_object_get(notes, key));
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t u = 0;
    for (int i = bytes - 1; i >= 0; i--)
        u = u << 8 | p[i];
    return u;
}

float fvi_st_number(fvi_st_type type, const unsigned char *base, int64_t i)
{
    if (type == FVI_ST_BF16)
        return fvi_from_bf16((uint16_t)little(base + 2 * i, 2));
    if (type == FVI_ST_F16)
        return fvi_from_f16((uint16_t)little(base + 2 * i, 2));
    if (type == FVI_ST_F32) {
        uint32_t u = (uint32_t)little(base + 4 * i, 4);
        float x;
        memcpy(&x, &u, sizeof x);
        return x;
    }
    uint64_t u = little(base + 8 * i, 8);
    double d;
    memcpy(&d, &u, sizeof d);
    return (float)d;
}

fv_status fvi_st_numbers(const fvi_st *st, const fvi_st_tensor *t, float *out)
{
    if (t->type == FVI_ST_OTHER)
        return fvi_fail(st->ctx, FV_ENOTSUP,
                        "tensor '%s' holds whole numbers, expected floating "
                        "point",
                        t->name);
    const unsigned char *base = st->data + t->begin;
    for (int64_t i = 0; i < t->count; i++)
        out[i] = fvi_st_number(t->type, base, i);
    return FV_OK;
}
