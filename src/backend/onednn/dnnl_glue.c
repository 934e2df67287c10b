/* The only file that knows oneDNN: written for the C interface of 2.x, where
 * an operation is described first and a primitive made from the description. */
#include "backend/onednn/dnnl_glue.h"

#include "base/base.h"

#include <dnnl.h>
#include <dnnl_debug.h>
#include <string.h>

enum { ALIGN = 64 };

/* One tensor of a primitive. `own` is in the layout the primitive chose; when
 * that differs from `user`, `change` copies between them. */
typedef struct slot {
    bool used, output;
    dnnl_memory_t user, own; /* own is NULL when the layouts agree */
    dnnl_primitive_t change, change_add;
    size_t size, at; /* of the copy in scratch; at: offset */
    void *packed;    /* a constant input, already changed  */
} slot;

struct fvi_dn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t work; /* oneDNN's own scratch, first in ours */
    slot slot[FVI_DN_ROLES];
    size_t scratch, workspace;
};

static const int dnnl_arg[FVI_DN_ROLES] = {
    [FVI_DN_SRC] = DNNL_ARG_SRC,
    [FVI_DN_WEIGHT] = DNNL_ARG_WEIGHTS,
    [FVI_DN_BIAS] = DNNL_ARG_BIAS,
    [FVI_DN_DST] = DNNL_ARG_DST,
    [FVI_DN_DSRC] = DNNL_ARG_DIFF_SRC,
    [FVI_DN_DWEIGHT] = DNNL_ARG_DIFF_WEIGHTS,
    [FVI_DN_DBIAS] = DNNL_ARG_DIFF_BIAS,
    [FVI_DN_DDST] = DNNL_ARG_DIFF_DST,
    [FVI_DN_WORKSPACE] = DNNL_ARG_WORKSPACE,
};

#define DN_TRY(call)                                                     \
    do {                                                                 \
        dnnl_status_t dn_ = (call);                                      \
        if (dn_ != dnnl_success)                                         \
            return fvi_fail(                                             \
                ctx, dn_ == dnnl_out_of_memory ? FV_ENOMEM : FV_ENOTSUP, \
                "oneDNN answers \"%s\"", dnnl_status2str(dn_));          \
    } while (0)

/* ---- descriptions ---- */

/* Our layout, or any that oneDNN likes. */
static dnnl_status_t describe_as(const fvi_dn_view *v, bool any,
                                 dnnl_data_type_t type, dnnl_memory_desc_t *md)
{
    dnnl_dims_t dim, stride;
    memset(md, 0, sizeof *md);
    if (v->ndim == 0)
        return dnnl_success;
    for (int a = 0; a < v->ndim; a++) {
        dim[a] = v->dim[a];
        stride[a] = v->stride[a];
    }
    if (any)
        return dnnl_memory_desc_init_by_tag(md, v->ndim, dim, type,
                                            dnnl_format_tag_any);
    return dnnl_memory_desc_init_by_strides(md, v->ndim, dim, type, stride);
}

static dnnl_status_t describe(const fvi_dn_view *v, bool any,
                              dnnl_memory_desc_t *md)
{
    return describe_as(v, any, dnnl_f32, md);
}

bool fvi_dn_has_half(void)
{
    return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core_bf16;
}

/* The operation of a spec in the words of oneDNN 2.x. */
typedef struct operation {
    union {
        dnnl_convolution_desc_t conv;
        dnnl_deconvolution_desc_t transposed;
        dnnl_inner_product_desc_t linear;
        dnnl_pooling_v2_desc_t pool;
    };
    dnnl_memory_desc_t src, weight, bias, dst;
    dnnl_dims_t stride, dilation, pad, far, side;
} operation;

static dnnl_status_t describe_all(const fvi_dn_spec *s, operation *o)
{
    bool pool = s->kind == FVI_DN_MAX_POOL || s->kind == FVI_DN_AVG_POOL;
    bool any = s->pass == FVI_DN_TO_WEIGHT && s->kind != FVI_DN_LINEAR;
    dnnl_data_type_t factor = s->half ? dnnl_bf16 : dnnl_f32;
    dnnl_status_t e = describe_as(&s->src, any, factor, &o->src);
    if (e == dnnl_success && !pool)
        e = describe_as(&s->weight, true, factor, &o->weight);
    if (e == dnnl_success)
        e = describe(&s->bias, false, &o->bias);
    if (e == dnnl_success)
        e = describe(&s->dst, any, &o->dst);
    for (int a = 0; a < 3; a++) {
        o->stride[a] = s->stride[a];
        o->dilation[a] = s->dilation[a] - 1; /* theirs counts the gaps */
        o->pad[a] = s->pad[a];
        o->far[a] = s->pad[a] + s->tail[a];
        o->side[a] = s->side[a];
    }
    return e;
}

static dnnl_status_t describe_conv(const fvi_dn_spec *s, operation *o)
{
    const dnnl_alg_kind_t how = dnnl_convolution_direct;
    dnnl_prop_kind_t forward =
        s->train ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_memory_desc_t *bias = s->bias.ndim ? &o->bias : NULL;
    if (s->pass == FVI_DN_FORWARD)
        return dnnl_dilated_convolution_forward_desc_init(
            &o->conv, forward, how, &o->src, &o->weight, bias, &o->dst,
            o->stride, o->dilation, o->pad, o->pad);
    if (s->pass == FVI_DN_TO_INPUT)
        return dnnl_dilated_convolution_backward_data_desc_init(
            &o->conv, how, &o->src, &o->weight, &o->dst, o->stride, o->dilation,
            o->pad, o->pad);
    return dnnl_dilated_convolution_backward_weights_desc_init(
        &o->conv, how, &o->src, &o->weight, bias, &o->dst, o->stride,
        o->dilation, o->pad, o->pad);
}

static dnnl_status_t describe_transposed(const fvi_dn_spec *s, operation *o)
{
    const dnnl_alg_kind_t how = dnnl_deconvolution_direct;
    dnnl_prop_kind_t forward =
        s->train ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_memory_desc_t *bias = s->bias.ndim ? &o->bias : NULL;
    if (s->pass == FVI_DN_FORWARD)
        return dnnl_dilated_deconvolution_forward_desc_init(
            &o->transposed, forward, how, &o->src, &o->weight, bias, &o->dst,
            o->stride, o->dilation, o->pad, o->pad);
    if (s->pass == FVI_DN_TO_INPUT)
        return dnnl_dilated_deconvolution_backward_data_desc_init(
            &o->transposed, how, &o->src, &o->weight, &o->dst, o->stride,
            o->dilation, o->pad, o->pad);
    return dnnl_dilated_deconvolution_backward_weights_desc_init(
        &o->transposed, how, &o->src, &o->weight, bias, &o->dst, o->stride,
        o->dilation, o->pad, o->pad);
}

static dnnl_status_t describe_linear(const fvi_dn_spec *s, operation *o)
{
    dnnl_prop_kind_t forward =
        s->train ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_memory_desc_t *bias = s->bias.ndim ? &o->bias : NULL;
    if (s->pass == FVI_DN_FORWARD)
        return dnnl_inner_product_forward_desc_init(
            &o->linear, forward, &o->src, &o->weight, bias, &o->dst);
    if (s->pass == FVI_DN_TO_INPUT)
        return dnnl_inner_product_backward_data_desc_init(&o->linear, &o->src,
                                                          &o->weight, &o->dst);
    return dnnl_inner_product_backward_weights_desc_init(
        &o->linear, &o->src, &o->weight, bias, &o->dst);
}

static dnnl_status_t describe_pool(const fvi_dn_spec *s, operation *o)
{
    dnnl_alg_kind_t how = s->kind == FVI_DN_MAX_POOL
                              ? dnnl_pooling_max
                              : dnnl_pooling_avg_exclude_padding;
    dnnl_prop_kind_t forward =
        s->train ? dnnl_forward_training : dnnl_forward_inference;
    if (s->pass == FVI_DN_FORWARD)
        return dnnl_pooling_v2_forward_desc_init(
            &o->pool, forward, how, &o->src, &o->dst, o->stride, o->side,
            o->dilation, o->pad, o->far);
    return dnnl_pooling_v2_backward_desc_init(&o->pool, how, &o->src, &o->dst,
                                              o->stride, o->side, o->dilation,
                                              o->pad, o->far);
}

static dnnl_status_t describe_operation(const fvi_dn_spec *s, operation *o)
{
    dnnl_status_t e = describe_all(s, o);
    if (e != dnnl_success)
        return e;
    switch (s->kind) {
    case FVI_DN_CONV:
        return describe_conv(s, o);
    case FVI_DN_CONV_TRANSPOSED:
        return describe_transposed(s, o);
    case FVI_DN_LINEAR:
        return describe_linear(s, o);
    default:
        return describe_pool(s, o);
    }
}

/* Scratch from us; the activation done on the way. */
static dnnl_status_t describe_extras(const fvi_dn_spec *s,
                                     dnnl_primitive_attr_t attr)
{
    dnnl_status_t e = dnnl_primitive_attr_set_scratchpad_mode(
        attr, dnnl_scratchpad_mode_user);
    if (e != dnnl_success || s->act == FVI_ACT_NONE ||
        s->pass != FVI_DN_FORWARD)
        return e;
    dnnl_post_ops_t after = NULL;
    e = dnnl_post_ops_create(&after);
    if (e == dnnl_success)
        e = dnnl_post_ops_append_eltwise(
            after, 1.0F, dnnl_eltwise_relu,
            s->act == FVI_ACT_LEAKY ? s->slope : 0.0F, 0.0F);
    if (e == dnnl_success)
        e = dnnl_primitive_attr_set_post_ops(attr, after);
    dnnl_post_ops_destroy(after);
    return e;
}

/* oneDNN 2.6 reads where nothing is in its brgemm for the input gradient of a
 * linear layer that makes many channels of few, such as 1536 of 16. */
static bool distrusts_brgemm(const fvi_dn_spec *s)
{
    int64_t from = s->src.dim[1], to = s->dst.dim[1];
    return s->kind == FVI_DN_LINEAR && s->pass == FVI_DN_TO_INPUT &&
           to > 1024 && to >= 16 * from;
}

static bool is_brgemm(dnnl_primitive_desc_iterator_t it)
{
    const char *name = "";
    dnnl_primitive_desc_t pd = dnnl_primitive_desc_iterator_fetch(it);
    bool yes = dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0,
                                         (void *)&name) == dnnl_success &&
               strncmp(name, "brgemm", 6) == 0;
    dnnl_primitive_desc_destroy(pd);
    return yes;
}

/* The first implementation that we trust. */
static dnnl_status_t choose_from(dnnl_engine_t engine, const fvi_dn_spec *s,
                                 const operation *o,
                                 const_dnnl_primitive_attr_t attr,
                                 const_dnnl_primitive_desc_t hint,
                                 dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_iterator_t it = NULL;
    dnnl_status_t e =
        dnnl_primitive_desc_iterator_create(&it, o, attr, engine, hint);
    while (e == dnnl_success && distrusts_brgemm(s) && is_brgemm(it))
        e = dnnl_primitive_desc_iterator_next(it);
    if (e == dnnl_success)
        *out = dnnl_primitive_desc_iterator_fetch(it);
    if (e == dnnl_success && !*out)
        e = dnnl_out_of_memory;
    dnnl_primitive_desc_iterator_destroy(it);
    return e == dnnl_iterator_ends ? dnnl_unimplemented : e;
}

/* A description that oneDNN has an implementation for. `hint` is the forward
 * description when the pass is a backward one. */
static dnnl_status_t choose(dnnl_engine_t engine, const fvi_dn_spec *s,
                            const_dnnl_primitive_desc_t hint,
                            dnnl_primitive_desc_t *out)
{
    operation o;
    memset(&o, 0, sizeof o);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t e = describe_operation(s, &o);
    if (e == dnnl_success)
        e = dnnl_primitive_attr_create(&attr);
    if (e == dnnl_success)
        e = describe_extras(s, attr);
    if (e == dnnl_success)
        e = choose_from(engine, s, &o, attr, hint, out);
    dnnl_primitive_attr_destroy(attr);
    return e;
}

static dnnl_status_t choose_with_hint(dnnl_engine_t engine,
                                      const fvi_dn_spec *s,
                                      dnnl_primitive_desc_t *out)
{
    fvi_dn_spec forward = *s;
    dnnl_primitive_desc_t hint = NULL;
    forward.pass = FVI_DN_FORWARD;
    forward.train = true;
    forward.act = FVI_ACT_NONE;
    dnnl_status_t e = dnnl_success;
    if (s->pass != FVI_DN_FORWARD)
        e = choose(engine, &forward, NULL, &hint);
    if (e == dnnl_success)
        e = choose(engine, s, hint, out);
    dnnl_primitive_desc_destroy(hint);
    return e;
}

/* ---- building ---- */

/* Adds `size` bytes to the scratch; returns where they begin. */
static size_t reserve(fvi_dn *dn, size_t size)
{
    size_t at = dn->scratch;
    dn->scratch += (size + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

/* A copy from one layout to the other, adding when asked. */
static dnnl_status_t make_change(const fvi_dn *dn, const dnnl_memory_desc_t *a,
                                 const dnnl_memory_desc_t *b, bool add,
                                 dnnl_primitive_t *out)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t after = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t e = dnnl_primitive_attr_create(&attr);
    if (e == dnnl_success && add) {
        e = dnnl_post_ops_create(&after);
        if (e == dnnl_success)
            e = dnnl_post_ops_append_sum(after, 1.0F);
        if (e == dnnl_success)
            e = dnnl_primitive_attr_set_post_ops(attr, after);
    }
    if (e == dnnl_success)
        e = dnnl_reorder_primitive_desc_create(&pd, a, dn->engine, b,
                                               dn->engine, attr);
    if (e == dnnl_success)
        e = dnnl_primitive_create(out, pd);
    dnnl_primitive_desc_destroy(pd);
    dnnl_post_ops_destroy(after);
    dnnl_primitive_attr_destroy(attr);
    return e;
}

static dnnl_status_t make_memory(const fvi_dn *dn, const dnnl_memory_desc_t *md,
                                 dnnl_memory_t *out)
{
    return dnnl_memory_create(out, md, dn->engine, DNNL_MEMORY_NONE);
}

/* Ties a role to the primitive: the same memory when the layouts agree, else
 * a second one in scratch, unless it is `fixed` and packed beforehand. Outputs
 * get scratch in any case, for adding. */
static dnnl_status_t make_slot(fvi_dn *dn, const fvi_dn_view *view, bool output,
                               bool fixed, const dnnl_memory_desc_t *chosen,
                               slot *s)
{
    dnnl_memory_desc_t plain;
    dnnl_status_t e = describe(view, false, &plain);
    if (e != dnnl_success)
        return e;
    s->used = true;
    s->output = output;
    s->size = dnnl_memory_desc_get_size(chosen);
    if ((e = make_memory(dn, &plain, &s->user)) != dnnl_success)
        return e;
    bool same = dnnl_memory_desc_equal(&plain, chosen);
    if (output || !(same || fixed))
        s->at = reserve(dn, s->size);
    if (same)
        return dnnl_success;
    if ((e = make_memory(dn, chosen, &s->own)) != dnnl_success)
        return e;
    if (!output)
        return make_change(dn, &plain, chosen, false, &s->change);
    e = make_change(dn, chosen, &plain, false, &s->change);
    if (e == dnnl_success)
        e = make_change(dn, chosen, &plain, true, &s->change_add);
    return e;
}

/* The workspace goes from forward to backward as it is. */
static dnnl_status_t make_workspace(fvi_dn *dn, const dnnl_memory_desc_t *md,
                                    slot *s)
{
    s->used = true;
    dn->workspace = dnnl_memory_desc_get_size(md);
    return make_memory(dn, md, &s->user);
}

static const fvi_dn_view *view_of(const fvi_dn_spec *s, int role)
{
    switch (role) {
    case FVI_DN_SRC:
    case FVI_DN_DSRC:
        return &s->src;
    case FVI_DN_WEIGHT:
    case FVI_DN_DWEIGHT:
        return &s->weight;
    case FVI_DN_BIAS:
    case FVI_DN_DBIAS:
        return &s->bias;
    default:
        return &s->dst;
    }
}

/* Every tensor that the chosen primitive takes. */
static dnnl_status_t make_slots(fvi_dn *dn, const fvi_dn_spec *spec,
                                const_dnnl_primitive_desc_t pd)
{
    const dnnl_memory_desc_t *work = dnnl_primitive_desc_query_md(
        pd, dnnl_query_exec_arg_md, DNNL_ARG_SCRATCHPAD);
    dnnl_status_t e = dnnl_success;
    if (work && dnnl_memory_desc_get_size(work) > 0) {
        reserve(dn, dnnl_memory_desc_get_size(work));
        e = make_memory(dn, work, &dn->work);
    }
    for (int role = 0; role < FVI_DN_ROLES && e == dnnl_success; role++) {
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(
            pd, dnnl_query_exec_arg_md, dnnl_arg[role]);
        if (!md || md->ndims == 0)
            continue;
        bool output = role == FVI_DN_DSRC || role == FVI_DN_DWEIGHT ||
                      role == FVI_DN_DBIAS ||
                      (role == FVI_DN_DST && spec->pass == FVI_DN_FORWARD);
        if (role == FVI_DN_WORKSPACE)
            e = make_workspace(dn, md, &dn->slot[role]);
        else
            e = make_slot(dn, view_of(spec, role), output,
                          spec->fixed && role == FVI_DN_WEIGHT, md,
                          &dn->slot[role]);
    }
    return e;
}

static fv_status make(fv_ctx *ctx, const fvi_dn_spec *spec, fvi_dn *dn)
{
    dnnl_primitive_desc_t pd = NULL;
    DN_TRY(dnnl_engine_create(&dn->engine, dnnl_cpu, 0));
    DN_TRY(
        dnnl_stream_create(&dn->stream, dn->engine, dnnl_stream_default_flags));
    DN_TRY(choose_with_hint(dn->engine, spec, &pd));
    dnnl_status_t e = dnnl_primitive_create(&dn->primitive, pd);
    if (e == dnnl_success)
        e = make_slots(dn, spec, pd);
    dnnl_primitive_desc_destroy(pd);
    DN_TRY(e);
    return FV_OK;
}

fv_status fvi_dn_new(fv_ctx *ctx, const fvi_dn_spec *spec, fvi_dn **out)
{
    fvi_dn *dn = fvi_calloc(ctx, 1, sizeof *dn);
    *out = NULL;
    if (!dn)
        return FV_ENOMEM;
    fv_status status = make(ctx, spec, dn);
    if (status != FV_OK) {
        fvi_dn_free(ctx, dn);
        return status;
    }
    *out = dn;
    return FV_OK;
}

void fvi_dn_free(fv_ctx *ctx, fvi_dn *dn)
{
    if (!dn)
        return;
    for (int role = 0; role < FVI_DN_ROLES; role++) {
        slot *s = &dn->slot[role];
        dnnl_primitive_destroy(s->change);
        dnnl_primitive_destroy(s->change_add);
        dnnl_memory_destroy(s->user);
        dnnl_memory_destroy(s->own);
        fvi_free(ctx, s->packed);
    }
    dnnl_memory_destroy(dn->work);
    dnnl_primitive_destroy(dn->primitive);
    dnnl_stream_destroy(dn->stream);
    dnnl_engine_destroy(dn->engine);
    fvi_free(ctx, dn);
}

size_t fvi_dn_scratch(const fvi_dn *dn)
{
    return dn->scratch;
}

size_t fvi_dn_workspace(const fvi_dn *dn)
{
    return dn->workspace;
}

/* ---- running ---- */

static void copy(fvi_dn *dn, dnnl_primitive_t how, dnnl_memory_t from,
                 dnnl_memory_t to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_execute(how, dn->stream, 2, args);
}

/* The handle of an input is never written through. */
static void bind(dnnl_memory_t memory, const void *data)
{
    union {
        const void *in;
        void *out;
    } pointer = {data};
    dnnl_memory_set_data_handle(memory, pointer.out);
}

size_t fvi_dn_packed(const fvi_dn *dn)
{
    const slot *s = &dn->slot[FVI_DN_WEIGHT];
    return s->used && s->own ? s->size : 0;
}

fv_status fvi_dn_pack(fv_ctx *ctx, fvi_dn *dn, const void *data)
{
    slot *s = &dn->slot[FVI_DN_WEIGHT];
    if (fvi_dn_packed(dn) == 0)
        return FV_OK;
    s->packed = fvi_alloc(ctx, s->size);
    if (!s->packed)
        return FV_ENOMEM;
    bind(s->user, data);
    bind(s->own, s->packed);
    copy(dn, s->change, s->user, s->own);
    DN_TRY(dnnl_stream_wait(dn->stream));
    return FV_OK;
}

/* Gives a tensor its numbers before the run; returns what the primitive is to
 * see. */
static dnnl_memory_t enter(fvi_dn *dn, slot *s, void *data, bool add,
                           char *scratch)
{
    if (s->packed) {
        bind(s->own, s->packed);
        return s->own;
    }
    if (!s->own) {
        bind(s->user, s->output && add ? scratch + s->at : data);
        return s->user;
    }
    bind(s->user, data);
    bind(s->own, scratch + s->at);
    if (!s->output)
        copy(dn, s->change, s->user, s->own);
    return s->own;
}

static void add_to(float *y, const float *x, int64_t n)
{
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* Brings an output to where the caller wants it. */
static void leave(fvi_dn *dn, slot *s, void *data, bool add, char *scratch)
{
    if (s->own)
        copy(dn, add ? s->change_add : s->change, s->own, s->user);
    else if (add)
        add_to(data, (const float *)(scratch + s->at),
               (int64_t)(s->size / sizeof(float)));
}

void fvi_dn_run(fvi_dn *dn, const fvi_dn_call *call)
{
    dnnl_exec_arg_t args[FVI_DN_ROLES + 1];
    int n = 0;
    for (int role = 0; role < FVI_DN_ROLES; role++) {
        slot *s = &dn->slot[role];
        if (!s->used)
            continue;
        args[n].arg = dnnl_arg[role];
        args[n++].memory = enter(dn, s, call->data[role],
                                 call->add >> role & 1U, call->scratch);
    }
    if (dn->work) {
        bind(dn->work, call->scratch);
        args[n].arg = DNNL_ARG_SCRATCHPAD;
        args[n++].memory = dn->work;
    }
    dnnl_primitive_execute(dn->primitive, dn->stream, n, args);
    for (int role = 0; role < FVI_DN_ROLES; role++)
        if (dn->slot[role].output)
            leave(dn, &dn->slot[role], call->data[role], call->add >> role & 1U,
                  call->scratch);
    dnnl_stream_wait(dn->stream);
}
