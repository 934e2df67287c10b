/* A node as up to three oneDNN primitives. */
#include "backend/onednn/node.h"

#include "base/base.h"

typedef struct node {
    fvi_dn *forward, *to_input, *to_weight;
    int nx;
} node;

/* ---- views ---- */

fvi_dn_view fvi_dn_activation(fv_tensor t)
{
    fvi_dn_view v = {.ndim = t.ndim};
    int last = t.ndim - 1;
    v.dim[0] = t.dim[0];
    v.stride[0] = t.stride[0];
    v.dim[1] = t.dim[last];
    v.stride[1] = t.stride[last];
    for (int a = 1; a < last; a++) {
        v.dim[a + 1] = t.dim[a];
        v.stride[a + 1] = t.stride[a];
    }
    return v;
}

fvi_dn_view fvi_dn_filters(fv_tensor t)
{
    fvi_dn_view v = {.ndim = t.ndim};
    int last = t.ndim - 1;
    for (int a = 0; a < 2; a++) {
        v.dim[a] = t.dim[last - a];
        v.stride[a] = t.stride[last - a];
    }
    for (int a = 0; a < last - 1; a++) {
        v.dim[a + 2] = t.dim[a];
        v.stride[a + 2] = t.stride[a];
    }
    return v;
}

fvi_dn_view fvi_dn_vector(fv_tensor t)
{
    return (fvi_dn_view){.ndim = 1, .dim = {t.dim[0]}, .stride = {1}};
}

fvi_dn_view fvi_dn_rows(fv_tensor t)
{
    int64_t C = t.dim[t.ndim - 1], rows = 1;
    for (int a = 0; a < t.ndim - 1; a++)
        rows *= t.dim[a];
    return (fvi_dn_view){.ndim = 2, .dim = {rows, C}, .stride = {C, 1}};
}

void fvi_dn_window(const fvi_window *w, fvi_dn_spec *spec)
{
    for (int a = 0; a < 3; a++)
        spec->side[a] = spec->stride[a] = spec->dilation[a] = 1;
    for (int a = 0; a < w->rank; a++) {
        int from = 3 - w->rank + a;
        spec->side[a] = w->kernel[from];
        spec->stride[a] = w->stride[from];
        spec->dilation[a] = w->dilation[from];
        spec->pad[a] = w->pad[from];
        spec->tail[a] = w->tail[from];
    }
    spec->act = w->act;
    spec->slope = w->slope;
}

/* ---- kernel ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static fv_status make_backward(fv_ctx *ctx, const fvi_problem *p,
                               fvi_dn_spec spec, fvi_need *need, node *n)
{
    if (p->want & 1U) {
        spec.pass = FVI_DN_TO_INPUT;
        FV_TRY(fvi_dn_new(ctx, &spec, &n->to_input));
        need->scratch = larger(need->scratch, fvi_dn_scratch(n->to_input));
    }
    if (p->want & ~1U) {
        spec.pass = FVI_DN_TO_WEIGHT;
        FV_TRY(fvi_dn_new(ctx, &spec, &n->to_weight));
        need->scratch = larger(need->scratch, fvi_dn_scratch(n->to_weight));
    }
    return FV_OK;
}

static fv_status make(fv_ctx *ctx, const fvi_problem *p, fvi_dn_spec spec,
                      fvi_need *need, node *n)
{
    for (int i = 1; i < p->nx; i++)
        if (p->train && (p->want >> i & 1U) != (p->want >> 1 & 1U))
            return fvi_fail(ctx, FV_ENOTSUP,
                            "oneDNN gives the gradients of weight and bias "
                            "together, one was asked for");
    for (int i = 0; i < p->nx; i++)
        if (fv_count(p->x[i]) == 0)
            return fvi_fail(ctx, FV_ENOTSUP, "nothing to compute");
    spec.train = p->train;
    spec.fixed = !p->train && p->nx > 1 && (p->fixed >> 1 & 1U);
    spec.pass = FVI_DN_FORWARD;
    FV_TRY(fvi_dn_new(ctx, &spec, &n->forward));
    need->scratch = fvi_dn_scratch(n->forward);
    need->keep = fvi_dn_workspace(n->forward);
    if (p->train)
        return make_backward(ctx, p, spec, need, n);
    if (!spec.fixed)
        return FV_OK;
    need->packed = fvi_dn_packed(n->forward);
    return p->dry ? FV_OK : fvi_dn_pack(ctx, n->forward, p->x[1].data);
}

fv_status fvi_dn_prepare(fv_ctx *ctx, const fvi_problem *p,
                         const fvi_dn_spec *spec, fvi_need *need, void **state)
{
    node *n = fvi_calloc(ctx, 1, sizeof *n);
    if (!n)
        return FV_ENOMEM;
    n->nx = p->nx;
    fv_status status = make(ctx, p, *spec, need, n);
    if (status != FV_OK) {
        fvi_dn_release(ctx, n);
        return status;
    }
    *state = n;
    return FV_OK;
}

void fvi_dn_forward(void *state, const fvi_call *c)
{
    node *n = state;
    fvi_dn_call call = {.scratch = c->scratch};
    call.data[FVI_DN_SRC] = c->x[0].data;
    call.data[FVI_DN_WEIGHT] = n->nx > 1 ? c->x[1].data : NULL;
    call.data[FVI_DN_BIAS] = n->nx > 2 ? c->x[2].data : NULL;
    call.data[FVI_DN_DST] = c->y.data;
    call.data[FVI_DN_WORKSPACE] = c->keep;
    fvi_dn_run(n->forward, &call);
}

void fvi_dn_backward(void *state, const fvi_call *c)
{
    node *n = state;
    fvi_dn_call call = {.scratch = c->scratch};
    call.data[FVI_DN_SRC] = c->x[0].data;
    call.data[FVI_DN_WEIGHT] = n->nx > 1 ? c->x[1].data : NULL;
    call.data[FVI_DN_DDST] = c->dy.data;
    call.data[FVI_DN_WORKSPACE] = c->keep;
    call.data[FVI_DN_DSRC] = c->dx[0].data;
    call.data[FVI_DN_DWEIGHT] = n->nx > 1 ? c->dx[1].data : NULL;
    call.data[FVI_DN_DBIAS] = n->nx > 2 ? c->dx[2].data : NULL;
    if (!(c->fresh & 1U))
        call.add |= 1U << FVI_DN_DSRC;
    if (!(c->fresh & 2U))
        call.add |= 1U << FVI_DN_DWEIGHT;
    if (!(c->fresh & 4U))
        call.add |= 1U << FVI_DN_DBIAS;
    if (n->to_input)
        fvi_dn_run(n->to_input, &call);
    if (n->to_weight)
        fvi_dn_run(n->to_weight, &call);
}

void fvi_dn_release(fv_ctx *ctx, void *state)
{
    node *n = state;
    if (!n)
        return;
    fvi_dn_free(ctx, n->forward);
    fvi_dn_free(ctx, n->to_input);
    fvi_dn_free(ctx, n->to_weight);
    fvi_free(ctx, n);
}
