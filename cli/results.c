/* The files a verb writes for each image. */
#include "results.h"
#include "output.h"

#include <string.h>
#include <unistd.h>

static fv_status unknown(const results *r, const char *name, size_t n)
{
    char known[160] = "";
    for (int i = 0; i < r->kinds; i++) {
        size_t at = strlen(known);
        snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                 r->kind[i].name);
    }
    return fvi_fail(r->c->ctx, FV_EINVAL, "--save: '%.*s' is not one of %s",
                    (int)n, name, known);
}

fv_status results_choose(results *r, const char *list)
{
    r->chosen = 0;
    while (*list) {
        size_t n = strcspn(list, ",");
        unsigned found = 0;
        for (int i = 0; i < r->kinds; i++)
            if (strlen(r->kind[i].name) == n &&
                strncmp(r->kind[i].name, list, n) == 0)
                found = 1u << i;
        if (!found)
            return unknown(r, list, n);
        r->chosen |= found;
        list += n + (list[n] == ',');
    }
    return FV_OK;
}

char *results_path(const results *r, const char *stem, int kind)
{
    fvi_text t = {.ctx = r->c->ctx};
    size_t n = strlen(r->folder);
    fvi_text_add(&t, "%s%s%s%s", r->folder,
                 n && r->folder[n - 1] == '/' ? "" : "/", stem,
                 r->kind[kind].ending);
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

fv_status results_refuse(const results *r, const inputs *in, size_t index,
                         const char *stem)
{
    FV_TRY(refuse_same_stem(r->c, in, index));
    for (int i = 0; i < r->kinds; i++) {
        if (!(r->chosen & 1u << i))
            continue;
        char *path = results_path(r, stem, i);
        fv_status status = path ? refuse_existing(r->c, path) : FV_ENOMEM;
        fvi_free(r->c->ctx, path);
        FV_TRY(status);
    }
    return FV_OK;
}

fv_status results_save(const results *r, const char *stem, save_fn save,
                       void *job)
{
    fv_status status = FV_OK;
    unsigned written = 0;
    for (int i = 0; i < r->kinds && status == FV_OK; i++) {
        if (!(r->chosen & 1u << i))
            continue;
        char *path = results_path(r, stem, i);
        status = path ? save(job, i, path) : FV_ENOMEM;
        written |= status == FV_OK ? 1u << i : 0;
        fvi_free(r->c->ctx, path);
    }
    for (int i = 0; i < r->kinds && status != FV_OK; i++) {
        char *path = written & 1u << i ? results_path(r, stem, i) : NULL;
        if (path)
            unlink(path);
        fvi_free(r->c->ctx, path);
    }
    return status;
}

/* False when memory was refused. */
static bool add_outputs(const results *r, const char *stem, json_t *row)
{
    json_t *files = json_object();
    bool good = files != NULL;
    for (int i = 0; i < r->kinds && good; i++) {
        if (!(r->chosen & 1u << i))
            continue;
        char *file = results_path(r, stem, i);
        good = file && json_object_set_new(files, r->kind[i].name,
                                           json_text(file)) == 0;
        fvi_free(r->c->ctx, file);
    }
    if (!good)
        json_decref(files);
    return good && json_object_set_new(row, "outputs", files) == 0;
}

fv_status results_tell(const results *r, const char *stem, json_t *row,
                       json_t *rows)
{
    if (row && add_outputs(r, stem, row) && json_array_append(rows, row) == 0) {
        json_decref(row);
        return FV_OK;
    }
    json_decref(row);
    return fvi_fail(r->c->ctx, FV_ENOMEM, "out of memory for the answer");
}

/* ---- every input ---- */

static fv_status with_stem(cli *c, const inputs *in, size_t index,
                           input_fn work, void *job)
{
    char *stem = fvi_path_stem(c->ctx, in->path[index]);
    if (!stem)
        return FV_ENOMEM;
    fv_status status = work(job, index, stem);
    fvi_free(c->ctx, stem);
    return status;
}

/* `failed` NULL without --json. */
static void add_failure(json_t *failed, const char *path, const char *why)
{
    if (failed)
        json_array_append_new(failed,
                              json_pack("{s:o, s:o}", "file", json_text(path),
                                        "error", json_text(why)));
}

int inputs_each(cli *c, const inputs *in, json_t *failed, input_fn work,
                void *job)
{
    size_t bad = in->failed, total = bad + in->count;
    for (size_t i = 0; i < in->failed; i++)
        add_failure(failed, in->lost[i].operand, in->lost[i].why);
    for (size_t i = 0; i < in->count; i++) {
        tell_progress(c, (double)i, (double)in->count, in->path[i]);
        fv_status status = with_stem(c, in, i, work, job);
        if (status == FV_OK)
            continue;
        tell_progress(c, 1, 1, "");
        cli_fail_in(c, in->path[i]);
        add_failure(failed, in->path[i], fv_message(c->ctx));
        bad++;
        if (status == FV_ECANCEL) {
            bad += in->count - i - 1;
            break;
        }
    }
    tell_progress(c, 1, 1, "");
    return exit_code(bad, total);
}
