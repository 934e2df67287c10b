/* model.fovea: the best weights with everything needed to use them. */
#include "train/task.h"

#include <string.h>

/* Replaces text of the model by `all` (taken over). */
static fv_status set_json(fv_ctx *ctx, char **text, json_t *all)
{
    char *copy = fvi_json_text(ctx, all);
    json_decref(all);
    if (!copy)
        return FV_ENOMEM;
    fvi_free(ctx, *text);
    *text = copy;
    return FV_OK;
}

/* Takes over `scores`. */
static fv_status fill_card(fvi_run *r, json_t *scores)
{
    fvi_text title = {.ctx = r->ctx};
    json_t *data = json_pack("{s:I, s:I, s:I}", "training_images",
                             (json_int_t)r->train_count, "validation_images",
                             (json_int_t)r->val_count, "test_images_not_used",
                             (json_int_t)r->test_count);
    json_object_set(data, "training_sha256",
                    json_object_get(r->names, "training_sha256"));
    fvi_text_add(&title, "%s for %s", r->model->arch->name, r->task->noun);
    if (r->task->describe)
        r->task->describe(r, &title, data);
    fv_status status = fvi_text_check(&title);
    json_t *card =
        json_pack("{s:s, s:o, s:o}", "title", title.data ? title.data : "",
                  "data", data, "scores", scores);
    fvi_text_free(&title);
    if (status == FV_OK)
        return set_json(r->ctx, &r->model->card, card);
    json_decref(card);
    return status;
}

static json_t *scores_of(const fvi_run *r)
{
    const fvi_state *s = &r->state;
    return json_pack("{s:f, s:I, s:I}", "validation_loss", s->best_val, "epoch",
                     (json_int_t)s->best_epoch, "validation_images",
                     (json_int_t)r->val_count);
}

/* "a/b/" -> "b". */
static json_t *last_part(const char *path)
{
    size_t n = strlen(path), from;
    while (n > 0 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/'; from--)
        ;
    return json_stringn(path + from, n - from);
}

/* A model travels: it tells the names of folders, not where they were. */
static json_t *options_to_share(const fv_train_options *o)
{
    json_t *all = fvi_options_json(o);
    for (const fv_field *f = fv_train_fields; f->kind != FV_KIND_END; f++) {
        const char *path = json_string_value(json_object_get(all, f->name));
        if (f->kind == FV_KIND_PATH && path)
            json_object_set_new(all, f->name, last_part(path));
    }
    return all;
}

/* Nothing that another run with the same options would not say. */
static fv_status fill_history(fvi_run *r)
{
    const fvi_state *s = &r->state;
    json_t *all = json_pack("{s:s, s:o, s:I, s:I}", "fovea", FV_VERSION,
                            "options", options_to_share(&r->o), "epochs",
                            (json_int_t)s->epoch, "steps", (json_int_t)s->step);
    return set_json(r->ctx, &r->model->history, all);
}

fv_status fvi_save_best(fvi_run *r, bool last)
{
    fv_model *m = r->model;
    json_t *scores = scores_of(r);
    if (last && r->task->finish) {
        fv_status status = r->task->finish(r, scores);
        if (status != FV_OK) {
            json_decref(scores);
            return status;
        }
    }
    FV_TRY(fill_card(r, scores));
    FV_TRY(fill_history(r));
    FV_TRY(fv_model_make_check(r->ctx, m));
    char *path = fvi_path_join(r->ctx, r->folder, "model.fovea");
    if (!path)
        return FV_ENOMEM;
    fv_status status = fv_model_write(r->ctx, path, m, FV_WEIGHTS_F32);
    fvi_free(r->ctx, path);
    return status;
}
