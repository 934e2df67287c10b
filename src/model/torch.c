/*
 * PyTorch files: a zip archive of a pickle and one entry per storage, or,
 * before version 1.6, pickles followed by the storages.
 * Source: torch/serialization.py, whose names for things are used here.
 */
#include "model/foreign.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MOST_TENSORS = 1 << 14, MOST_VISITS = 1 << 20, MOST_DEPTH = 8 };
static const size_t max_pickle = (size_t)64 << 20;

/* ---- tensors in dicts ---- */

static fv_status read_extents(const fvi_pickle *p, uint32_t tuple,
                              int64_t out[FV_MAX_DIM], int *ndim)
{
    *ndim = 0;
    for (uint32_t at = p->value[tuple].first; at; at = p->cell[at].next) {
        uint32_t v = p->cell[at].value;
        if (*ndim == FV_MAX_DIM || !fvi_pickle_is(p, v, FVI_PICKLE_INT) ||
            p->value[v].number < 0)
            return FV_EFORMAT;
        out[(*ndim)++] = p->value[v].number;
    }
    return FV_OK;
}

/* The number behind the last one that a tensor reads; -1 when that overflows.*/
static int64_t end_of(const fvi_foreign_tensor *t)
{
    int64_t last = t->offset;
    for (int i = 0; i < t->ndim; i++) {
        int64_t step;
        if (t->dim[i] == 0)
            return 0;
        if (__builtin_mul_overflow(t->dim[i] - 1, t->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return -1;
    }
    return last < INT64_MAX ? last + 1 : -1;
}

static fv_status describe(fvi_foreign *f, const fvi_pickle *p, uint32_t v,
                          fvi_foreign_tensor *t)
{
    int strides = 0;
    uint32_t storage = fvi_pickle_item(p, v, 0);
    uint32_t key = fvi_pickle_item(p, storage, 1);
    t->offset = p->value[fvi_pickle_item(p, v, 1)].number;
    t->count = p->value[fvi_pickle_item(p, storage, 2)].number;
    t->key = p->value[key].text;
    t->key_length = p->value[key].length;
    t->type = fvi_pickle_type(p, storage, &t->size);
    fv_status status =
        read_extents(p, fvi_pickle_item(p, v, 2), t->dim, &t->ndim);
    if (status == FV_OK)
        status = read_extents(p, fvi_pickle_item(p, v, 3), t->stride, &strides);
    if (status != FV_OK || strides != t->ndim)
        return fvi_fail(f->ctx, FV_EFORMAT,
                        "tensor '%.80s' has impossible extents, expected at "
                        "most %d",
                        t->name, FV_MAX_DIM);
    int64_t end = t->offset < 0 ? -1 : end_of(t);
    if (end < 0 || end > t->count)
        return fvi_fail(f->ctx, FV_EFORMAT,
                        "tensor '%.80s' reads beyond its storage of %lld "
                        "numbers",
                        t->name, (long long)t->count);
    return FV_OK;
}

typedef struct walk {
    fvi_foreign *f;
    const fvi_pickle *p;
    fvi_text path;
    int visits, depth;
} walk;

static fv_status take_tensor(walk *w, uint32_t v)
{
    if (w->f->count == MOST_TENSORS)
        return fvi_fail(w->f->ctx, FV_EFORMAT, "has over %d tensors",
                        MOST_TENSORS);
    FV_TRY(fvi_text_check(&w->path));
    char *name = fvi_strdup(w->f->ctx, w->path.data ? w->path.data : "");
    fvi_foreign_tensor *t = name ? fvi_foreign_add(w->f, name) : NULL;
    if (!t)
        return FV_ENOMEM;
    return describe(w->f, w->p, v, t);
}

/* Everything in a dict that is a tensor or a dict; the rest is about training.
 * Memory of the pickle may hold a dict in itself, hence the bounds. */
static fv_status take_dict(walk *w, uint32_t dict)
{
    const fvi_pickle *p = w->p;
    if (++w->depth > MOST_DEPTH)
        return fvi_fail(w->f->ctx, FV_EFORMAT, "has dicts over %d deep",
                        MOST_DEPTH);
    fv_status status = FV_OK;
    uint32_t next;
    for (uint32_t at = p->value[dict].first; at && status == FV_OK;
         at = p->cell[next].next) {
        next = p->cell[at].next;
        const fvi_pickle_value *key = &p->value[p->cell[at].value];
        uint32_t v = p->cell[next].value;
        size_t length = w->path.size;
        if (++w->visits > MOST_VISITS)
            return fvi_fail(w->f->ctx, FV_EFORMAT, "has too many items");
        if (key->kind != FVI_PICKLE_TEXT || key->length > 4096 ||
            memchr(key->text, '\0', key->length))
            continue; /* no name of a tensor */
        fvi_text_add(&w->path, "%s%.*s", length ? "." : "", (int)key->length,
                     key->text);
        if (fvi_pickle_is(p, v, FVI_PICKLE_TENSOR))
            status = take_tensor(w, v);
        else if (fvi_pickle_is(p, v, FVI_PICKLE_DICT))
            status = take_dict(w, v);
        w->path.size = length;
        if (w->path.data)
            w->path.data[length] = '\0';
    }
    w->depth--;
    return status;
}

static fv_status take_all(fvi_foreign *f)
{
    walk w = {.f = f, .p = &f->pickle, .path = {.ctx = f->ctx}};
    uint32_t top = fvi_pickle_top(w.p);
    if (!fvi_pickle_is(w.p, top, FVI_PICKLE_DICT))
        return fvi_fail(f->ctx, FV_EFORMAT,
                        "holds no dict of tensors, expected a state dict");
    fv_status status = take_dict(&w, top);
    if (status == FV_OK)
        status = fvi_text_check(&w.path);
    fvi_text_free(&w.path);
    return status;
}

/* ---- zip archives ---- */

/* An entry "root + name" in memory of its own. */
static fv_status read_entry(fvi_foreign *f, const char *name,
                            size_t name_length, size_t max, unsigned char **out,
                            size_t *size)
{
    fvi_text path = {.ctx = f->ctx};
    zip_stat_t st;
    fvi_text_add(&path, "%s%.*s", f->root.data ? f->root.data : "",
                 (int)name_length, name);
    FV_TRY(fvi_text_check(&path));
    int64_t at = zip_name_locate(f->zip, path.data, 0);
    fvi_text_free(&path);
    if (at < 0 || zip_stat_index(f->zip, (zip_uint64_t)at, 0, &st) != 0 ||
        st.size > max)
        return fvi_fail(f->ctx, FV_EFORMAT,
                        "the archive has no entry '%.*s' of at most %zu bytes",
                        (int)(name_length < 40 ? name_length : 40), name, max);
    *out = fvi_alloc(f->ctx, st.size + 1);
    if (!*out)
        return FV_ENOMEM;
    zip_file_t *file = zip_fopen_index(f->zip, (zip_uint64_t)at, 0);
    bool good = file && zip_fread(file, *out, st.size) == (zip_int64_t)st.size;
    if (file)
        zip_fclose(file);
    *size = st.size;
    if (good)
        return FV_OK;
    fvi_free(f->ctx, *out);
    *out = NULL;
    return fvi_fail(f->ctx, FV_EFORMAT, "entry '%.*s' of the archive: %s",
                    (int)(name_length < 40 ? name_length : 40), name,
                    zip_strerror(f->zip));
}

/* The folder in the archive that data.pkl is in. */
static fv_status find_root(fvi_foreign *f)
{
    static const char tail[] = "data.pkl";
    zip_int64_t n = zip_get_num_entries(f->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(f->zip, (zip_uint64_t)i, 0);
        size_t length = name ? strlen(name) : 0, end = sizeof tail - 1;
        if (length < end || strcmp(name + length - end, tail) != 0)
            continue;
        f->root = (fvi_text){.ctx = f->ctx};
        fvi_text_add(&f->root, "%.*s", (int)(length - end), name);
        return fvi_text_check(&f->root);
    }
    return fvi_fail(f->ctx, FV_EFORMAT,
                    "is an archive without data.pkl, expected one of PyTorch");
}

static fv_status check_order(fvi_foreign *f)
{
    unsigned char *order;
    size_t n;
    if (read_entry(f, "byteorder", 9, 16, &order, &n) != FV_OK)
        return FV_OK; /* older files have none and are little-endian */
    bool little = n == 6 && memcmp(order, "little", 6) == 0;
    fvi_free(f->ctx, order);
    if (little)
        return FV_OK;
    return fvi_fail(f->ctx, FV_ENOTSUP, "has big-endian numbers");
}

static fv_status open_zip(fvi_foreign *f, size_t size)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *s = zip_source_buffer_create(f->bytes, size, 0, &error);
    f->zip = s ? zip_open_from_source(s, ZIP_RDONLY, &error) : NULL;
    fv_status status = FV_OK;
    if (!f->zip)
        status = fvi_fail(f->ctx, FV_EFORMAT, "is no whole zip archive: %s",
                          zip_error_strerror(&error));
    if (s && !f->zip)
        zip_source_free(s);
    zip_error_fini(&error);
    FV_TRY(status);
    FV_TRY(find_root(f));
    FV_TRY(check_order(f));
    FV_TRY(read_entry(f, "data.pkl", 8, max_pickle, &f->words, &size));
    FV_TRY(fvi_pickle_read(f->ctx, f->words, size, &f->pickle));
    return take_all(f);
}

/* ---- files before archives ---- */

/* The number of the format, and the version of the protocol: two pickles. */
static const unsigned char magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c,
                                      0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
                                      '.',  0x80, 0x02, 'M',  0xe9, 0x03, '.'};

static int compare_keys(const void *a, const void *b)
{
    const fvi_foreign_place *x = a, *y = b;
    size_t n = x->key_length < y->key_length ? x->key_length : y->key_length;
    int order = n ? memcmp(x->key, y->key, n) : 0;
    if (order == 0 && x->key_length != y->key_length)
        return x->key_length < y->key_length ? -1 : 1;
    return order;
}

/* The bytes of a number in the storage called `key`; 0 when no tensor is in
 * it. Sorted tensors would be faster, but files have hundreds. */
static size_t number_size(const fvi_foreign *f, const fvi_pickle_value *key)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->tensor[i].key_length == key->length &&
            memcmp(f->tensor[i].key, key->text, key->length) == 0)
            return f->tensor[i].size;
    return 0;
}

static fv_status find_places(fvi_foreign *f, size_t at, size_t size)
{
    const fvi_pickle *p = &f->keys;
    f->place = fvi_calloc(f->ctx, f->count + 1, sizeof *f->place);
    if (!f->place)
        return FV_ENOMEM;
    for (uint32_t c = p->value[fvi_pickle_top(p)].first; c;
         c = p->cell[c].next) {
        const fvi_pickle_value *key = &p->value[p->cell[c].value];
        size_t each = key->kind == FVI_PICKLE_TEXT ? number_size(f, key) : 0;
        uint64_t count = 0;
        if (!each || size - at < 8 || f->places == f->count)
            return fvi_fail(f->ctx, FV_EFORMAT,
                            "storage %zu is cut short or unknown", f->places);
        for (int i = 7; i >= 0; i--)
            count = count << 8 | f->bytes[at + (size_t)i];
        at += 8;
        if (count > (size - at) / each)
            return fvi_fail(f->ctx, FV_EFORMAT,
                            "storage %zu is cut short or damaged", f->places);
        f->place[f->places++] = (fvi_foreign_place){
            key->text, key->length, f->bytes + at, (int64_t)count};
        at += count * each;
    }
    qsort(f->place, f->places, sizeof *f->place, compare_keys);
    return FV_OK;
}

/* What machine wrote the file: a dict whose "little_endian" must be true. */
static fv_status check_machine(fvi_foreign *f, const fvi_pickle *p)
{
    uint32_t top = fvi_pickle_top(p);
    for (uint32_t at = p->value[top].first; at; at = p->cell[at].next) {
        uint32_t key = p->cell[at].value;
        at = p->cell[at].next;
        uint32_t value = at ? p->cell[at].value : 0;
        if (fvi_pickle_says(p, key, "little_endian") &&
            fvi_pickle_is(p, value, FVI_PICKLE_INT) && p->value[value].number)
            return FV_OK;
        if (!at)
            break;
    }
    return fvi_fail(f->ctx, FV_ENOTSUP, "has big-endian numbers");
}

static fv_status pickle_at(fvi_foreign *f, size_t *at, size_t size,
                           fvi_pickle *out)
{
    size_t left = size - *at;
    FV_TRY(fvi_pickle_read(f->ctx, f->bytes + *at,
                           left < max_pickle ? left : max_pickle, out));
    *at += out->at;
    return FV_OK;
}

static fv_status open_legacy(fvi_foreign *f, size_t size)
{
    size_t at = sizeof magic;
    fvi_pickle machine;
    FV_TRY(pickle_at(f, &at, size, &machine));
    fv_status status = check_machine(f, &machine);
    fvi_pickle_free(&machine);
    FV_TRY(status);
    FV_TRY(pickle_at(f, &at, size, &f->pickle));
    FV_TRY(take_all(f));
    FV_TRY(pickle_at(f, &at, size, &f->keys));
    return find_places(f, at, size);
}

/* ---- both ---- */

fv_status fvi_torch_open(fvi_foreign *f, unsigned char *bytes, size_t size)
{
    f->bytes = bytes;
    if (size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        return open_zip(f, size);
    if (size > sizeof magic && memcmp(bytes, magic, sizeof magic) == 0)
        return open_legacy(f, size);
    return fvi_fail(f->ctx, FV_EFORMAT,
                    "is neither a PyTorch nor a safetensors file");
}

fv_status fvi_torch_storage(fvi_foreign *f, const fvi_foreign_tensor *t,
                            const unsigned char **out)
{
    size_t size = 0;
    if (!f->zip) {
        fvi_foreign_place want = {t->key, t->key_length, NULL, 0};
        fvi_foreign_place *found =
            f->places
                ? bsearch(&want, f->place, f->places, sizeof want, compare_keys)
                : NULL;
        *out = found ? found->data : NULL;
        if (found && found->count == t->count)
            return FV_OK;
        return fvi_fail(f->ctx, FV_EFORMAT,
                        "the storage of tensor '%.80s' is missing or has "
                        "another length",
                        t->name);
    }
    fvi_text name = {.ctx = f->ctx};
    fvi_text_add(&name, "data/%.*s", (int)t->key_length, t->key);
    FV_TRY(fvi_text_check(&name));
    fvi_free(f->ctx, f->entry);
    f->entry = NULL;
    size_t want = (uint64_t)t->count > SIZE_MAX / 2 / t->size
                      ? SIZE_MAX / 2
                      : (size_t)t->count * t->size;
    fv_status status =
        read_entry(f, name.data, name.size, want, &f->entry, &size);
    fvi_text_free(&name);
    FV_TRY(status);
    *out = f->entry;
    if (size / t->size == (uint64_t)t->count && size % t->size == 0)
        return FV_OK;
    return fvi_fail(f->ctx, FV_EFORMAT,
                    "the storage of tensor '%.80s' has %zu bytes, expected "
                    "%lld numbers of %zu",
                    t->name, size, (long long)t->count, t->size);
}
