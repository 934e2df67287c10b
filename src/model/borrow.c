/* A trained network as a graph for something else than its answer, or as part
 * of another graph: asked, never changed. */
#include "graph/graph_internal.h"
#include "model/model.h"

#include <string.h>

fv_status fvi_model_graph(fv_ctx *ctx, const fv_model *m, fv_graph **g,
                          fv_val *image, fv_val *answer)
{
    if (m->arch->rank != 2)
        return fvi_fail(ctx, FV_ENOTSUP, "the network does not take pictures");
    int64_t side = m->arch->side ? m->arch->side(m->config) : -1;
    int64_t dim[4] = {-1, side, side, fv_channels(m->graph, m->image)};
    FV_TRY(fv_graph_new(ctx, g));
    *image = fv_input(*g, "image", 4, dim);
    *answer = m->arch->build(*g, m->config, *image);
    return fv_graph_check(ctx, *g);
}

/* Gray feeds all channels of a network, as when it is used alone. */
static fv_val with_channels(fv_graph *g, const fv_model *m, fv_val x)
{
    int have = fv_channels(g, x), want = fv_channels(m->graph, m->image);
    fv_val y = x;
    if (have != want && have != 1)
        return fvi_graph_fail(g, FV_ESHAPE,
                              "a picture of %d channels, %s takes %d", have,
                              m->arch->name, want);
    for (int c = 1; c < want && have == 1; c++)
        y = fv_concat(g, y, x);
    return y;
}

fv_val fvi_model_borrow(fv_graph *g, const fv_model *m, fv_val image)
{
    image = with_channels(g, m, image);
    fv_push(g, "borrowed");
    fvi_borrow(g, m->params);
    fv_val y = m->arch->build(g, m->config, image);
    fvi_borrow(g, NULL);
    fv_pop(g);
    return y;
}

/* Whether a node makes its input smaller. */
static bool shrinks(const fvi_node *n)
{
    bool window = n->op == FVI_OP_conv || n->op == FVI_OP_max_pool ||
                  n->op == FVI_OP_avg_pool || n->op == FVI_OP_blur_pool;
    return window && ((const fvi_window *)n->attr)->stride[2] > 1;
}

int fvi_model_features(fv_graph *g, const fv_model *m, fv_val image,
                       fv_val feature[], int most)
{
    int count = 0;
    image = with_channels(g, m, image);
    int32_t before = g->nodes;
    fvi_model_borrow(g, m, image);
    for (int32_t i = before; i < g->nodes && count < most; i++)
        if (shrinks(&g->node[i]) && g->node[i].x[0] > before)
            feature[count++] = (fv_val){g->node[i].x[0]};
    return count;
}
