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

/* What the last layer with weights is given. */
static fv_val last_input(const fv_graph *g, fv_val v)
{
    const fvi_node *n = fvi_node_at(g, v.id);
    while (n->op != FVI_OP_linear && n->op != FVI_OP_conv && n->nx > 0)
        n = fvi_node_at(g, n->x[0]);
    return (fv_val){n->nx > 0 ? n->x[0] : v.id};
}

static fv_val mean_over_pixels(fv_graph *g, fv_val v)
{
    return fv_shape(g, v).ndim > 2 ? fv_global_avg_pool(g, v) : v;
}

static fv_status extend(fv_classifier *c)
{
    const fv_model *m = c->model;
    fv_val answer;
    FV_TRY(fv_arch_build(c->ctx, m->arch, m->config, &c->graph, &c->image,
                         &answer));
    c->features = mean_over_pixels(c->graph, last_input(c->graph, answer));
    c->probability = fv_softmax(c->graph, mean_over_pixels(c->graph, answer));
    fv_output(c->graph, "features", c->features);
    fv_output(c->graph, "probability", c->probability);
    return fv_graph_check(c->ctx, c->graph);
}

static fv_status set_up(fv_classifier *c, fv_plan_options how)
{
    const fv_model *m = c->model;
    FV_TRY(fvi_model_wants(c->ctx, m, "classify"));
    if (m->side < 1 || m->arch->rank != 2)
        return fvi_fail(c->ctx, FV_EFORMAT,
                        "the model does not say how large its pictures are");
    FV_TRY(extend(c));
    int64_t dim[4] = {1, m->side, m->side, fv_channels(m->graph, m->image)};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    return fv_plan_new(c->ctx, c->graph, &in, how, m->params, NULL, &c->plan);
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

fv_status fvi_fit(fv_ctx *ctx, fv_tensor plane, int64_t side, fv_tensor *out)
{
    int64_t h = plane.dim[0], w = plane.dim[1], less = h < w ? h : w;
    if (less < 1 || h > INT64_MAX / side || w > INT64_MAX / side)
        return fvi_fail(ctx, FV_ESHAPE, "the picture has no pixels");
    int64_t height = (h * side + less / 2) / less;
    int64_t width = (w * side + less / 2) / less;
    return fv_resize(ctx, plane, height, width, out);
}

/* The middle of the picture; one channel feeds all. */
static void fill_middle(fv_tensor plane, fv_tensor image)
{
    int64_t side = image.dim[1], C = image.dim[3], have = plane.dim[2];
    int64_t top = (plane.dim[0] - side) / 2, left = (plane.dim[1] - side) / 2;
    float *to = image.data;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++) {
            const float *p = (const float *)plane.data +
                             ((top + y) * plane.dim[1] + left + x) * have;
            for (int64_t c = 0; c < C; c++)
                *to++ = p[have == 1 ? 0 : c];
        }
}

/* Normalised per channel of the network, also where gray feeds several. */
static void normalize_all(const fv_model *m, const fvi_range *range,
                          fv_tensor image, int64_t have)
{
    float *x = image.data;
    int64_t C = image.dim[3];
    bool own = strcmp(m->normalize, "mean_std") == 0;
    for (int64_t i = 0; i < fv_count(image); i++) {
        int64_t c = have == 1 && !own ? 0 : i % C;
        double low = own ? m->mean[c] : range->low[c];
        double width = own ? m->deviation[c] : range->high[c] - low;
        x[i] = width > 0 ? (float)(((double)x[i] - low) / width) : 0;
    }
}

static void copy_out(fv_tensor from, float *to)
{
    memcpy(to, from.data, (size_t)fv_count(from) * sizeof *to);
}

static fv_status run(fv_classifier *c, fv_tensor fitted, const fvi_range *range,
                     float *probability, float *features)
{
    fv_tensor image = fv_plan_at(c->plan, c->image);
    fill_middle(fitted, image);
    normalize_all(c->model, range, image, fitted.dim[2]);
    FV_TRY(fv_plan_run(c->ctx, c->plan));
    copy_out(fv_plan_at(c->plan, c->probability), probability);
    if (features)
        copy_out(fv_plan_at(c->plan, c->features), features);
    return FV_OK;
}

fv_status fv_classify(fv_ctx *ctx, fv_classifier *c, fv_tensor plane, int rgb,
                      float *probability, float *features)
{
    fv_tensor own, fitted;
    fvi_range range = {{0}, {0}};
    FV_TRY(fvi_match_channels(ctx, c->model, plane, rgb, &own));
    fv_status status = fvi_fit(ctx, own, c->model->side, &fitted);
    fv_plane_free(ctx, &own);
    FV_TRY(status);
    if (strcmp(c->model->normalize, "mean_std") != 0)
        status = fvi_range_of(ctx, c->model, fitted, rgb, &range);
    if (status == FV_OK)
        status = run(c, fitted, &range, probability, features);
    fv_plane_free(ctx, &fitted);
    return status;
}
