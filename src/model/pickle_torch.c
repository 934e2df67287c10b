/* What PyTorch says in pickles: tensors, their storages, ordered dicts. */
#include "model/pickle.h"

#include <string.h>

enum { ORDERED_DICT, TENSOR, PARAMETER, STORAGES };

/* Everything a pickle may name. From STORAGES on: types of numbers. */
static const struct {
    const char *module, *name;
    fvi_st_type type;
    size_t size;
} globals[] = {
    {"collections", "OrderedDict", FVI_ST_OTHER, 0},
    {"torch._utils", "_rebuild_tensor_v2", FVI_ST_OTHER, 0},
    {"torch._utils", "_rebuild_parameter", FVI_ST_OTHER, 0},
    {"torch", "FloatStorage", FVI_ST_F32, 4},
    {"torch", "DoubleStorage", FVI_ST_F64, 8},
    {"torch", "HalfStorage", FVI_ST_F16, 2},
    {"torch", "BFloat16Storage", FVI_ST_BF16, 2},
    {"torch", "LongStorage", FVI_ST_OTHER, 8},
    {"torch", "IntStorage", FVI_ST_OTHER, 4},
    {"torch", "ShortStorage", FVI_ST_OTHER, 2},
    {"torch", "CharStorage", FVI_ST_OTHER, 1},
    {"torch", "ByteStorage", FVI_ST_OTHER, 1},
    {"torch", "BoolStorage", FVI_ST_OTHER, 1},
};

static bool equal(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

/* Names come from the file: what cannot be printed becomes a question mark. */
static void printable(const char *text, size_t length, char out[64])
{
    size_t n = length < 63 ? length : 63;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[n] = '\0';
}

fv_status fvi_pickle_global(fvi_pickle *p, const char *module,
                            size_t module_length, const char *name,
                            size_t name_length, uint32_t *out)
{
    char m[64], n[64];
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (!equal(module, module_length, globals[i].module) ||
            !equal(name, name_length, globals[i].name))
            continue;
        *out = fvi_pickle_new(p, FVI_PICKLE_GLOBAL);
        if (!*out)
            return FV_ENOMEM;
        p->value[*out].number = (int64_t)i;
        return FV_OK;
    }
    printable(module, module_length, m);
    printable(name, name_length, n);
    return fvi_fail(p->ctx, FV_ENOTSUP,
                    "asks for '%s.%s', which describes no tensor; expected a "
                    "state dict (nothing in the file was run)",
                    m, n);
}

/* ---- ordered dicts ---- */

/* OrderedDict() or OrderedDict([(key, value), ...]). */
static fv_status ordered_dict(fvi_pickle *p, uint32_t arguments, uint32_t *out)
{
    uint32_t pairs = fvi_pickle_item(p, arguments, 0);
    *out = fvi_pickle_new(p, FVI_PICKLE_DICT);
    if (!*out)
        return FV_ENOMEM;
    if (pairs && !fvi_pickle_is(p, pairs, FVI_PICKLE_LIST))
        return fvi_pickle_damaged(p, "a dict is made of what is no list");
    for (uint32_t at = pairs ? p->value[pairs].first : 0; at;
         at = p->cell[at].next) {
        uint32_t pair = p->cell[at].value;
        uint32_t key = fvi_pickle_item(p, pair, 0);
        uint32_t value = fvi_pickle_item(p, pair, 1);
        if (!key || !value)
            return fvi_pickle_damaged(p, "an item of a dict is no pair");
        FV_TRY(fvi_pickle_append(p, *out, key));
        FV_TRY(fvi_pickle_append(p, *out, value));
    }
    return FV_OK;
}

/* ---- tensors ---- */

/* (storage, offset, extents, strides, ...): what follows is for training. */
static fv_status tensor(fvi_pickle *p, uint32_t arguments, uint32_t *out)
{
    static const fvi_pickle_kind kinds[4] = {
        FVI_PICKLE_STORAGE, FVI_PICKLE_INT, FVI_PICKLE_TUPLE, FVI_PICKLE_TUPLE};
    *out = fvi_pickle_new(p, FVI_PICKLE_TENSOR);
    if (!*out)
        return FV_ENOMEM;
    for (size_t i = 0; i < 4; i++) {
        uint32_t v = fvi_pickle_item(p, arguments, i);
        if (!fvi_pickle_is(p, v, kinds[i]))
            return fvi_pickle_damaged(p, "a tensor is not described as one");
        FV_TRY(fvi_pickle_append(p, *out, v));
    }
    return FV_OK;
}

/* (tensor, whether it learns, hooks) */
static fv_status parameter(fvi_pickle *p, uint32_t arguments, uint32_t *out)
{
    *out = fvi_pickle_item(p, arguments, 0);
    if (fvi_pickle_is(p, *out, FVI_PICKLE_TENSOR))
        return FV_OK;
    return fvi_pickle_damaged(p, "a parameter is no tensor");
}

fv_status fvi_pickle_call(fvi_pickle *p, uint32_t global, uint32_t arguments,
                          uint32_t *out)
{
    if (!fvi_pickle_is(p, global, FVI_PICKLE_GLOBAL) ||
        !fvi_pickle_is(p, arguments, FVI_PICKLE_TUPLE))
        return fvi_pickle_damaged(p, "it calls what cannot be called");
    switch (p->value[global].number) {
    case ORDERED_DICT:
        return ordered_dict(p, arguments, out);
    case TENSOR:
        return tensor(p, arguments, out);
    case PARAMETER:
        return parameter(p, arguments, out);
    default:
        return fvi_pickle_damaged(p, "it calls a type of numbers");
    }
}

/* ---- storages ---- */

fv_status fvi_pickle_persistent(fvi_pickle *p, uint32_t id, uint32_t *out)
{
    uint32_t type = fvi_pickle_item(p, id, 1);
    uint32_t key = fvi_pickle_item(p, id, 2);
    uint32_t count = fvi_pickle_item(p, id, 4);
    uint32_t view = fvi_pickle_item(p, id, 5);
    if (!fvi_pickle_is(p, id, FVI_PICKLE_TUPLE) ||
        !fvi_pickle_says(p, fvi_pickle_item(p, id, 0), "storage") ||
        !fvi_pickle_is(p, type, FVI_PICKLE_GLOBAL) ||
        p->value[type].number < STORAGES ||
        !fvi_pickle_is(p, key, FVI_PICKLE_TEXT) ||
        !fvi_pickle_is(p, count, FVI_PICKLE_INT) || p->value[count].number < 0)
        return fvi_pickle_damaged(p, "a storage is not described as one");
    if (view && !fvi_pickle_is(p, view, FVI_PICKLE_NONE))
        return fvi_fail(p->ctx, FV_ENOTSUP,
                        "has a storage that is part of another, as files "
                        "before 2017 do");
    *out = fvi_pickle_new(p, FVI_PICKLE_STORAGE);
    if (!*out)
        return FV_ENOMEM;
    FV_TRY(fvi_pickle_append(p, *out, type));
    FV_TRY(fvi_pickle_append(p, *out, key));
    return fvi_pickle_append(p, *out, count);
}

fvi_st_type fvi_pickle_type(const fvi_pickle *p, uint32_t storage, size_t *size)
{
    uint32_t type = fvi_pickle_item(p, storage, 0);
    *size = globals[p->value[type].number].size;
    return globals[p->value[type].number].type;
}
