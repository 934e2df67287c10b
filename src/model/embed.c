/* From a picture to the few numbers that a network keeps of it. */
#include "graph/graph_internal.h"
#include "model/model.h"

#include <string.h>

struct fv_embedder {
    fv_ctx *ctx;
    const fv_model *model;
    fv_graph *graph; /* the model's up to the output "code" */
    fv_val image, code;
    fv_plan *plan;
};

/* ---- making ---- */

static fv_status find_code(fv_embedder *e, fv_val answer)
{
    const fv_model *m = e->model;
    if (strcmp(m->task, "classify") == 0) {
        e->code = fvi_class_features(e->graph, answer);
        return FV_OK;
    }
    e->code = fvi_output_named(e->graph, "bottleneck");
    if (strcmp(m->task, "embed") == 0 && e->code.id)
        return FV_OK;
    return fvi_fail(e->ctx, FV_EINVAL,
                    "the model is for '%s', expected one trained with the task "
                    "embed or classify",
                    m->task);
}

static fv_status set_up(fv_embedder *e, fv_plan_options how)
{
    const fv_model *m = e->model;
    fv_val answer;
    FV_TRY(fvi_model_graph(e->ctx, m, &e->graph, &e->image, &answer));
    FV_TRY(find_code(e, answer));
    fv_output(e->graph, "code", e->code);
    FV_TRY(fv_graph_check(e->ctx, e->graph));
    return fvi_square_plan(e->ctx, m, e->graph, how, &e->plan);
}

fv_status fv_embedder_new(fv_ctx *ctx, const fv_model *m, const char *backend,
                          fv_precision precision, fv_embedder **out)
{
    const fv_plan_options how = {
        .mode = FV_INFER, .backend = backend, .precision = precision};
    fv_embedder *e = fvi_calloc(ctx, 1, sizeof *e);
    if (!e)
        return FV_ENOMEM;
    e->ctx = ctx;
    e->model = m;
    fv_status status = set_up(e, how);
    if (status != FV_OK)
        fv_embedder_free(e);
    else
        *out = e;
    return status;
}

void fv_embedder_free(fv_embedder *e)
{
    if (!e)
        return;
    fv_plan_free(e->plan);
    fv_graph_free(e->graph);
    fvi_free(e->ctx, e);
}

int fv_embedder_numbers(const fv_embedder *e)
{
    return fv_channels(e->graph, e->code);
}

/* ---- running ---- */

fv_status fv_embed(fv_ctx *ctx, fv_embedder *e, fv_tensor plane, int rgb,
                   float *code)
{
    fv_tensor image = fv_plan_at(e->plan, e->image);
    FV_TRY(fvi_square_fill(ctx, e->model, plane, rgb, image));
    FV_TRY(fv_plan_run(ctx, e->plan));
    fv_tensor y = fv_plan_at(e->plan, e->code);
    memcpy(code, y.data, (size_t)fv_count(y) * sizeof *code);
    return FV_OK;
}
