/* fovea models: what is built in. */
#include "model/model.h"
#include "tell.h"

#include <sys/stat.h>

static const fv_field options[] = {FV_END};

static void show(const char *name, const char *path, const fv_model *m,
                 const json_t *card)
{
    const char *title = json_string_value(json_object_get(card, "title"));
    const char *summary = json_string_value(json_object_get(card, "summary"));
    const char *license = json_string_value(json_object_get(card, "license"));
    char params[32], bytes[32];
    struct stat st;
    format_count(fv_param_count(m->graph, 1), params, sizeof params);
    format_bytes(stat(path, &st) == 0 ? (double)st.st_size : 0, bytes,
                 sizeof bytes);
    printf("%s\t%s, %s parameters, %s%s%s\n", name, m->arch->name, params,
           bytes, title ? ": " : "", title ? title : "");
    if (summary)
        printf("\t%s\n", summary);
    if (license)
        printf("\tlicense: %s\n", license);
}

static json_t *as_json(const char *name, const char *path, const fv_model *m,
                       json_t *card)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:I, s:O}", "name", json_text(name),
                     "file", json_text(path), "arch", m->arch->name, "target",
                     fv_target_name(m->target), "parameters",
                     (json_int_t)fv_param_count(m->graph, 1), "card", card);
}

static fv_status list_one(cli *c, const char *name, json_t *all)
{
    char *path;
    fv_model *m;
    FV_TRY(fv_model_locate(c->ctx, NULL, name, &path));
    fv_status status = fv_model_read(c->ctx, path, &m);
    if (status == FV_OK) {
        json_t *card = json_loads(m->card, 0, NULL);
        if (all)
            json_array_append_new(all, as_json(name, path, m, card));
        else
            show(name, path, m, card);
        json_decref(card);
        fv_model_free(c->ctx, m);
    }
    fv_text_free(c->ctx, path);
    return status;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)args;
    (void)count;
    (void)operands;
    char *folder;
    fvi_names names;
    size_t failed = 0, total;
    if (fvi_model_names(c->ctx, NULL, &folder, &names) != FV_OK)
        return cli_fail(c);
    json_t *all = c->json ? json_array() : NULL;
    for (size_t i = 0; i < names.count; i++) {
        if (list_one(c, names.name[i], all) == FV_OK)
            continue;
        cli_fail_in(c, names.name[i]);
        failed++;
    }
    total = names.count;
    if (!total)
        tell_note(c, "models", "none are built in");
    fvi_names_free(c->ctx, &names);
    fvi_free(c->ctx, folder);
    if (all && tell_json(c, all) != EXIT_DONE)
        return EXIT_FAILED;
    return failed == 0 ? EXIT_DONE : failed < total ? EXIT_SOME : EXIT_FAILED;
}

const fv_cmd cmd_models = {
    .name = "models",
    .summary = "list the built-in models",
    .operands = "",
    .example = "fovea models",
    .options = options,
    .size = 1,
    .run = run,
};
