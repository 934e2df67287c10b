/* The receptive field: walk from one output element to all it reads. */
#include "graph/graph_internal.h"

#include <string.h>

enum { SIDE = 4096, POSITIONS = 64 };

/* Joins `more` into `box`; an empty box has hi == 0 along axis 0. */
static void join(fvi_box *box, const fvi_box *more, int ndim)
{
    bool empty = box->hi[0] == 0;
    for (int i = 0; i < ndim; i++) {
        if (empty || more->lo[i] < box->lo[i])
            box->lo[i] = more->lo[i];
        if (empty || more->hi[i] > box->hi[i])
            box->hi[i] = more->hi[i];
        box->step[i] = 1;
    }
}

static fvi_box whole(fv_tensor t)
{
    fvi_box box = {0};
    for (int i = 0; i < t.ndim; i++) {
        box.hi[i] = t.dim[i];
        box.step[i] = 1;
    }
    return box;
}

/* What input `i` of the node gives to the elements in `want`: the corners of a
 * box bound what the whole box reads, as windows move monotonically. */
static fvi_box read_by(const fvi_node *n, const fv_tensor x[], fv_tensor y,
                       int i, const fvi_box *want)
{
    const fvi_op *op = fvi_ops[n->op];
    if (!op->reads)
        return whole(x[i]);
    int64_t first[FV_MAX_DIM], last[FV_MAX_DIM];
    for (int k = 0; k < y.ndim; k++) {
        first[k] = want->lo[k];
        last[k] = want->hi[k] - 1;
    }
    fvi_box box = op->reads(n->attr, x, y, i, first);
    fvi_box end = op->reads(n->attr, x, y, i, last);
    join(&box, &end, x[i].ndim);
    return box;
}

static void walk(const fv_graph *g, const fv_tensor shape[], int32_t from,
                 fvi_box box[])
{
    for (int32_t id = from; id >= 1; id--) {
        const fvi_node *n = fvi_node_at(g, id);
        if (box[id - 1].hi[0] == 0)
            continue;
        fv_tensor x[FVI_MAX_INPUTS];
        for (int i = 0; i < n->nx; i++)
            x[i] = shape[n->x[i] - 1];
        for (int i = 0; i < n->nx; i++) {
            if (fvi_node_at(g, n->x[i])->op == FVI_OP_param)
                continue;
            fvi_box more = read_by(n, x, shape[id - 1], i, &box[id - 1]);
            join(&box[n->x[i] - 1], &more, x[i].ndim);
        }
    }
}

/* The field of the output element near the middle, moved by `shift`. */
static bool field_at(const fv_graph *g, const fv_tensor shape[], int32_t from,
                     int32_t input, int64_t shift, fvi_box box[],
                     int64_t size[3])
{
    fv_tensor y = shape[from - 1], x = shape[input - 1];
    memset(box, 0, (size_t)g->nodes * sizeof *box);
    for (int i = 0; i < y.ndim; i++) {
        int64_t at = i > 0 && i < y.ndim - 1 ? y.dim[i] / 2 + shift : 0;
        at = at < y.dim[i] ? at : y.dim[i] - 1;
        box[from - 1].lo[i] = at;
        box[from - 1].hi[i] = at + 1;
        box[from - 1].step[i] = 1;
    }
    walk(g, shape, from, box);
    if (box[input - 1].hi[0] == 0)
        return false;
    for (int i = 1; i < x.ndim - 1; i++) {
        int64_t side = box[input - 1].hi[i] - box[input - 1].lo[i];
        if (side > size[i - 1])
            size[i - 1] = side;
    }
    return true;
}

static fv_status measure(fv_ctx *ctx, const fv_graph *g, fv_val input, fv_val v,
                         fv_tensor shape[], fv_tensor in[], fvi_box box[],
                         int64_t size[3])
{
    for (int i = 0; i < g->inputs; i++) {
        in[i] = fvi_node_at(g, g->input[i].value)->shape;
        for (int k = 0; k < in[i].ndim; k++)
            if (in[i].dim[k] == -1)
                in[i].dim[k] = k ? SIDE : 1;
    }
    FV_TRY(fvi_bind(ctx, g, in, shape));
    size[0] = size[1] = size[2] = 0;
    for (int64_t shift = 0; shift < POSITIONS; shift++)
        if (!field_at(g, shape, v.id, input.id, shift, box, size))
            return fvi_fail(
                ctx, FV_EINVAL, "'%s' does not depend on the input '%s'",
                fvi_node_at(g, v.id)->name, fvi_node_at(g, input.id)->name);
    return FV_OK;
}

fv_status fv_receptive_field(fv_ctx *ctx, const fv_graph *g, fv_val input,
                             fv_val v, int64_t size[3])
{
    FV_TRY(fv_graph_check(ctx, g));
    size_t n = (size_t)g->nodes;
    fv_tensor *shape = fvi_calloc(ctx, n, sizeof *shape);
    fv_tensor *in = fvi_calloc(ctx, (size_t)g->inputs, sizeof *in);
    fvi_box *box = fvi_calloc(ctx, n, sizeof *box);
    fv_status status = FV_ENOMEM;
    if (shape && in && box)
        status = measure(ctx, g, input, v, shape, in, box, size);
    fvi_free(ctx, shape);
    fvi_free(ctx, in);
    fvi_free(ctx, box);
    return status;
}
