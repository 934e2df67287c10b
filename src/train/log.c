/* run.json and history.csv: what was asked, and what came of it. */
#include "train/task.h"

#include <string.h>

static json_t *value_of(const fv_field *f, const fv_train_options *o)
{
    const void *at = (const char *)o + f->offset;
    if (f->kind == FV_KIND_INT || f->kind == FV_KIND_FLAG)
        return json_integer(*(const int *)at);
    if (f->kind == FV_KIND_REAL)
        return json_real(*(const double *)at);
    const char *text = *(const char *const *)at;
    return text ? json_string(text) : json_null();
}

fv_status fvi_options_check_text(fv_ctx *ctx, const fv_train_options *o)
{
    for (const fv_field *f = fv_train_fields; f->kind != FV_KIND_END; f++) {
        json_t *value = value_of(f, o);
        const void *text = (const char *)o + f->offset;
        if (!value)
            return fvi_fail(ctx, FV_EINVAL,
                            "%s: '%s' cannot be noted in run.json, expected "
                            "UTF-8",
                            f->name, *(const char *const *)text);
        json_decref(value);
    }
    return FV_OK;
}

json_t *fvi_options_json(const fv_train_options *o)
{
    json_t *all = json_object();
    for (const fv_field *f = fv_train_fields; f->kind != FV_KIND_END; f++)
        if (strcmp(f->name, "resume") != 0)
            json_object_set_new(all, f->name, value_of(f, o));
    return all;
}

char *fvi_json_text(fv_ctx *ctx, const json_t *value)
{
    size_t size = json_dumpb(value, NULL, 0, JSON_INDENT(2));
    if (!size) {
        (void)fvi_fail(ctx, FV_ENOMEM, "no memory for a JSON object");
        return NULL;
    }
    char *text = fvi_alloc(ctx, size + 1);
    if (!text)
        return NULL;
    json_dumpb(value, text, size, JSON_INDENT(2));
    text[size] = '\0';
    return text;
}

/* Writes run.json or another file of the run. */
static fv_status write_text(const fvi_run *r, const char *name,
                            const char *text, size_t size)
{
    char *path = fvi_path_join(r->ctx, r->folder, name);
    if (!path)
        return FV_ENOMEM;
    fv_status status = fvi_file_write(r->ctx, path, text, size);
    fvi_free(r->ctx, path);
    return status;
}

fv_status fvi_log_options(const fvi_run *r)
{
    json_t *all = json_pack(
        "{s:s, s:o, s:{s:I, s:I, s:I, s:s}, s:O}", "fovea", FV_VERSION,
        "options", fvi_options_json(&r->o), "network", "parameters",
        (json_int_t)fv_param_count(r->net.graph, 1), "steps_per_epoch",
        (json_int_t)r->steps, "plan_bytes", (json_int_t)fv_plan_memory(r->plan),
        "architecture", r->model->arch->name, "data", r->names);
    char *text = fvi_json_text(r->ctx, all);
    json_decref(all);
    if (!text)
        return FV_ENOMEM;
    fv_status status = write_text(r, "run.json", text, strlen(text));
    fvi_free(r->ctx, text);
    return status;
}

/* Text of the options goes to `*room`, which moves behind it. */
static fv_status set_option(fv_ctx *ctx, const fv_field *f, const json_t *value,
                            fv_train_options *o, char **room)
{
    char number[40];
    const char *text = json_string_value(value);
    if (text && f->kind > FV_KIND_FLAG) {
        size_t size = strlen(text) + 1;
        text = memcpy(*room, text, size);
        *room += size;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "1" : "0";
    } else if (json_is_number(value)) {
        snprintf(number, sizeof number, "%.17g", json_number_value(value));
        text = number;
    }
    if (!text || (text == number && f->kind > FV_KIND_FLAG))
        return fvi_fail(ctx, FV_EFORMAT, "option '%s' is not %s", f->name,
                        f->kind > FV_KIND_FLAG ? "text" : "a number");
    return fv_field_set(ctx, fv_train_fields, o, f->name, text);
}

static fv_status set_options(fv_ctx *ctx, const json_t *root,
                             fv_train_options *o, char *room)
{
    const json_t *options = json_object_get(root, "options");
    options = options ? options : root;
    if (!json_is_object(options))
        return fvi_fail(ctx, FV_EFORMAT, "is not the run.json of a run");
    fv_fields_default(fv_train_fields, o);
    for (const fv_field *f = fv_train_fields; f->kind != FV_KIND_END; f++) {
        const json_t *value = json_object_get(options, f->name);
        if (value && !json_is_null(value) && strcmp(f->name, "resume") != 0)
            FV_TRY(set_option(ctx, f, value, o, &room));
    }
    return FV_OK;
}

/* Decoded, the text of a JSON file is shorter than the file. */
static fv_status parse_options(fv_ctx *ctx, const unsigned char *bytes,
                               size_t size, fv_train_options *o, char **words)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)bytes, size, 0, &error);
    if (!root)
        return fvi_fail(ctx, FV_EFORMAT, "line %d: %s", error.line, error.text);
    char *room = fvi_alloc(ctx, size + 1);
    fv_status status = room ? set_options(ctx, root, o, room) : FV_ENOMEM;
    json_decref(root);
    if (status == FV_OK)
        *words = room;
    else
        fvi_free(ctx, room);
    return status;
}

fv_status fvi_options_read(fv_ctx *ctx, const char *path, fv_train_options *o,
                           char **words)
{
    enum { MOST_BYTES = 1 << 28 };
    unsigned char *bytes;
    size_t size;
    FV_TRY(fvi_file_read(ctx, path, MOST_BYTES, &bytes, &size));
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = parse_options(ctx, bytes, size, o, words);
    fvi_plain_end(plain);
    fvi_free(ctx, bytes);
    return status == FV_OK ? FV_OK : fvi_fail_in(ctx, status, "%s", path);
}

fv_status fvi_log_history(const fvi_run *r)
{
    fvi_text t = {.ctx = r->ctx};
    fvi_plain_numbers plain = fvi_plain_begin();
    fvi_text_add(&t,
                 "epoch,step,seconds,lr,train_loss,val_loss,%s,"
                 "gradient_norm\n",
                 r->task->score);
    for (int64_t i = 0; i < r->state.rows; i++) {
        const fvi_row *x = &r->row[i];
        fvi_text_add(&t, "%.0f,%.0f,%.1f,%.6g,%.9g,%.9g,%.6g,%.6g\n", x->epoch,
                     x->step, x->seconds, x->lr, x->train_loss, x->val_loss,
                     x->val_score, x->norm);
    }
    fvi_plain_end(plain);
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK)
        status = write_text(r, "history.csv", t.data, t.size);
    fvi_text_free(&t);
    return status;
}
