/* Builders of transformers: attention, tokens, positions, and pixels. */
#include "graph/graph_internal.h"
#include "op/attention.h"

#include <string.h>

/* Sides of what attends to each other, for tables; 0 when one is open. */
static int table_sides(const fv_graph *g, fv_val q, int window, int64_t side[3])
{
    fv_tensor s = fv_shape(g, q);
    int rank = s.ndim - 2;
    for (int a = 0; a < rank && a < 3; a++) {
        side[a] = window ? window : s.dim[1 + a];
        if (side[a] < 1)
            return 0;
    }
    return rank;
}

/* Adds the tables to the inputs v; returns how many. */
static int add_tables(fv_graph *g, const char *name, const fv_attention *o,
                      fv_val v[FVI_MAX_INPUTS])
{
    static const char *const axes[] = {"depths", "rows", "columns"};
    int64_t side[3], all = 1;
    int rank = table_sides(g, v[0], o->window, side);
    int64_t d = o->channels / o->heads;
    if (rank < 1 || (o->by_axis && rank > 2)) {
        fvi_graph_fail(g, FV_ESHAPE,
                       "'%s': tables of positions need sides known in advance, "
                       "or windows, and by axis at most 2 axes",
                       name);
        return 0;
    }
    for (int a = 0; a < rank; a++)
        all *= fvi_distances(side[a]);
    if (!o->by_axis) {
        int64_t table[] = {all, o->heads};
        v[3] = fvi_param_add(g, name, "distances", 2, table, FVI_INIT_SMALL, 1,
                             true);
        return 1;
    }
    for (int a = 0; a < rank; a++) {
        int64_t rows = o->rows ? o->rows : fvi_distances(side[a]);
        int64_t table[] = {rows, d};
        v[3 + a] = fvi_param_add(g, name, axes[3 - rank + a], 2, table,
                                 FVI_INIT_ZERO, 1, true);
    }
    return rank;
}

static fv_val attend(fv_graph *g, const char *name, fv_val v[FVI_MAX_INPUTS],
                     fv_attention o, bool joined)
{
    fvi_attention attr = {.channels = o.channels,
                          .heads = o.heads,
                          .window = o.window,
                          .shift = o.shift};
    int tables = 0;
    if (g->status != FV_OK)
        return (fv_val){0};
    if (o.heads < 1 || o.channels < 1 || o.channels % o.heads || o.window < 0)
        return fvi_graph_fail(g, FV_EINVAL,
                              "'%s': attention of %d channels in %d heads, "
                              "windows of %d; expected a multiple",
                              name, o.channels, o.heads, o.window);
    for (int i = 0; i < 3; i++)
        attr.at[i] = joined ? (int64_t)i * o.channels : 0;
    if (o.by_axis || o.by_distance) {
        attr.position = o.by_axis ? FVI_POSITION_AXES : FVI_POSITION_TABLE;
        tables = add_tables(g, name, &o, v);
    }
    return fvi_node_named(g, name, FVI_OP_attention, &attr, 3 + tables, v);
}

fv_val fv_attend(fv_graph *g, const char *name, fv_val q, fv_val k, fv_val v,
                 fv_attention o)
{
    if (!o.channels)
        o.channels = fv_channels(g, q);
    return attend(g, name, (fv_val[FVI_MAX_INPUTS]){q, k, v}, o, false);
}

fv_val fv_attend_to_self(fv_graph *g, const char *name, fv_val qkv,
                         fv_attention o)
{
    if (!o.channels)
        o.channels = fv_channels(g, qkv) / 3;
    return attend(g, name, (fv_val[FVI_MAX_INPUTS]){qkv, qkv, qkv}, o, true);
}

/* ---- tokens and positions ---- */

static fv_val with_param(fv_graph *g, const char *name, fv_val x, fvi_op_id op,
                         int ndim, const int64_t dim[], fvi_init init,
                         double number)
{
    const char *leaf = op == FVI_OP_multiply_each ? "scale" : "tokens";
    if (g->status != FV_OK)
        return (fv_val){0};
    for (int a = 0; a < ndim; a++)
        if (dim[a] < 1)
            return fvi_graph_fail(g, FV_ESHAPE,
                                  "'%s': needs extents known in advance", name);
    fv_val p = fvi_param_add(g, name, leaf, ndim, dim, init, number, true);
    return fvi_node_named(g, name, op, NULL, 2, (fv_val[]){x, p});
}

fv_val fv_prepend(fv_graph *g, const char *name, fv_val x, int tokens)
{
    int64_t dim[] = {tokens, fv_channels(g, x)};
    return with_param(g, name, x, FVI_OP_prepend, 2, dim, FVI_INIT_SMALL, 1);
}

fv_val fv_add_positions(fv_graph *g, const char *name, fv_val x)
{
    fv_tensor s = fv_shape(g, x);
    return with_param(g, name, x, FVI_OP_add_each, s.ndim > 1 ? s.ndim - 1 : 0,
                      s.dim + 1, FVI_INIT_SMALL, 1);
}

fv_val fv_layer_scale(fv_graph *g, const char *name, fv_val x, float start)
{
    int64_t dim[] = {fv_channels(g, x)};
    return with_param(g, name, x, FVI_OP_multiply_each, 1, dim, FVI_INIT_SAME,
                      (double)start);
}

fv_val fv_take_tokens(fv_graph *g, fv_val x, int lo, int hi)
{
    fv_tensor s = fv_shape(g, x);
    if (g->status != FV_OK)
        return (fv_val){0};
    if (s.ndim != 3 || s.dim[1] < 1 || lo < 0 || lo >= hi || hi > s.dim[1])
        return fvi_graph_fail(g, FV_ESHAPE,
                              "tokens %d to %d of %lld, expected a range of a "
                              "known number",
                              lo, hi, (long long)(s.ndim == 3 ? s.dim[1] : -1));
    int64_t C = s.dim[2], back[] = {hi - lo, C};
    x = fvi_node_add(g, FVI_OP_slice, &(fvi_slice){lo * C, hi * C}, 1,
                     (fv_val[]){fv_flatten(g, x)});
    return hi - lo > 1 ? fv_reshape(g, x, 2, back) : x;
}

/* ---- pixels ---- */

static fv_val by_factor(fv_graph *g, fv_val x, int factor, fvi_op_id op)
{
    return fvi_node_add(g, op, &(fvi_upsample){.factor = factor}, 1, &x);
}

fv_val fv_pixel_shuffle(fv_graph *g, fv_val x, int factor)
{
    return by_factor(g, x, factor, FVI_OP_pixel_shuffle);
}

fv_val fv_pixel_unshuffle(fv_graph *g, fv_val x, int factor)
{
    return by_factor(g, x, factor, FVI_OP_pixel_unshuffle);
}

fv_val fv_pad(fv_graph *g, fv_val x, int multiple)
{
    return by_factor(g, x, multiple, FVI_OP_pad);
}

fv_val fv_crop(fv_graph *g, fv_val x, fv_val like)
{
    return fvi_node_add(g, FVI_OP_crop, NULL, 2, (fv_val[]){x, like});
}
