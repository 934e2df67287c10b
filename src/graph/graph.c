/* A graph: nodes, names and the first mistake. */
#include "graph/graph_internal.h"

#include <stdio.h>
#include <string.h>

fv_status fv_graph_new(fv_ctx *ctx, fv_graph **out)
{
    fv_graph *g = fvi_calloc(ctx, 1, sizeof *g);
    if (!g)
        return FV_ENOMEM;
    g->ctx = ctx;
    g->scope.ctx = ctx;
    *out = g;
    return FV_OK;
}

void fv_graph_free(fv_graph *g)
{
    if (!g)
        return;
    for (int32_t i = 0; i < g->nodes; i++) {
        fvi_free(g->ctx, g->node[i].attr);
        fvi_free(g->ctx, g->node[i].name);
    }
    for (int i = 0; i < g->inputs; i++)
        fvi_free(g->ctx, g->input[i].name);
    for (int i = 0; i < g->outputs; i++)
        fvi_free(g->ctx, g->output[i].name);
    fvi_free(g->ctx, g->node);
    fvi_free(g->ctx, g->param);
    fvi_free(g->ctx, g->input);
    fvi_free(g->ctx, g->output);
    fvi_text_free(&g->scope);
    fvi_free(g->ctx, g);
}

fv_status fv_graph_check(fv_ctx *ctx, const fv_graph *g)
{
    if (g->status != FV_OK)
        return fvi_fail(ctx, g->status, "%s", g->message);
    return FV_OK;
}

fv_val fvi_graph_fail(fv_graph *g, fv_status status, const char *fmt, ...)
{
    if (g->status == FV_OK) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(g->message, sizeof g->message, fmt, args);
        va_end(args);
        g->status = status;
    }
    return (fv_val){0};
}

void *fvi_graph_push(fv_graph *g, void *array, int *room, int count,
                     size_t size)
{
    if (count == *room) {
        int wider = *room ? 2 * *room : 32;
        array = fvi_realloc(g->ctx, array, (size_t)wider * size);
        if (!array) {
            fvi_graph_fail(g, FV_ENOMEM, "%s", fv_message(g->ctx));
            return NULL;
        }
        *room = wider;
    }
    memset((char *)array + (size_t)count * size, 0, size);
    return array;
}

void fv_push(fv_graph *g, const char *fmt, ...)
{
    char name[64];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (g->depth == FVI_MAX_SCOPE) {
        fvi_graph_fail(g, FV_EINVAL, "'%s': scopes nest deeper than %d", name,
                       FVI_MAX_SCOPE);
        return;
    }
    g->mark[g->depth++] = g->scope.size;
    fvi_text_add(&g->scope, "%s/", name);
}

void fv_pop(fv_graph *g)
{
    if (g->depth == 0) {
        fvi_graph_fail(g, FV_EINVAL, "fv_pop without fv_push");
        return;
    }
    g->scope.size = g->mark[--g->depth];
    if (g->scope.data)
        g->scope.data[g->scope.size] = '\0';
}

/* scope + name; without a name the scope alone ("down1/conv1"). */
static char *full_name(fv_graph *g, const char *name)
{
    fvi_text t = {.ctx = g->ctx};
    fvi_text_add(&t, "%s%s", g->scope.data ? g->scope.data : "", name);
    if (fvi_text_check(&t) != FV_OK || g->scope.failed) {
        fvi_graph_fail(g, FV_ENOMEM, "%s", fv_message(g->ctx));
        fvi_text_free(&t);
        return NULL;
    }
    if (!*name && t.size)
        t.data[--t.size] = '\0';
    return t.data;
}

static bool valid(const fv_graph *g, fv_val v)
{
    return v.id >= 1 && v.id <= g->nodes;
}

static fv_val append(fv_graph *g, char *name, fvi_op_id op, const void *attr)
{
    fvi_node *grown =
        fvi_graph_push(g, g->node, &g->node_room, g->nodes, sizeof *g->node);
    size_t size = fvi_ops[op]->attr_size;
    void *copy = grown && size ? fvi_alloc(g->ctx, size) : NULL;
    if (grown)
        g->node = grown;
    if (!grown || (size && !copy)) {
        fvi_free(g->ctx, name);
        return fvi_graph_fail(g, FV_ENOMEM, "%s", fv_message(g->ctx));
    }
    if (size)
        memcpy(copy, attr, size);
    g->node[g->nodes++] =
        (fvi_node){.op = op, .attr = copy, .name = name, .param = -1};
    return (fv_val){g->nodes};
}

fv_val fvi_node_named(fv_graph *g, const char *name, fvi_op_id op,
                      const void *attr, int nx, const fv_val x[])
{
    fv_tensor in[FVI_MAX_INPUTS], y = {.ndim = -1};
    if (g->status != FV_OK)
        return (fv_val){0};
    for (int i = 0; i < nx; i++) {
        if (!valid(g, x[i]))
            return fvi_graph_fail(g, FV_EINVAL, "%s: input %d is no value",
                                  fvi_ops[op]->name, i);
        in[i] = fvi_node_at(g, x[i].id)->shape;
    }
    char *full = full_name(g, name);
    if (!full)
        return (fv_val){0};
    fv_status status = fvi_ops[op]->infer(g->ctx, attr, nx, in, &y);
    if (status != FV_OK) {
        fvi_graph_fail(g, status, "'%s': %s", full, fv_message(g->ctx));
        fvi_free(g->ctx, full);
        return (fv_val){0};
    }
    fv_val v = append(g, full, op, attr);
    if (!v.id)
        return v;
    fvi_node *node = &g->node[v.id - 1];
    node->shape = y;
    node->nx = nx;
    for (int i = 0; i < nx; i++)
        node->x[i] = x[i].id;
    return v;
}

fv_val fvi_node_add(fv_graph *g, fvi_op_id op, const void *attr, int nx,
                    const fv_val x[])
{
    return fvi_node_named(g, fvi_ops[op]->name, op, attr, nx, x);
}

static void name_value(fv_graph *g, fvi_named_value **list, int *room,
                       int *count, const char *name, fv_val v)
{
    fvi_named_value *grown =
        fvi_graph_push(g, *list, room, *count, sizeof **list);
    if (!grown)
        return;
    *list = grown;
    grown[*count].name = fvi_strdup(g->ctx, name);
    grown[*count].value = v.id;
    if (grown[*count].name)
        (*count)++;
    else
        fvi_graph_fail(g, FV_ENOMEM, "%s", fv_message(g->ctx));
}

fv_val fv_input(fv_graph *g, const char *name, int ndim, const int64_t dim[])
{
    fvi_shape shape = {.ndim = ndim};
    if (ndim < 1 || ndim > FV_MAX_DIM || dim[ndim - 1] < 1)
        return fvi_graph_fail(g, FV_EINVAL,
                              "input '%s': needs 1 to %d extents and known "
                              "channels",
                              name, FV_MAX_DIM);
    for (int i = 0; i < ndim; i++)
        shape.dim[i] = dim[i];
    fv_val v = fvi_node_named(g, name, FVI_OP_input, &shape, 0, NULL);
    if (v.id)
        name_value(g, &g->input, &g->input_room, &g->inputs, name, v);
    return v;
}

void fv_output(fv_graph *g, const char *name, fv_val v)
{
    if (g->status != FV_OK || g->lent)
        return;
    if (!valid(g, v))
        fvi_graph_fail(g, FV_EINVAL, "output '%s' is no value", name);
    else
        name_value(g, &g->output, &g->output_room, &g->outputs, name, v);
}

fv_val fvi_output_named(const fv_graph *g, const char *name)
{
    for (int i = 0; i < g->outputs; i++)
        if (strcmp(g->output[i].name, name) == 0)
            return (fv_val){g->output[i].value};
    return (fv_val){0};
}

fv_tensor fv_shape(const fv_graph *g, fv_val v)
{
    return valid(g, v) ? fvi_node_at(g, v.id)->shape : (fv_tensor){.ndim = -1};
}

int fv_channels(const fv_graph *g, fv_val v)
{
    fv_tensor s = fv_shape(g, v);
    return s.ndim > 0 ? (int)s.dim[s.ndim - 1] : 0;
}

fv_status fvi_bind(fv_ctx *ctx, const fv_graph *g, const fv_tensor input[],
                   fv_tensor shape[])
{
    int next = 0;
    for (int32_t i = 0; i < g->nodes; i++) {
        const fvi_node *node = &g->node[i];
        fv_tensor in[FVI_MAX_INPUTS];
        if (node->op == FVI_OP_input) {
            fv_tensor given = input[next++], want = node->shape;
            bool fits = given.ndim == want.ndim;
            for (int k = 0; fits && k < want.ndim; k++)
                fits = given.dim[k] >= 1 &&
                       (want.dim[k] == -1 || want.dim[k] == given.dim[k]);
            if (!fits) {
                char a[160], b[160];
                fv_describe(given, a, sizeof a);
                fv_describe(want, b, sizeof b);
                return fvi_fail(ctx, FV_ESHAPE, "input '%s': got %s, wants %s",
                                node->name, a, b);
            }
            shape[i] = fv_dense(NULL, given.dtype, given.ndim, given.dim);
            continue;
        }
        if (node->op == FVI_OP_param) {
            shape[i] = node->shape;
            continue;
        }
        for (int k = 0; k < node->nx; k++)
            in[k] = shape[node->x[k] - 1];
        fv_status status =
            fvi_ops[node->op]->infer(ctx, node->attr, node->nx, in, &shape[i]);
        if (status != FV_OK)
            return fvi_fail_in(ctx, status, "node '%s'", node->name);
    }
    return FV_OK;
}
