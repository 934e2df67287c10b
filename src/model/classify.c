/* From a picture to the probability of each class. */
#include "graph/graph_internal.h"
#include "model/model.h"

#include <string.h>

struct fv_classifier {
    fv_ctx *ctx;
    const fv_model *model;
    fv_graph *graph; /* the model's, with probability and features */
    fv_val image, probability, features;
    fv_plan *plan;
};

/* ---- making ---- */

static fv_val mean_over_pixels(fv_graph *g, fv_val v)
{
    return fv_shape(g, v).ndim > 2 ? fv_global_avg_pool(g, v) : v;
}

fv_val fvi_class_features(fv_graph *g, fv_val answer)
{
    const fvi_node *n = fvi_node_at(g, answer.id);
    while (n->op != FVI_OP_linear && n->op != FVI_OP_conv && n->nx > 0)
        n = fvi_node_at(g, n->x[0]);
    return mean_over_pixels(g, n->nx > 0 ? (fv_val){n->x[0]} : answer);
}

static fv_status extend(fv_classifier *c)
{
    const fv_model *m = c->model;
    fv_val answer;
    FV_TRY(fv_arch_build(c->ctx, m->arch, m->config, &c->graph, &c->image,
                         &answer));
    c->features = fvi_class_features(c->graph, answer);
    c->probability = fv_softmax(c->graph, mean_over_pixels(c->graph, answer));
    fv_output(c->graph, "features", c->features);
    fv_output(c->graph, "probability", c->probability);
    return fv_graph_check(c->ctx, c->graph);
}

static fv_status set_up(fv_classifier *c, fv_plan_options how)
{
    const fv_model *m = c->model;
    FV_TRY(fvi_model_wants(c->ctx, m, "classify"));
    FV_TRY(extend(c));
    return fvi_square_plan(c->ctx, m, c->graph, how, &c->plan);
}

fv_status fv_classifier_new(fv_ctx *ctx, const fv_model *m, const char *backend,
                            fv_precision precision, fv_classifier **out)
{
    const fv_plan_options how = {
        .mode = FV_INFER, .backend = backend, .precision = precision};
    fv_classifier *c = fvi_calloc(ctx, 1, sizeof *c);
    if (!c)
        return FV_ENOMEM;
    c->ctx = ctx;
    c->model = m;
    fv_status status = set_up(c, how);
    if (status != FV_OK)
        fv_classifier_free(c);
    else
        *out = c;
    return status;
}

void fv_classifier_free(fv_classifier *c)
{
    if (!c)
        return;
    fv_plan_free(c->plan);
    fv_graph_free(c->graph);
    fvi_free(c->ctx, c);
}

int fv_classifier_features(const fv_classifier *c)
{
    return fv_channels(c->graph, c->features);
}

/* ---- running ---- */

static void copy_out(fv_tensor from, float *to)
{
    memcpy(to, from.data, (size_t)fv_count(from) * sizeof *to);
}

fv_status fv_classify(fv_ctx *ctx, fv_classifier *c, fv_tensor plane, int rgb,
                      float *probability, float *features)
{
    fv_tensor image = fv_plan_at(c->plan, c->image);
    FV_TRY(fvi_square_fill(ctx, c->model, plane, rgb, image));
    FV_TRY(fv_plan_run(ctx, c->plan));
    copy_out(fv_plan_at(c->plan, c->probability), probability);
    if (features)
        copy_out(fv_plan_at(c->plan, c->features), features);
    return FV_OK;
}
