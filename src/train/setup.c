/* Beginning and ending a training run. */
#include "train/run.h"

#include <string.h>
#include <time.h>

double fvi_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the network ---- */

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

static fv_status configured_model(fvi_run *r, const fv_arch *arch,
                                  fv_target target, char *words, void *config)
{
    FV_TRY(configure(r->ctx, arch, words, config));
    FV_TRY(set_number(r->ctx, arch, config, "in", r->o.channels));
    FV_TRY(set_number(r->ctx, arch, config, "out", fv_target_maps(target)));
    return fv_model_new(r->ctx, arch, config, (uint64_t)r->o.seed, &r->model);
}

static fv_status new_model(fvi_run *r)
{
    const fv_arch *arch;
    fv_target target;
    void *config;
    if (!r->o.target)
        r->o.target = fv_target_name(FV_TARGET_BOUNDARY);
    FV_TRY(fv_arch_find(r->ctx, r->o.arch, &arch));
    FV_TRY(fv_target_find(r->ctx, r->o.target, &target));
    if (arch->rank != 2)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "%s does not work on images, expected one like unet",
                        arch->name);
    char *words = fvi_strdup(r->ctx, r->o.config ? r->o.config : "");
    if (!words)
        return FV_ENOMEM;
    fv_status status = fv_config_new(r->ctx, arch, &config);
    if (status == FV_OK) {
        status = configured_model(r, arch, target, words, config);
        if (status != FV_OK)
            fv_config_free(r->ctx, config);
        else
            r->model->target = target;
    }
    fvi_free(r->ctx, words);
    return status;
}

/* Every parameter of `from` that `to` has too, by name and extents. */
static void take_over(const fv_model *from, fv_model *to)
{
    for (int i = 0; i < fv_param_list_size(to->graph); i++) {
        fv_param p = fv_param_at(to->graph, i);
        for (int k = 0; k < fv_param_list_size(from->graph); k++) {
            fv_param q = fv_param_at(from->graph, k);
            if (strcmp(p.name, q.name) == 0 && p.ndim == q.ndim &&
                memcmp(p.dim, q.dim, sizeof p.dim) == 0)
                memcpy(to->params + p.offset, from->params + q.offset,
                       (size_t)p.count * sizeof(float));
        }
    }
}

/* The network of `old` with a new last layer, for another target. */
static fv_status new_head(fvi_run *r, const fv_model *old, fv_target target)
{
    void *config;
    FV_TRY(fv_config_new(r->ctx, old->arch, &config));
    memcpy(config, old->config, old->arch->size);
    fv_status status =
        set_number(r->ctx, old->arch, config, "out", fv_target_maps(target));
    if (status == FV_OK)
        status = fv_model_new(r->ctx, old->arch, config, (uint64_t)r->o.seed,
                              &r->model);
    if (status != FV_OK) {
        fv_config_free(r->ctx, config);
        return status;
    }
    r->model->target = target;
    r->model->percentile[0] = old->percentile[0];
    r->model->percentile[1] = old->percentile[1];
    take_over(old, r->model);
    return FV_OK;
}

static fv_status old_model(fvi_run *r)
{
    fv_model *m;
    fv_target target;
    FV_TRY(fv_model_read(r->ctx, r->o.init, &m));
    fv_status status = FV_OK;
    if (strcmp(m->task, "segment") != 0)
        status =
            fvi_fail(r->ctx, FV_EINVAL, "%s: is for '%s', expected segment",
                     r->o.init, m->task);
    if (status == FV_OK && r->o.target)
        status = fv_target_find(r->ctx, r->o.target, &target);
    if (status == FV_OK && r->o.target && target != m->target) {
        status = new_head(r, m, target);
        fv_model_free(r->ctx, m);
    } else {
        r->model = m;
    }
    FV_TRY(status);
    m = r->model;
    r->o.arch = m->arch->name;
    r->o.target = fv_target_name(m->target);
    r->o.channels = fv_channels(m->graph, m->image);
    r->o.percentile_low = m->percentile[0];
    r->o.percentile_high = m->percentile[1];
    return FV_OK;
}

/* ---- vectors and plan ---- */

static int64_t round_up(int64_t n, int64_t step)
{
    return step > 1 ? (n + step - 1) / step * step : n;
}

static fv_status make_vectors(fvi_run *r)
{
    size_t n = (size_t)r->count + 1;
    float **vector[] = {&r->w, &r->g, &r->m1, &r->m2, &r->best, &r->buffers};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        *vector[i] = fvi_calloc(r->ctx, n, sizeof(float));
        if (!*vector[i])
            return FV_ENOMEM;
    }
    memcpy(r->w, r->model->params, (n - 1) * sizeof(float));
    memcpy(r->best, r->model->params, (n - 1) * sizeof(float));
    return FV_OK;
}

static fv_status make_plan(fvi_run *r)
{
    int truth = fv_target_truth_channels(r->model->target);
    int64_t S = r->o.crop, N = r->o.batch;
    int64_t image[] = {N, S, S, r->o.channels}, target[] = {N, S, S, truth};
    int64_t weight[] = {N, S, S, 1};
    fv_tensor in[3] = {fv_dense(NULL, FV_F32, 4, image),
                       fv_dense(NULL, FV_F32, 4, target),
                       fv_dense(NULL, FV_F32, 4, weight)};
    fv_plan_options how = {
        .mode = FV_TRAIN, .backend = r->o.backend, .seed = (uint64_t)r->o.seed};
    FV_TRY(fv_plan_new(r->ctx, r->net.graph, in, how, r->w, r->g, &r->plan));
    r->in = (fvi_inputs){.image = fv_plan_at(r->plan, r->net.image),
                         .target = fv_plan_at(r->plan, r->net.target),
                         .weight = fv_plan_at(r->plan, r->net.weight)};
    return FV_OK;
}

/* ---- rules ---- */

static fv_status make_rules(fvi_run *r)
{
    enum { FEWEST_STEPS = 25 };
    const fv_train_options *o = &r->o;
    int64_t whole = (r->train_count + o->batch - 1) / o->batch;
    r->steps = o->steps               ? o->steps
               : whole > FEWEST_STEPS ? whole
                                      : FEWEST_STEPS;
    r->optim = fv_optim_default();
    r->optim.momentum = o->momentum;
    r->optim.weight_decay = o->weight_decay;
    r->optim.clip = o->clip;
    r->schedule = (fv_schedule){.warmup = o->warmup,
                                .total = r->steps * o->epochs,
                                .period = r->steps * o->lr_period,
                                .factor = o->lr_factor,
                                .lowest = o->lr_lowest,
                                .patience = o->lr_patience};
    FV_TRY(fv_rule_find(r->ctx, o->optimizer, &r->optim.rule));
    return fv_schedule_find(r->ctx, o->schedule, &r->schedule.kind);
}

static fv_status check_options(fvi_run *r)
{
    const fv_train_options *o = &r->o;
    if (!o->images)
        return fvi_fail(r->ctx, FV_EINVAL, "images: no folder was given");
    if (strcmp(o->task, "segment") != 0)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "task '%s' is unknown, expected "
                        "segment",
                        o->task);
    if (o->percentile_low >= o->percentile_high)
        return fvi_fail(r->ctx, FV_EINVAL, "percentiles %g and %g do not rise",
                        o->percentile_low, o->percentile_high);
    if (o->scale_min > o->scale_max)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "zoom from %g to %g, expected scale_min <= scale_max",
                        o->scale_min, o->scale_max);
    if (o->val_fraction + o->test_fraction >= 1)
        return fvi_fail(r->ctx, FV_EINVAL,
                        "val_fraction and test_fraction leave nothing to "
                        "train on");
    return FV_OK;
}

/* What the files on disk tell a user of the model later. */
static void describe_input(fvi_run *r)
{
    fv_model *m = r->model;
    m->percentile[0] = r->o.percentile_low;
    m->percentile[1] = r->o.percentile_high;
    m->diameter = json_real_value(json_object_get(r->names, "diameter_px"));
    m->pitch_um[0] = m->pitch_um[1] = 0;
    for (int64_t i = 0; i < r->train_count; i++) {
        double p = r->train[i].pitch;
        if (p > 0 && (m->pitch_um[0] <= 0 || p < m->pitch_um[0]))
            m->pitch_um[0] = p;
        if (p > m->pitch_um[1])
            m->pitch_um[1] = p;
    }
}

/* Whoever resumes without naming images wants the run as it was begun. */
static fv_status own_options(fvi_run *r, const fv_train_options *o)
{
    r->o = *o;
    if (!o->resume || o->images)
        return FV_OK;
    char *path = fvi_path_join(r->ctx, r->folder, "run.json");
    if (!path)
        return FV_ENOMEM;
    fv_status status = fvi_options_read(r->ctx, path, &r->o, &r->words);
    fvi_free(r->ctx, path);
    r->o.resume = 1;
    return status;
}

static fv_status make_network(fvi_run *r)
{
    if (r->o.backend && !*r->o.backend)
        r->o.backend = NULL;
    if (!r->model)
        FV_TRY(new_model(r));
    int multiple = r->model->arch->multiple
                       ? r->model->arch->multiple(r->model->config)
                       : 1;
    r->o.crop = (int)round_up(r->o.crop, multiple);
    FV_TRY(fvi_net_build(r->ctx, r->model, r->o.loss, &r->net));
    r->count = fv_param_count(r->net.graph, 0);
    return FV_OK;
}

fv_status fvi_run_open(fvi_run *r, const fv_train_options *o)
{
    FV_TRY(own_options(r, o));
    FV_TRY(check_options(r));
    fv_set_threads(r->ctx, r->o.threads);
    r->o.threads = fv_threads(r->ctx);
    if (r->o.init)
        FV_TRY(old_model(r));
    FV_TRY(fvi_run_data(r));
    FV_TRY(make_network(r));
    FV_TRY(fvi_run_windows(r));
    describe_input(r);
    FV_TRY(make_rules(r));
    FV_TRY(make_vectors(r));
    FV_TRY(fvi_batch_new(r->ctx, &r->o, r->model->target, r->train,
                         r->train_count, r->o.channels, &r->batch));
    FV_TRY(make_plan(r));
    if (r->o.resume)
        return fvi_checkpoint_read(r);
    FV_TRY(fvi_make_folder(r->ctx, r->folder));
    return fvi_log_options(r);
}

void fvi_run_close(fvi_run *r)
{
    fv_ctx *ctx = r->ctx;
    fv_plan_free(r->plan);
    fvi_batch_free(ctx, &r->batch);
    float *vector[] = {r->w, r->g, r->m1, r->m2, r->best, r->buffers};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        fvi_free(ctx, vector[i]);
    fv_graph_free(r->net.graph);
    fv_model_free(ctx, r->model);
    fv_pairs_free(ctx, r->train, r->train_count);
    fv_pairs_free(ctx, r->val, r->val_count);
    fvi_free(ctx, r->window);
    fvi_free(ctx, r->row);
    json_decref(r->names);
    json_decref(r->words);
}
