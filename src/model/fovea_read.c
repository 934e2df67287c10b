/* Reading a .fovea file: a safetensors file whose metadata says how to build
 * and use the network (docs/file-format.md). */
#include "model/fovea_file.h"

#include <stdlib.h>
#include <string.h>

/* A JSON object filed under `key`; the caller frees it. `*out` NULL and
 * FV_OK when an optional one is absent. */
static fv_status object_at(const fvi_st *st, const char *key, bool optional,
                           json_t **out)
{
    const char *text = fvi_st_text(st, key);
    *out = NULL;
    if (!text && optional)
        return FV_OK;
    if (!text)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "has no '%s', so it is not a "
                        "fovea model",
                        key);
    json_error_t error;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*out))
        return FV_OK;
    json_decref(*out);
    *out = NULL;
    return fvi_fail(st->ctx, FV_EFORMAT, "'%s' is not a JSON object", key);
}

static fv_status set_member(fv_ctx *ctx, const fv_field *fields, void *options,
                            const char *name, const json_t *value)
{
    char number[40];
    const char *text = json_string_value(value);
    if (json_is_boolean(value))
        text = json_is_true(value) ? "1" : "0";
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld",
                 (long long)json_integer_value(value));
        text = number;
    }
    if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
        text = number;
    }
    if (!text)
        return fvi_fail(ctx, FV_EFORMAT, "'%s' is neither number nor text",
                        name);
    if (text == number && fv_field_find(fields, name) &&
        fv_field_find(fields, name)->kind > FV_KIND_FLAG)
        return fvi_fail(ctx, FV_EFORMAT, "'%s' is a number, expected text",
                        name); /* text is borrowed, `number` ends here */
    return fv_field_set(ctx, fields, options, name, text);
}

static fv_status set_members(fv_ctx *ctx, const fv_field *fields, void *options,
                             json_t *object, const char *where)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        fv_status status = set_member(ctx, fields, options, name, value);
        if (status == FV_EINVAL) /* the file's fault, not the caller's */
            status = FV_EFORMAT;
        if (status != FV_OK)
            return fvi_fail_in(ctx, status, "%s", where);
    }
    return FV_OK;
}

static fv_status check_format(const fvi_st *st)
{
    const char *format = fvi_st_text(st, "fovea.format");
    if (!format)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "has no 'fovea.format', so it is "
                        "not a fovea model");
    if (strcmp(format, FVI_FORMAT) != 0)
        return fvi_fail(st->ctx, FV_ENOTSUP,
                        "has format %.20s, this fovea reads format %s", format,
                        FVI_FORMAT);
    return FV_OK;
}

static fv_status find_arch(const fvi_st *st, const fv_arch **arch)
{
    const char *name = fvi_st_text(st, "fovea.arch");
    if (!name)
        return fvi_fail(st->ctx, FV_EFORMAT, "has no 'fovea.arch'");
    fv_status status = fv_arch_find(st->ctx, name, arch);
    return status == FV_EINVAL ? FV_EFORMAT : status;
}

/* The network the metadata describes, still without numbers. */
static fv_status read_network(const fvi_st *st, fv_model **out)
{
    const fv_arch *arch;
    json_t *object;
    void *config;
    FV_TRY(check_format(st));
    FV_TRY(find_arch(st, &arch));
    FV_TRY(object_at(st, "fovea.config", false, &object));
    fv_status status = fv_config_new(st->ctx, arch, &config);
    if (status == FV_OK) {
        status =
            set_members(st->ctx, arch->fields, config, object, "fovea.config");
        if (status == FV_OK)
            status = fvi_model_shell(st->ctx, arch, config, out);
        if (status != FV_OK)
            fv_config_free(st->ctx, config);
    }
    json_decref(object);
    return status == FV_EINVAL || status == FV_ESHAPE ? FV_EFORMAT : status;
}

/* ---- numbers ---- */

static fv_status check_shape(const fvi_st *st, const fv_param *p,
                             const fvi_st_tensor *t)
{
    if (!t)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "has no tensor '%s', which the "
                        "network wants",
                        p->name);
    bool same = t->ndim == p->ndim;
    for (int i = 0; same && i < t->ndim; i++)
        same = t->dim[i] == p->dim[i];
    if (same)
        return FV_OK;
    char have[80], want[80];
    fv_describe(fv_dense(NULL, FV_F32, t->ndim, t->dim), have, sizeof have);
    fv_describe(fv_dense(NULL, FV_F32, p->ndim, p->dim), want, sizeof want);
    return fvi_fail(st->ctx, FV_EFORMAT,
                    "tensor '%s' is %s, the network wants "
                    "%s",
                    p->name, have, want);
}

static bool is_extra(const char *name)
{
    return strcmp(name, "check/input") == 0 ||
           strcmp(name, "check/output") == 0 || strcmp(name, FVI_SIZE) == 0;
}

static int by_name(const void *a, const void *b)
{
    const fvi_st_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int name_to_tensor(const void *key, const void *b)
{
    const fvi_st_tensor *const *y = b;
    return strcmp(key, (*y)->name);
}

/* Pointers to the tensors of the file by name; the caller frees them. */
static fv_status sort_tensors(const fvi_st *st, const fvi_st_tensor ***out)
{
    const fvi_st_tensor **sorted =
        fvi_calloc(st->ctx, st->count + 1, sizeof *sorted);
    if (!sorted)
        return FV_ENOMEM;
    for (size_t i = 0; i < st->count; i++)
        sorted[i] = &st->tensor[i];
    if (st->count)
        qsort(sorted, st->count, sizeof *sorted, by_name);
    *out = sorted;
    return FV_OK;
}

static const fvi_st_tensor *find_sorted(const fvi_st *st,
                                        const fvi_st_tensor *const *sorted,
                                        const char *name)
{
    const fvi_st_tensor *const *hit =
        st->count
            ? bsearch(name, sorted, st->count, sizeof *sorted, name_to_tensor)
            : NULL;
    return hit ? *hit : NULL;
}

static fv_status fit_tensors(const fvi_st *st, const fv_graph *g,
                             const fvi_st_tensor *const *sorted)
{
    size_t extra = 0, wanted = (size_t)fv_param_list_size(g);
    for (int i = 0; i < (int)wanted; i++) {
        fv_param p = fv_param_at(g, i);
        FV_TRY(check_shape(st, &p, find_sorted(st, sorted, p.name)));
    }
    for (size_t i = 0; i < st->count; i++)
        extra += is_extra(st->tensor[i].name);
    if (st->count - extra == wanted)
        return FV_OK;
    for (size_t i = 0; i < st->count; i++) {
        const char *name = st->tensor[i].name;
        bool known = is_extra(name);
        for (int k = 0; !known && k < (int)wanted; k++)
            known = strcmp(fv_param_at(g, k).name, name) == 0;
        if (!known)
            return fvi_fail(st->ctx, FV_EFORMAT,
                            "tensor '%s' is not part of the network", name);
    }
    return FV_OK;
}

/* The file is held against the architecture before memory is taken. */
static fv_status read_params(const fvi_st *st, fv_model *m)
{
    const fvi_st_tensor **sorted;
    FV_TRY(sort_tensors(st, &sorted));
    fv_status status = fit_tensors(st, m->graph, sorted);
    if (status == FV_OK) {
        m->params =
            fvi_calloc(st->ctx, fvi_model_numbers(m) + 1, sizeof *m->params);
        if (!m->params)
            status = FV_ENOMEM;
    }
    int count = fv_param_list_size(m->graph);
    for (int i = 0; i < count && status == FV_OK; i++) {
        fv_param p = fv_param_at(m->graph, i);
        status = fvi_st_numbers(st, find_sorted(st, sorted, p.name),
                                m->params + p.offset);
    }
    fvi_free(st->ctx, sorted);
    return status;
}

static fv_status read_tensor(const fvi_st *st, const fvi_st_tensor *t,
                             fv_tensor *out)
{
    fv_tensor made;
    FV_TRY(fvi_tensor_new(st->ctx, FV_F32, t->ndim, t->dim, &made));
    fv_status status = fvi_st_numbers(st, t, made.data);
    if (status != FV_OK)
        fv_plane_free(st->ctx, &made);
    else
        *out = made;
    return status;
}

static fv_status read_checks(const fvi_st *st, fv_model *m)
{
    const fvi_st_tensor *in = fvi_st_find(st, "check/input");
    const fvi_st_tensor *out = fvi_st_find(st, "check/output");
    if (!in && !out)
        return FV_OK;
    if (!in || !out)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "has only one of check/input and check/output");
    fv_tensor want = fv_shape(m->graph, m->image);
    bool fits = in->ndim == want.ndim;
    for (int i = 0; fits && i < in->ndim; i++)
        fits = in->dim[i] > 0 && (want.dim[i] < 0 || in->dim[i] == want.dim[i]);
    if (!fits)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "check/input does not fit the network");
    FV_TRY(read_tensor(st, in, &m->check_input));
    return read_tensor(st, out, &m->check_output);
}

/* Anything else would be read beyond its end. */
static fv_status read_size(const fvi_st *st, fv_model *m)
{
    const fvi_st_tensor *t = fvi_st_find(st, FVI_SIZE);
    int want = 0;
    fv_tensor size;
    if (!t)
        return FV_OK;
    FV_TRY(fvi_size_numbers(st->ctx, m, &want));
    if (t->ndim != 1 || t->dim[0] != want)
        return fvi_fail(st->ctx, FV_EFORMAT,
                        "tensor '%s' has %lld numbers, the network wants %d",
                        t->name, t->ndim == 1 ? (long long)t->dim[0] : -1LL,
                        want);
    FV_TRY(read_tensor(st, t, &size));
    fv_status status = fv_model_set_size(st->ctx, m, size.data, want);
    fv_plane_free(st->ctx, &size);
    return status;
}

/* ---- settings ---- */

static fv_status read_settings(const fvi_st *st, fv_model *m)
{
    fvi_settings s = fvi_settings_of(m);
    json_t *input, *output;
    FV_TRY(object_at(st, "fovea.input", false, &input));
    fv_status status = object_at(st, "fovea.output", false, &output);
    if (status == FV_OK)
        status =
            set_members(st->ctx, fvi_input_fields, &s, input, "fovea.input");
    if (status == FV_OK)
        status =
            set_members(st->ctx, fvi_output_fields, &s, output, "fovea.output");
    if (status == FV_OK)
        status = fvi_settings_apply(st->ctx, &s, m);
    json_decref(input);
    json_decref(output);
    return status;
}

static fv_status read_text(const fvi_st *st, const char *key, char **text)
{
    json_t *object;
    FV_TRY(object_at(st, key, true, &object));
    json_decref(object);
    if (!object)
        return FV_OK;
    char *copy = fvi_strdup(st->ctx, fvi_st_text(st, key));
    if (!copy)
        return FV_ENOMEM;
    fvi_free(st->ctx, *text);
    *text = copy;
    return FV_OK;
}

static fv_status read_all(const fvi_st *st, fv_model **out)
{
    fv_model *m = NULL;
    FV_TRY(read_network(st, &m));
    fv_status status = read_params(st, m);
    if (status == FV_OK)
        status = read_settings(st, m);
    if (status == FV_OK)
        status = fvi_statistics_read(st->ctx,
                                     fvi_st_text(st, "fovea.statistics"), m);
    if (status == FV_OK)
        status = fvi_classes_read(st->ctx, fvi_st_text(st, "fovea.classes"), m);
    if (status == FV_OK)
        status = read_text(st, "fovea.card", &m->card);
    if (status == FV_OK)
        status = read_text(st, "fovea.history", &m->history);
    if (status == FV_OK)
        status = read_checks(st, m);
    if (status == FV_OK)
        status = read_size(st, m);
    if (status != FV_OK) {
        fv_model_free(st->ctx, m);
        return status;
    }
    *out = m;
    return FV_OK;
}

fv_status fv_model_read(fv_ctx *ctx, const char *path, fv_model **out)
{
    fvi_st st;
    FV_TRY(fvi_st_read(ctx, path, &st));
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = read_all(&st, out);
    fvi_plain_end(plain);
    fvi_st_free(&st);
    return status == FV_OK ? FV_OK : fvi_fail_in(ctx, status, "%s", path);
}
