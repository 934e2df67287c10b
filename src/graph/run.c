/* Running a plan: one loop down the steps, one loop up. */
#include "graph/plan_internal.h"

#include <string.h>

static fv_tensor forward_tensor(const fv_plan *p, int32_t id)
{
    const fvi_value *root = fvi_root(p, id);
    fv_tensor t = p->value[id - 1].shape;
    if (root->data)
        t.data = root->data;
    else if (root->forward.last >= root->forward.first)
        t.data = p->arena + root->forward.offset;
    return t;
}

static fv_tensor backward_tensor(const fv_plan *p, int32_t id)
{
    const fvi_value *root = fvi_root(p, id);
    fv_tensor t = p->value[id - 1].shape;
    if (root->data)
        t.data = root->grad;
    else if (root->backward.last >= root->backward.first)
        t.data = p->arena + root->backward.offset;
    return t;
}

static fvi_call call_of(const fv_plan *p, const fvi_step *s)
{
    return (fvi_call){.keep = s->keep.size ? p->arena + s->keep.offset : NULL,
                      .scratch =
                          p->scratch.size ? p->arena + p->scratch.offset : NULL,
                      .seed = p->o.seed,
                      .step = p->at_step,
                      .node = (uint64_t)s->value};
}

/* For one step, or as the user said. */
static void set_threads(const fv_ctx *ctx, const fvi_step *s)
{
    fvi_use_threads(s && s->alone ? 1 : fv_threads(ctx));
}

static fv_status canceled(fv_ctx *ctx)
{
    set_threads(ctx, NULL);
    return fvi_fail(ctx, FV_ECANCEL, "canceled");
}

fv_status fv_plan_run(fv_ctx *ctx, fv_plan *p)
{
    if (p->o.dry)
        return fvi_fail(ctx, FV_EINVAL, "a dry plan cannot run");
    for (int i = 0; i < p->steps; i++) {
        fvi_step *s = &p->step[i];
        fv_tensor x[FVI_MAX_INPUTS];
        if (fvi_canceled(ctx))
            return canceled(ctx);
        for (int k = 0; k < s->nx; k++) {
            x[k] = forward_tensor(p, s->x[k]);
            if (s->folded[k])
                x[k] = s->in[k];
        }
        fvi_call call = call_of(p, s);
        call.x = x;
        call.y = forward_tensor(p, s->value);
        set_threads(ctx, s);
        call.tiled = fvi_tiled_of(p, s);
        s->kernel->forward(s->state, &call);
    }
    set_threads(ctx, NULL);
    return FV_OK;
}

/* Hands dx[k] to a kernel as it expects: holding numbers, or marked fresh. */
static void offer_gradient(fv_plan *p, const fvi_step *s, int k, fv_tensor *dx,
                           unsigned *fresh)
{
    fvi_value *root = fvi_root(p, s->x[k]);
    *dx = backward_tensor(p, s->x[k]);
    if (root->data || root->has_grad)
        return;
    if (s->kernel->fresh)
        *fresh |= 1u << k;
    else
        memset(dx->data, 0, (size_t)fv_count(*dx) * p->number);
    root->has_grad = true;
}

static void step_backward(fv_plan *p, const fvi_step *s)
{
    unsigned keep = fvi_ops[s->op]->keep;
    fv_tensor x[FVI_MAX_INPUTS], dx[FVI_MAX_INPUTS];
    fvi_call call = call_of(p, s);
    for (int k = 0; k < s->nx; k++) {
        x[k] = forward_tensor(p, s->x[k]);
        if (!(keep & FVI_KEEP_X(k)) && !fvi_root(p, s->x[k])->data)
            x[k].data = NULL;
        dx[k] = p->value[s->x[k] - 1].shape;
        if (s->want & 1u << k)
            offer_gradient(p, s, k, &dx[k], &call.fresh);
    }
    call.x = x;
    call.dx = dx;
    call.y = forward_tensor(p, s->value);
    if (!(keep & FVI_KEEP_Y))
        call.y.data = NULL;
    call.dy = backward_tensor(p, s->value);
    s->kernel->backward(s->state, &call);
}

static void seed_gradient(fv_plan *p, fv_val loss)
{
    fv_tensor one = backward_tensor(p, loss.id);
    for (int32_t i = 0; i < p->graph->nodes; i++)
        p->value[i].has_grad = false;
    fvi_root(p, loss.id)->has_grad = true;
    if (p->o.dtype == FV_F64)
        *(double *)one.data = 1;
    else
        *(float *)one.data = 1;
}

fv_status fv_plan_backward(fv_ctx *ctx, fv_plan *p, fv_val loss)
{
    if (p->o.mode != FV_TRAIN || p->o.dry)
        return fvi_fail(ctx, FV_EINVAL, "backward needs a training plan");
    if (loss.id < 1 || loss.id > p->graph->nodes ||
        !p->value[loss.id - 1].output ||
        fv_count(p->value[loss.id - 1].shape) != 1)
        return fvi_fail(ctx, FV_EINVAL, "backward starts from a scalar output");
    if (!fvi_root(p, loss.id)->wants_grad)
        return FV_OK; /* nothing trained on the way: all gradients are zero */
    seed_gradient(p, loss);
    for (int i = p->steps - 1; i >= 0; i--) {
        const fvi_step *s = &p->step[i];
        if (fvi_canceled(ctx))
            return canceled(ctx);
        set_threads(ctx, s);
        if (s->want && fvi_root(p, s->value)->has_grad)
            step_backward(p, s);
    }
    set_threads(ctx, NULL);
    return FV_OK;
}

fv_tensor fv_plan_at(fv_plan *p, fv_val v)
{
    if (v.id < 1 || v.id > p->graph->nodes)
        return (fv_tensor){.ndim = -1};
    fv_tensor t = forward_tensor(p, v.id);
    const fvi_node *n = fvi_node_at(p->graph, v.id);
    const fvi_value *root = fvi_root(p, v.id);
    if (p->o.dry || !(root->output || p->o.keep_all || n->op == FVI_OP_input ||
                      n->op == FVI_OP_param))
        t.data = NULL;
    return t;
}

fv_tensor fv_plan_grad_at(fv_plan *p, fv_val v)
{
    if (v.id < 1 || v.id > p->graph->nodes)
        return (fv_tensor){.ndim = -1};
    fv_tensor t = backward_tensor(p, v.id);
    bool kept = fvi_node_at(p->graph, v.id)->op == FVI_OP_input;
    if (p->o.dry || !kept || !fvi_root(p, v.id)->has_grad)
        t.data = NULL;
    return t;
}

void fv_plan_set_step(fv_plan *p, uint64_t step)
{
    p->at_step = step;
}

size_t fv_plan_memory(const fv_plan *p)
{
    return p->arena_size;
}

size_t fv_plan_packed(const fv_plan *p)
{
    return p->packed;
}

static int64_t trained_numbers(const fv_plan *p, int32_t id)
{
    const fvi_node *n = fvi_node_at(p->graph, id);
    int64_t count = 0;
    for (int i = 0; i < n->nx; i++) {
        const fvi_node *x = fvi_node_at(p->graph, n->x[i]);
        if (x->op == FVI_OP_param && !x->lent &&
            p->graph->param[x->param].view.trained)
            count += p->graph->param[x->param].view.count;
    }
    return count;
}

/* The node a step began with names the row: "conv1", also when the step
 * gives the value of the ReLU after it. */
static const fvi_node *first_node(const fv_plan *p, const fvi_step *s)
{
    for (int i = 0; i < p->graph->nodes; i++) {
        const fvi_node *n = &p->graph->node[i];
        if (n->op == s->op && n->nx && n->x[0] == s->x[0] &&
            (n->nx < 2 || n->x[1] == s->x[1]))
            return n;
    }
    return fvi_node_at(p->graph, s->value);
}

size_t fv_plan_rows(const fv_plan *p, fv_plan_row *rows, size_t max)
{
    for (size_t i = 0; i < (size_t)p->steps && i < max; i++) {
        const fvi_step *s = &p->step[i];
        const fvi_op *op = fvi_ops[s->op];
        const fvi_value *root = fvi_root(p, s->value);
        const fvi_node *n = first_node(p, s);
        fv_tensor y = p->value[s->value - 1].shape;
        rows[i] = (fv_plan_row){
            .node = n->name,
            .op = op->name,
            .kernel = s->backend,
            .fused = s->fused,
            .declined = s->declined ? s->declined : "",
            .precision = s->half ? FV_BF16 : FV_FULL,
            .out = y,
            .params = trained_numbers(p, (int32_t)(n - p->graph->node) + 1),
            .work = op->work ? op->work(s->attr, s->in, y) : 0,
            .offset = root->forward.offset,
            .size = root->forward.size,
            .first = root->forward.first,
            .last = root->forward.last};
    }
    return (size_t)p->steps;
}
