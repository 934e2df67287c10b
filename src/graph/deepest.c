/* The deepest map of a network: where its image has the fewest positions,
 * just before it grows again. */
#include "graph/graph_internal.h"

static int64_t positions(fv_tensor t)
{
    int64_t n = 1;
    for (int i = 1; i + 1 < t.ndim; i++)
        n *= t.dim[i];
    return n;
}

/* The last map of the first stretch with the fewest positions. A pooled vector
 * or a larger map ends a stretch. */
static int32_t find(const fv_graph *g, const fv_tensor shape[], int ndim,
                    int32_t end)
{
    int64_t fewest = INT64_MAX;
    int32_t best = 0;
    bool open = false;
    for (int32_t id = 1; id <= end; id++) {
        fv_tensor t = shape[id - 1];
        if (fvi_node_at(g, id)->op == FVI_OP_param)
            continue;
        int64_t n = t.ndim == ndim ? positions(t) : INT64_MAX;
        if (n < fewest || (open && n == fewest)) {
            best = id;
            open = true;
            fewest = n;
        } else {
            open = false;
        }
    }
    return best;
}

fv_status fvi_deepest(fv_ctx *ctx, const fv_graph *g, fv_tensor image,
                      fv_val answer, fv_val *out)
{
    fv_tensor *shape = fvi_calloc(ctx, (size_t)g->nodes + 1, sizeof *shape);
    if (!shape)
        return FV_ENOMEM;
    fv_status status = fvi_bind(ctx, g, &image, shape);
    int32_t id = 0;
    if (status == FV_OK)
        id = find(g, shape, image.ndim, answer.id);
    bool deeper = id && positions(shape[id - 1]) < positions(image);
    fvi_free(ctx, shape);
    if (status == FV_OK && !deeper)
        status = fvi_fail(ctx, FV_ENOTSUP,
                          "the network has no map that is smaller than its "
                          "image");
    if (status == FV_OK)
        *out = (fv_val){id};
    return status;
}
