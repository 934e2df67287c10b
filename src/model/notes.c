/* Lists in a .fovea file: statistics of the training set, names of classes. */
#include "model/fovea_file.h"

#include <math.h>
#include <string.h>

void fvi_add_quoted(fvi_text *t, const char *text)
{
    fvi_text_add(t, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fvi_text_add(t, "\\%c", *text);
        else if ((unsigned char)*text < 32)
            fvi_text_add(t, "\\u%04x", (unsigned)*text);
        else
            fvi_text_add(t, "%c", *text);
    }
    fvi_text_add(t, "\"");
}

/* ---- statistics ---- */

static bool by_statistics(const fv_model *m)
{
    return strcmp(m->normalize, "mean_std") == 0;
}

static void add_numbers(fvi_text *t, const char *name, const double *x, int n)
{
    fvi_text_add(t, "\"%s\":[", name);
    for (int i = 0; i < n; i++)
        fvi_text_add(t, "%s%.17g", i ? "," : "", x[i]);
    fvi_text_add(t, "]");
}

/* "mean", "deviation" by channel of the input; "target_low", "target_high" by
 * channel of the answer. */
fv_status fvi_statistics_text(fv_ctx *ctx, const fv_model *m, fvi_text *out)
{
    int n = by_statistics(m) ? fv_channels(m->graph, m->image) : 0;
    if (n == 0 && m->targets == 0)
        return FV_OK;
    if (n > FV_MAX_CHANNELS)
        return fvi_fail(ctx, FV_EINVAL,
                        "mean and deviation of %d channels, at most %d fit", n,
                        FV_MAX_CHANNELS);
    const struct {
        const char *name;
        const double *x;
        int n;
    } list[] = {{"mean", m->mean, n},
                {"deviation", m->deviation, n},
                {"target_low", m->target_low, m->targets},
                {"target_high", m->target_high, m->targets}};
    for (int i = 0; i < 4; i++) {
        if (list[i].n == 0)
            continue;
        fvi_text_add(out, out->size ? "," : "{");
        add_numbers(out, list[i].name, list[i].x, list[i].n);
    }
    fvi_text_add(out, "}");
    return fvi_text_check(out);
}

static bool read_numbers(const json_t *list, int n, double *out)
{
    if (!json_is_array(list) || json_array_size(list) != (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        out[i] = json_number_value(v);
        if (!json_is_number(v) || !isfinite(out[i]))
            return false;
    }
    return true;
}

static fv_status read_targets(fv_ctx *ctx, const json_t *all, fv_model *m)
{
    const json_t *low = json_object_get(all, "target_low");
    const json_t *high = json_object_get(all, "target_high");
    int n = (int)json_array_size(low);
    int maps = fv_channels(m->graph, m->answer) / (m->uncertainty ? 2 : 1);
    if (!low && !high)
        return FV_OK;
    if (n != maps || n > FV_MAX_CHANNELS ||
        !read_numbers(low, n, m->target_low) ||
        !read_numbers(high, n, m->target_high))
        return fvi_fail(ctx, FV_EFORMAT,
                        "'fovea.statistics' lacks target_low and target_high "
                        "of %d channels",
                        maps);
    m->targets = n;
    return FV_OK;
}

fv_status fvi_statistics_read(fv_ctx *ctx, const char *text, fv_model *m)
{
    int n = by_statistics(m) ? fv_channels(m->graph, m->image) : 0;
    json_t *all = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool good =
        n == 0 ||
        (n <= FV_MAX_CHANNELS &&
         read_numbers(json_object_get(all, "mean"), n, m->mean) &&
         read_numbers(json_object_get(all, "deviation"), n, m->deviation));
    fv_status status =
        good ? read_targets(ctx, all, m)
             : fvi_fail(ctx, FV_EFORMAT,
                        "'fovea.statistics' lacks mean and deviation of %d "
                        "channels",
                        n);
    json_decref(all);
    return status;
}

/* ---- classes ---- */

fv_status fvi_classes_text(fv_ctx *ctx, const fv_model *m, fvi_text *out)
{
    (void)ctx;
    if (!m->classes)
        return FV_OK;
    for (int i = 0; i < m->classes; i++) {
        fvi_text_add(out, i ? "," : "[");
        fvi_add_quoted(out, m->class_names[i]);
    }
    fvi_text_add(out, "]");
    return fvi_text_check(out);
}

static fv_status take_names(fv_ctx *ctx, const json_t *list, fv_model *m)
{
    size_t n = json_array_size(list);
    const char **name = fvi_calloc(ctx, n + 1, sizeof *name);
    if (!name)
        return FV_ENOMEM;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        name[i] = json_string_value(json_array_get(list, i));
        good = good && name[i];
    }
    fv_status status =
        good ? fv_model_set_classes(ctx, m, name, (int)n)
             : fvi_fail(ctx, FV_EFORMAT, "'fovea.classes' is not all text");
    fvi_free(ctx, name);
    return status;
}

fv_status fvi_classes_read(fv_ctx *ctx, const char *text, fv_model *m)
{
    int channels = fv_channels(m->graph, m->answer);
    bool wanted = strcmp(m->task, "classify") == 0;
    if (!text && !wanted)
        return FV_OK;
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    fv_status status = FV_OK;
    if (json_array_size(list) != (size_t)channels)
        status = fvi_fail(ctx, FV_EFORMAT,
                          "'fovea.classes' has %zu names, the network answers "
                          "with %d",
                          json_array_size(list), channels);
    else
        status = take_names(ctx, list, m);
    json_decref(list);
    return status;
}
