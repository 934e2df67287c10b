/* The network of a run: new, or that of the model it starts from. */
#include "model/model.h"
#include "train/task.h"

#include <string.h>

/* Applies "base=24,depth=3" to a config; `words` is cut up in place and must
 * live as long as the config. */
static fv_status configure(fv_ctx *ctx, const fv_arch *arch, char *words,
                           void *config)
{
    for (char *at = words, *next; at && *at; at = next) {
        next = strchr(at, ',');
        if (next)
            *next++ = '\0';
        char *equals = strchr(at, '=');
        if (!equals)
            return fvi_fail(
                ctx, FV_EINVAL,
                "config: '%s' is not a setting, expected name=value", at);
        *equals = '\0';
        fv_status status =
            fv_field_set(ctx, arch->fields, config, at, equals + 1);
        if (status != FV_OK)
            return fvi_fail_in(ctx, status, "config of %s", arch->name);
    }
    return FV_OK;
}

static fv_status set_number(fv_ctx *ctx, const fv_arch *arch, void *config,
                            const char *name, int value)
{
    const fv_field *f = fv_field_find(arch->fields, name);
    if (!f || f->kind != FV_KIND_INT)
        return fvi_fail(ctx, FV_EINVAL, "%s has no channels to choose",
                        arch->name);
    *(int *)(void *)((char *)config + f->offset) = value;
    return FV_OK;
}

/* What the task wants of an architecture that knows it; cut up in place. */
static fv_status suggest(fv_ctx *ctx, const fv_arch *arch, char *words,
                         void *config)
{
    for (char *at = words, *next; at && *at; at = next) {
        next = strchr(at, ',');
        if (next)
            *next++ = '\0';
        char *equals = strchr(at, '=');
        *equals = '\0';
        if (fv_field_find(arch->fields, at))
            FV_TRY(fv_field_set(ctx, arch->fields, config, at, equals + 1));
    }
    return FV_OK;
}

static fv_status suggest_settings(fvi_run *r, const fv_arch *arch, void *config)
{
    char words[160];
    if (!r->task->settings)
        return FV_OK;
    r->task->settings(r, words);
    return suggest(r->ctx, arch, words, config);
}

/* Refused before any of it is taken. */
static fv_status check_room(fvi_run *r, const fv_arch *arch, const fv_graph *g)
{
    char what[96];
    snprintf(what, sizeof what, "training %s with %lld parameters", arch->name,
             (long long)fv_param_count(g, 1));
    double mean = r->o.average > 0 ? 4.0 * (double)fv_param_count(g, 0) : 0;
    return fvi_room(r->ctx, fv_train_bytes(g) + mean, what);
}

static fv_status check_config(fvi_run *r, const fv_arch *arch,
                              const void *config)
{
    fv_graph *g;
    fv_val image, answer;
    FV_TRY(fv_arch_build(r->ctx, arch, config, &g, &image, &answer));
    fv_status status = check_room(r, arch, g);
    fv_graph_free(g);
    return status;
}

/* Settings: those of r->init or else of the task, then --config. */
static fv_status settle(fvi_run *r, const fv_arch *arch, int maps, char *words,
                        void *config)
{
    if (r->init)
        memcpy(config, r->init->config, arch->size);
    else
        FV_TRY(suggest_settings(r, arch, config));
    FV_TRY(configure(r->ctx, arch, words, config));
    FV_TRY(set_number(r->ctx, arch, config, "in", r->o.channels));
    FV_TRY(set_number(r->ctx, arch, config, "out", maps));
    FV_TRY(check_config(r, arch, config));
    return fv_model_new(r->ctx, arch, config, (uint64_t)r->o.seed, &r->model);
}

static fv_status configured_model(fvi_run *r, const fv_arch *arch, int maps)
{
    void *config;
    char *words = fvi_strdup(r->ctx, r->o.config ? r->o.config : "");
    if (!words)
        return FV_ENOMEM;
    fv_status status = fv_config_new(r->ctx, arch, &config);
    if (status == FV_OK) {
        status = settle(r, arch, maps, words, config);
        if (status != FV_OK)
            fv_config_free(r->ctx, config);
    }
    fvi_free(r->ctx, words);
    return status;
}

static fv_status new_model(fvi_run *r)
{
    const fv_arch *arch;
    int maps;
    bool same;
    if (!r->o.arch)
        r->o.arch = r->task->arch;
    FV_TRY(fv_arch_find(r->ctx, r->o.arch, &arch));
    FV_TRY(r->task->aim(r, NULL, &maps, &same));
    if (arch->rank != 2)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s does not work on images, expected one like unet",
                        arch->name);
    return configured_model(r, arch, maps);
}

/* The network of r->init for another aim or with other settings. */
static fv_status changed_model(fvi_run *r, int maps)
{
    const fv_model *old = r->init;
    FV_TRY(configured_model(r, old->arch, maps));
    memcpy(r->model->mean, old->mean, sizeof old->mean);
    memcpy(r->model->deviation, old->deviation, sizeof old->deviation);
    if (fvi_inherit(old, r->model, (uint64_t)r->o.seed) == 0 && r->o.config)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "config: with '%s' no layer of %s fits, expected "
                        "settings that leave some as they are",
                        r->o.config, r->o.init);
    return FV_OK;
}

/* A model to start from brings its task, architecture and channels. */
static fv_status check_asked(fvi_run *r)
{
    const fv_model *m = r->init;
    int channels = fv_channels(m->graph, m->image);
    if (strcmp(m->task, r->task->name) != 0)
        return fvi_fail(r->ctx, FV_EINVAL, "%s: is for '%s', expected %s",
                        r->o.init, m->task, r->task->name);
    if (r->o.arch && strcmp(m->arch->name, r->o.arch) != 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s: is a %s, expected %s as in arch", r->o.init,
                        m->arch->name, r->o.arch);
    if (r->o.channels && r->o.channels != channels)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s: takes %d channels, expected %d as in channels",
                        r->o.init, channels, r->o.channels);
    return FV_OK;
}

fv_status fvi_read_init(fvi_run *r)
{
    FV_TRY(fvi_model_open(r->ctx, r->o.init, &r->init));
    FV_TRY(check_asked(r));
    const fv_model *m = r->init;
    r->o.arch = m->arch->name;
    r->o.channels = fv_channels(m->graph, m->image);
    r->o.percentile_low = m->percentile[0];
    r->o.percentile_high = m->percentile[1];
    r->o.normalize = r->init->normalize;
    return FV_OK;
}

static fv_status old_model(fvi_run *r)
{
    int maps;
    bool same = true;
    FV_TRY(r->task->aim(r, r->init, &maps, &same));
    if (!same || r->o.config)
        return changed_model(r, maps);
    r->model = r->init;
    r->init = NULL;
    return FV_OK;
}

fv_status fvi_make_model(fvi_run *r)
{
    FV_TRY(r->init ? old_model(r) : new_model(r));
    fv_model *m = r->model;
    if (r->o.normalize != m->normalize)
        snprintf(m->normalize, sizeof m->normalize, "%s", r->o.normalize);
    snprintf(m->task, sizeof m->task, "%s", r->task->name);
    m->percentile[0] = r->o.percentile_low;
    m->percentile[1] = r->o.percentile_high;
    FV_TRY(fv_model_set_size(r->ctx, m, NULL, 0)); /* the style will change */
    return r->task->mark ? r->task->mark(r) : FV_OK;
}
