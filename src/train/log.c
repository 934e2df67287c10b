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

static fv_status apply(fv_ctx *ctx, json_t *options, fv_train_options *o)
{
    for (const fv_field *f = fv_train_fields; f->kind != FV_KIND_END; f++) {
        json_t *v = json_object_get(options, f->name);
        void *at = (char *)o + f->offset;
        if (!v || json_is_null(v))
            continue;
        if (f->kind == FV_KIND_INT || f->kind == FV_KIND_FLAG)
            *(int *)at = (int)json_integer_value(v);
        else if (f->kind == FV_KIND_REAL)
            *(double *)at = json_number_value(v);
        else if (json_is_string(v))
            FV_TRY(fv_field_set(ctx, fv_train_fields, o, f->name,
                                json_string_value(v)));
    }
    return FV_OK;
}

fv_status fvi_options_read(fv_ctx *ctx, const char *path, fv_train_options *o,
                           json_t **words)
{
    unsigned char *bytes;
    size_t size;
    json_error_t error;
    FV_TRY(fvi_file_read(ctx, path, 1 << 28, &bytes, &size));
    json_t *root = json_loadb((const char *)bytes, size, 0, &error);
    fvi_free(ctx, bytes);
    if (!root)
        return fvi_fail(ctx, FV_EFORMAT, "%s: line %d: %s", path, error.line,
                        error.text);
    json_t *options = json_object_get(root, "options");
    if (!json_is_object(options)) {
        json_decref(root);
        return fvi_fail(ctx, FV_EFORMAT, "%s: has no options", path);
    }
    fv_fields_default(fv_train_fields, o);
    fv_status status = apply(ctx, options, o);
    if (status != FV_OK)
        json_decref(root);
    else
        *words = root;
    return status;
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
