/* Writing a .fovea file (docs/file-format.md). */
#include "model/fovea_file.h"
#include "model/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One JSON object from a table; a member without text is left out, and what
 * other tasks than `task` have (NULL: nothing). */
static void add_object(fvi_text *t, const fv_field *fields, const void *options,
                       const char *task)
{
    const char *comma = "";
    fvi_text_add(t, "{");
    for (const fv_field *f = fields; f->kind != FV_KIND_END; f++) {
        const char *at = (const char *)options + f->offset;
        bool number = f->kind == FV_KIND_INT || f->kind == FV_KIND_REAL ||
                      f->kind == FV_KIND_FLAG;
        if (task && !fvi_task_has(task, f->name))
            continue;
        if (!number && !*(const char *const *)(const void *)at)
            continue;
        fvi_text_add(t, "%s\"%s\":", comma, f->name);
        comma = ",";
        if (number) {
            char value[40];
            fv_field_get(f, options, value, sizeof value);
            fvi_text_add(t, "%s", value);
        } else {
            fvi_add_quoted(t, *(const char *const *)(const void *)at);
        }
    }
    fvi_text_add(t, "}");
}

/* ---- tensors ---- */

/* Weights take the short form; biases, scales and running values are few and
 * stay f32. */
static fvi_st_type type_of(const fv_param *p, fv_weights kind)
{
    if (p->ndim < 2 || kind == FV_WEIGHTS_F32)
        return FVI_ST_F32;
    return kind == FV_WEIGHTS_F16 ? FVI_ST_F16 : FVI_ST_BF16;
}

static fv_status round_params(fv_ctx *ctx, const fv_model *m, fv_weights kind,
                              float *out)
{
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        fv_param p = fv_param_at(m->graph, i);
        fvi_st_type type = type_of(&p, kind);
        for (int64_t k = p.offset; k < p.offset + p.count; k++) {
            float x = m->params[k];
            out[k] = type == FVI_ST_F16    ? fvi_from_f16(fvi_to_f16(x))
                     : type == FVI_ST_BF16 ? fvi_from_bf16(fvi_to_bf16(x))
                                           : x;
            if (!isfinite(out[k]))
                return fvi_fail(ctx, FV_EINVAL,
                                "'%s' holds %g, which cannot "
                                "be stored",
                                p.name, (double)x);
        }
    }
    return FV_OK;
}

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

fv_weights fvi_weights_of(const fv_model *m)
{
    bool bf16 = true, f16 = true;
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        fv_param p = fv_param_at(m->graph, i);
        const float *x = m->params + p.offset;
        for (int64_t k = 0; p.ndim >= 2 && k < p.count; k++) {
            bf16 = bf16 && same_bits(x[k], fvi_from_bf16(fvi_to_bf16(x[k])));
            f16 = f16 && same_bits(x[k], fvi_from_f16(fvi_to_f16(x[k])));
        }
    }
    return f16 ? FV_WEIGHTS_F16 : bf16 ? FV_WEIGHTS_BF16 : FV_WEIGHTS_F32;
}

/* Wide numbers first, so that all of them lie on multiples of their size. */
static size_t list_items(const fv_model *m, fv_weights kind,
                         const float *params, const fv_tensor *check_output,
                         const int64_t *sizes, fvi_st_item *item)
{
    size_t n = 0;
    if (m->size)
        item[n++] = (fvi_st_item){FVI_SIZE, FVI_ST_F32, 1, sizes, m->size};
    if (m->check_input.data) {
        item[n++] =
            (fvi_st_item){"check/input", FVI_ST_F32, m->check_input.ndim,
                          m->check_input.dim, m->check_input.data};
        item[n++] =
            (fvi_st_item){"check/output", FVI_ST_F32, check_output->ndim,
                          check_output->dim, check_output->data};
    }
    for (int wide = 1; wide >= 0; wide--) {
        for (int i = 0; i < fv_param_list_size(m->graph); i++) {
            fv_param p = fv_param_at(m->graph, i);
            fvi_st_type type = type_of(&p, kind);
            if ((type == FVI_ST_F32) == wide)
                item[n++] = (fvi_st_item){p.name, type, p.ndim, NULL,
                                          params + p.offset};
        }
    }
    return n;
}

/* fv_param_at returns by value: the extents need a place that stays. */
static void place_extents(const fv_model *m, fvi_st_item *item, size_t items,
                          int64_t (*dim)[FV_MAX_DIM])
{
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        fv_param p = fv_param_at(m->graph, i);
        memcpy(dim[i], p.dim, sizeof p.dim);
        for (size_t k = 0; k < items; k++)
            if (item[k].name == p.name)
                item[k].dim = dim[i];
    }
}

static fv_status write_tensors(fv_ctx *ctx, const char *path, const fv_model *m,
                               fv_weights kind, const float *params,
                               fv_tensor check_output, const fvi_st_note *note,
                               size_t notes)
{
    size_t most = (size_t)fv_param_list_size(m->graph) + 3;
    const int64_t sizes = m->size_count;
    fvi_st_item *item = fvi_calloc(ctx, most, sizeof *item);
    int64_t(*dim)[FV_MAX_DIM] = fvi_calloc(ctx, most, sizeof *dim);
    fv_status status = FV_ENOMEM;
    if (item && dim) {
        size_t n = list_items(m, kind, params, &check_output, &sizes, item);
        place_extents(m, item, n, dim);
        status = fvi_st_write(ctx, path, note, notes, item, n);
    }
    fvi_free(ctx, item);
    fvi_free(ctx, dim);
    return status;
}

/* ---- the file ---- */

static fv_status check_json(fv_ctx *ctx, const char *what, const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text ? text : "", 0, &error);
    bool good = json_is_object(object);
    json_decref(object);
    if (good)
        return FV_OK;
    return fvi_fail(ctx, FV_EINVAL, "the %s of the model is not a JSON object",
                    what);
}

/* Texts that a model has or not. */
typedef struct texts {
    fvi_text config, input, output, statistics, classes;
} texts;

static fv_status write_texts(fv_ctx *ctx, const char *path, const fv_model *m,
                             fv_weights kind, const float *params,
                             fv_tensor check_output, const texts *t)
{
    fvi_st_note note[9] = {
        {"fovea.format", FVI_FORMAT},     {"fovea.arch", m->arch->name},
        {"fovea.config", t->config.data}, {"fovea.input", t->input.data},
        {"fovea.output", t->output.data}, {"fovea.card", m->card},
        {"fovea.history", m->history},
    };
    size_t n = 7;
    if (t->statistics.data)
        note[n++] = (fvi_st_note){"fovea.statistics", t->statistics.data};
    if (t->classes.data)
        note[n++] = (fvi_st_note){"fovea.classes", t->classes.data};
    return write_tensors(ctx, path, m, kind, params, check_output, note, n);
}

static fv_status write_notes(fv_ctx *ctx, const char *path, const fv_model *m,
                             fv_weights kind, const float *params,
                             fv_tensor check_output)
{
    fvi_settings s = fvi_settings_of(m);
    const fvi_text empty = {.ctx = ctx};
    texts t = {empty, empty, empty, empty, empty};
    fvi_text *all[] = {&t.config, &t.input, &t.output, &t.statistics,
                       &t.classes};
    add_object(&t.config, m->arch->fields, m->config, NULL);
    add_object(&t.input, fvi_input_fields, &s, m->task);
    add_object(&t.output, fvi_output_fields, &s, m->task);
    fv_status status = fvi_statistics_text(ctx, m, &t.statistics);
    if (status == FV_OK)
        status = fvi_classes_text(ctx, m, &t.classes);
    for (int i = 0; i < 3 && status == FV_OK; i++)
        status = fvi_text_check(all[i]);
    if (status == FV_OK)
        status = write_texts(ctx, path, m, kind, params, check_output, &t);
    for (int i = 0; i < 5; i++)
        fvi_text_free(all[i]);
    return status;
}

static fv_status write_rounded(fv_ctx *ctx, const char *path, const fv_model *m,
                               fv_weights kind, float *params)
{
    FV_TRY(round_params(ctx, m, kind, params));
    if (kind == FV_WEIGHTS_F32 || !m->check_input.data)
        return write_notes(ctx, path, m, kind, params, m->check_output);
    fv_tensor answer;
    FV_TRY(fvi_model_answer(ctx, m, params, NULL, m->check_input, &answer));
    fv_status status = write_notes(ctx, path, m, kind, params, answer);
    fv_plane_free(ctx, &answer);
    return status;
}

fv_status fv_model_write(fv_ctx *ctx, const char *path, const fv_model *m,
                         fv_weights kind)
{
    FV_TRY(check_json(ctx, "card", m->card));
    FV_TRY(check_json(ctx, "history", m->history));
    float *params = fvi_calloc(ctx, fvi_model_numbers(m) + 1, sizeof *params);
    if (!params)
        return FV_ENOMEM;
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = write_rounded(ctx, path, m, kind, params);
    fvi_plain_end(plain);
    fvi_free(ctx, params);
    return status;
}
