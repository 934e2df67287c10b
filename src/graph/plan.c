/* A plan: from a graph and extents to steps with kernels and memory. */
#include "graph/plan_internal.h"

#include <string.h>

/* Ancestors of outputs are wanted; nothing else runs. */
static void mark_wanted(fv_plan *p)
{
    const fv_graph *g = p->graph;
    for (int i = 0; i < g->outputs; i++) {
        p->value[g->output[i].value - 1].wanted = true;
        p->value[g->output[i].value - 1].output = true;
    }
    for (int32_t id = g->nodes; id >= 1; id--) {
        const fvi_node *n = fvi_node_at(g, id);
        for (int i = 0; p->value[id - 1].wanted && i < n->nx; i++)
            p->value[n->x[i] - 1].wanted = true;
    }
}

/* A reshape, dropout when inferring, and what would pad or cut nothing only
 * look at their input. */
static bool only_looks(const fv_plan *p, int32_t id)
{
    const fvi_node *n = fvi_node_at(p->graph, id);
    bool drops = n->op == FVI_OP_dropout || n->op == FVI_OP_drop_path;
    bool resizes = n->op == FVI_OP_pad || n->op == FVI_OP_crop;
    return n->op == FVI_OP_reshape || (drops && p->o.mode == FV_INFER) ||
           (resizes &&
            fv_same_shape(p->value[id - 1].shape, p->value[n->x[0] - 1].shape));
}

static fv_status add_step(fv_plan *p, int32_t id)
{
    const fvi_node *n = fvi_node_at(p->graph, id);
    size_t size = fvi_ops[n->op]->attr_size;
    fvi_step *s = &p->step[p->steps++];
    s->value = id;
    s->op = n->op;
    s->nx = n->nx;
    s->keep.last = -1;
    for (int i = 0; i < n->nx; i++) {
        s->x[i] = n->x[i];
        fvi_root(p, n->x[i])->readers++;
        s->in[i] = p->value[n->x[i] - 1].shape;
    }
    s->attr = fvi_alloc(p->ctx, size + 1);
    if (!s->attr)
        return FV_ENOMEM;
    if (size)
        memcpy(s->attr, n->attr, size);
    return FV_OK;
}

static fv_status make_steps(fv_plan *p)
{
    const fv_graph *g = p->graph;
    for (int32_t id = 1; id <= g->nodes; id++) {
        const fvi_node *n = fvi_node_at(g, id);
        fvi_value *v = &p->value[id - 1];
        v->root = id;
        v->forward.last = v->backward.last = -1;
        if (n->lent)
            v->data = (void *)(uintptr_t)n->lent; /* is only read */
        else if (n->op == FVI_OP_param && p->params) {
            size_t at = (size_t)g->param[n->param].view.offset * p->number;
            v->data = p->params + at;
            v->grad = p->grads ? p->grads + at : NULL;
        }
        if (!v->wanted || n->op == FVI_OP_param || n->op == FVI_OP_input)
            continue;
        if (only_looks(p, id)) {
            v->root = p->value[n->x[0] - 1].root;
            fvi_root(p, id)->output |= v->output;
            continue;
        }
        FV_TRY(add_step(p, id));
    }
    return FV_OK;
}

static bool is_loss(fvi_op_id op)
{
    return op >= FVI_OP_cross_entropy && op <= FVI_OP_star;
}

/* A gradient is wanted where a scalar output depends on it and it depends on
 * something trained (or, to look at, on an input). */
static void mark_gradients(fv_plan *p)
{
    const fv_graph *g = p->graph;
    if (p->o.mode != FV_TRAIN)
        return;
    for (int32_t id = 1; id <= g->nodes; id++) {
        const fvi_node *n = fvi_node_at(g, id);
        fvi_value *v = &p->value[id - 1];
        if (n->op == FVI_OP_param)
            v->wants_grad = !n->lent && g->param[n->param].view.trained &&
                            (p->grads || p->o.dry);
        else if (n->op == FVI_OP_input)
            v->wants_grad = p->o.keep_all != 0;
        int nx = is_loss(n->op) ? 1 : n->nx;
        for (int i = 0; i < nx; i++)
            v->wants_grad |= p->value[n->x[i] - 1].wants_grad;
    }
    for (int i = 0; i < p->steps; i++) {
        fvi_step *s = &p->step[i];
        int nx = is_loss(s->op) ? 1 : s->nx;
        for (int k = 0; k < nx; k++) {
            if (fvi_root(p, s->x[k])->wants_grad)
                s->want |= 1u << k;
        }
    }
}

static fv_status build(fv_plan *p, const fv_tensor input[])
{
    const fv_graph *g = p->graph;
    fv_tensor *shape = fvi_calloc(p->ctx, (size_t)g->nodes, sizeof *shape);
    p->value = fvi_calloc(p->ctx, (size_t)g->nodes, sizeof *p->value);
    p->step = fvi_calloc(p->ctx, (size_t)g->nodes, sizeof *p->step);
    fv_status status = FV_ENOMEM;
    if (shape && p->value && p->step)
        status = fvi_bind(p->ctx, g, input, shape);
    for (int32_t i = 0; status == FV_OK && i < g->nodes; i++) {
        p->value[i].shape =
            fv_dense(NULL, p->o.dtype, shape[i].ndim, shape[i].dim);
        if (p->value[i].shape.ndim < 0)
            status = fvi_fail(p->ctx, FV_ESHAPE, "node '%s': too large",
                              g->node[i].name);
    }
    fvi_free(p->ctx, shape);
    FV_TRY(status);
    mark_wanted(p);
    FV_TRY(make_steps(p));
    mark_gradients(p);
    FV_TRY(fvi_fuse(p));
    FV_TRY(fvi_select(p));
    fvi_tile(p);
    return fvi_place(p);
}

static fv_status check_options(fv_ctx *ctx, const fv_graph *g,
                               const fv_plan_options *o, const void *params)
{
    FV_TRY(fv_graph_check(ctx, g));
    if (g->outputs == 0)
        return fvi_fail(ctx, FV_EINVAL, "plan: the graph has no output");
    if (o->dtype != FV_F32 && o->dtype != FV_F64)
        return fvi_fail(ctx, FV_EINVAL, "plan: dtype %s, expected f32 or f64",
                        fv_dtype_name(o->dtype));
    if (o->precision != FV_FULL && o->dtype != FV_F32)
        return fvi_fail(ctx, FV_EINVAL,
                        "plan: bf16 is for products of f32 numbers");
    for (int32_t i = 0; i < g->nodes && o->dtype == FV_F64; i++)
        if (g->node[i].lent)
            return fvi_fail(ctx, FV_ENOTSUP,
                            "plan: '%s' is borrowed in f32, the plan is f64",
                            g->node[i].name);
    if (!params && g->params && !o->dry)
        return fvi_fail(ctx, FV_EINVAL,
                        "plan: the graph has parameters, "
                        "`params` is NULL");
    return FV_OK;
}

fv_status fv_plan_new(fv_ctx *ctx, const fv_graph *g, const fv_tensor input[],
                      fv_plan_options o, void *params, void *grads,
                      fv_plan **out)
{
    FV_TRY(check_options(ctx, g, &o, params));
    fv_plan *p = fvi_calloc(ctx, 1, sizeof *p);
    if (!p)
        return FV_ENOMEM;
    p->ctx = ctx;
    p->graph = g;
    p->o = o;
    p->params = params;
    p->grads = o.mode == FV_TRAIN ? grads : NULL;
    p->number = fv_dtype_size(o.dtype);
    fv_status status = build(p, input);
    if (status != FV_OK) {
        fv_plan_free(p);
        return status;
    }
    *out = p;
    return FV_OK;
}

void fv_plan_free(fv_plan *p)
{
    if (!p)
        return;
    for (int i = 0; p->step && i < p->steps; i++) {
        fvi_step *s = &p->step[i];
        if (s->state && s->kernel->release)
            s->kernel->release(p->ctx, s->state);
        for (int k = 0; k < FVI_MAX_INPUTS; k++)
            fvi_free(p->ctx, s->folded[k]);
        fvi_free(p->ctx, s->attr);
        fvi_free(p->ctx, s->declined);
    }
    fvi_free(p->ctx, p->value);
    fvi_free(p->ctx, p->step);
    fvi_free(p->ctx, p->arena);
    fvi_free(p->ctx, p);
}
