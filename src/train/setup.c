/* Beginning and ending a training run. */
#include "train/task.h"

#include "base/field.h"

#include <string.h>
#include <time.h>

double fvi_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- vectors and plan ---- */

static int64_t round_up(int64_t n, int64_t step)
{
    return step > 1 ? (n + step - 1) / step * step : n;
}

static bool has_buffers(const fv_graph *g)
{
    return fv_param_count(g, 1) < fv_param_count(g, 0);
}

double fv_train_bytes(const fv_graph *g)
{
    int vectors = has_buffers(g) ? 6 : 5;
    return (double)vectors * sizeof(float) * (double)fv_param_count(g, 0);
}

/* The least common multiple. */
static int common(int a, int b)
{
    int x = a, y = b;
    while (y) {
        int rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static fv_status make_vectors(fvi_run *r)
{
    size_t n = (size_t)r->count + 1;
    bool buffers = has_buffers(r->net.graph), mean = r->o.average > 0;
    float **vector[] = {&r->w,
                        &r->g,
                        &r->m1,
                        &r->m2,
                        buffers ? &r->buffers : NULL,
                        mean ? &r->mean : NULL};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        if (!vector[i])
            continue;
        *vector[i] = fvi_calloc(r->ctx, n, sizeof(float));
        if (!*vector[i])
            return FV_ENOMEM;
    }
    r->best = r->model->params;
    memcpy(r->w, r->best, (n - 1) * sizeof(float));
    if (mean)
        memcpy(r->mean, r->w, (n - 1) * sizeof(float));
    return FV_OK;
}

/* What the graph leaves open is the size of the batch, then the crop. */
static fv_tensor input_shape(const fvi_run *r, fv_val v)
{
    fv_tensor t = fv_shape(r->net.graph, v);
    if (t.ndim < 0)
        return t;
    for (int i = 0; i < t.ndim; i++)
        if (t.dim[i] < 0)
            t.dim[i] = i == 0 ? r->o.batch : r->o.crop;
    return fv_dense(NULL, FV_F32, t.ndim, t.dim);
}

static fv_status make_plan(fvi_run *r)
{
    fv_tensor in[5] = {
        input_shape(r, r->net.image), input_shape(r, r->net.target),
        input_shape(r, r->net.weight), input_shape(r, r->net.extra),
        input_shape(r, r->net.truth)};
    const char *precision = r->o.precision;
    fv_plan_options how = {
        .mode = FV_TRAIN,
        .backend = r->o.backend,
        .seed = (uint64_t)r->o.seed,
        .precision =
            precision && strcmp(precision, "bf16") == 0 ? FV_BF16 : FV_FULL};
    FV_TRY(fv_plan_new(r->ctx, r->net.graph, in, how, r->w, r->g, &r->plan));
    r->in = fvi_inputs_of(r, r->plan);
    return FV_OK;
}

fvi_inputs fvi_inputs_of(const fvi_run *r, fv_plan *p)
{
    return (fvi_inputs){.image = fv_plan_at(p, r->net.image),
                        .target = fv_plan_at(p, r->net.target),
                        .weight = fv_plan_at(p, r->net.weight),
                        .extra = fv_plan_at(p, r->net.extra),
                        .truth = fv_plan_at(p, r->net.truth)};
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
    FV_TRY(fvi_task_find(r->ctx, o->task, &r->task));
    FV_TRY(fvi_fields_check(r->ctx, fv_train_fields, o));
    FV_TRY(fvi_options_check_text(r->ctx, o));
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
    return r->task->check ? r->task->check(r) : FV_OK;
}

/* What the files on disk tell a user of the model later. */
static void describe_input(fvi_run *r)
{
    fv_model *m = r->model;
    m->diameter = json_real_value(json_object_get(r->names, "diameter_px"));
    m->diameters[0] =
        json_real_value(json_object_get(r->names, "diameter_low_px"));
    m->diameters[1] =
        json_real_value(json_object_get(r->names, "diameter_high_px"));
    m->rescaled = strcmp(m->task, "segment") == 0 && r->o.rescale > 0;
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
    FV_TRY(fvi_make_model(r));
    const fv_model *all[] = {r->model, r->feature_model, r->segment_model};
    int multiple = 1;
    for (int i = 0; i < 3; i++)
        if (all[i] && all[i]->arch->multiple)
            multiple = common(multiple, all[i]->arch->multiple(all[i]->config));
    r->o.crop = (int)round_up(r->o.crop, multiple);
    if (r->model->arch->side)
        r->o.crop = r->model->arch->side(r->model->config);
    r->model->side = r->o.crop;
    FV_TRY(fvi_net_build(r, &r->net));
    r->count = fv_param_count(r->net.graph, 0);
    return FV_OK;
}

fv_status fvi_run_open(fvi_run *r, const fv_train_options *o)
{
    FV_TRY(own_options(r, o));
    FV_TRY(check_options(r));
    fv_set_threads(r->ctx, r->o.threads);
    r->o.threads = fv_threads(r->ctx);
    r->names = json_object();
    if (!r->names)
        return FV_ENOMEM;
    if (r->o.init)
        FV_TRY(fvi_read_init(r));
    FV_TRY(r->task->find(r));
    FV_TRY(make_network(r));
    FV_TRY(r->task->read(r));
    FV_TRY(fvi_note_hash(r));
    FV_TRY(fvi_run_windows(r));
    describe_input(r);
    FV_TRY(make_rules(r));
    FV_TRY(fvi_make_rates(r));
    FV_TRY(make_vectors(r));
    FV_TRY(fvi_batch_open(r));
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
    fvi_batch_close(r);
    float *vector[] = {r->w, r->g, r->m1, r->m2, r->buffers, r->mean};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++)
        fvi_free(ctx, vector[i]);
    fv_graph_free(r->net.graph);
    fv_model_free(ctx, r->init);
    fv_model_free(ctx, r->model);
    fv_model_free(ctx, r->feature_model);
    fv_model_free(ctx, r->segment_model);
    fvi_names_free(ctx, &r->classes);
    fvi_sources_free(ctx, &r->sources);
    fvi_sources_free(ctx, &r->val_sources);
    fv_pairs_free(ctx, r->train, r->train_count);
    fv_pairs_free(ctx, r->val, r->val_count);
    fvi_free(ctx, r->rate);
    fvi_free(ctx, r->window);
    fvi_free(ctx, r->row);
    json_decref(r->names);
    fvi_free(ctx, r->words);
}
