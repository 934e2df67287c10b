/*
 * Fusion: where a kernel can do the next operation on its way, the two become
 * one step. Inference folds batch norm into the convolution before it, and a
 * rectifier into what it rectifies; training joins batch norm and ReLU. With
 * products of bf16 numbers a linear layer takes GELU and a sum along, too.
 */
#include "graph/plan_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool has_weights(fvi_op_id op)
{
    return op == FVI_OP_conv || op == FVI_OP_conv_transposed ||
           op == FVI_OP_linear;
}

static fvi_act act_of(const fvi_step *s)
{
    if (s->op == FVI_OP_linear)
        return ((const fvi_linear *)s->attr)->act;
    if (s->op == FVI_OP_batch_norm)
        return ((const fvi_norm *)s->attr)->act;
    return ((const fvi_window *)s->attr)->act;
}

static void set_act(fvi_step *s, fvi_act act, float slope)
{
    if (s->op == FVI_OP_linear) {
        ((fvi_linear *)s->attr)->act = act;
        ((fvi_linear *)s->attr)->slope = slope;
    } else if (s->op == FVI_OP_batch_norm) {
        ((fvi_norm *)s->attr)->act = act;
    } else {
        ((fvi_window *)s->attr)->act = act;
        ((fvi_window *)s->attr)->slope = slope;
    }
}

/* The step whose result only `s` reads, as input i, or NULL. */
static fvi_step *sole_source(fv_plan *p, const fvi_step *s, int i)
{
    int32_t id = s->x[i];
    const fvi_value *v = &p->value[id - 1];
    if (v->root != id || v->readers != 1 || v->output)
        return NULL;
    for (fvi_step *t = p->step; t < s; t++)
        if (t->value == id)
            return t->nx ? t : NULL;
    return NULL;
}

/*
 * y = scale (conv(x) + b - mean)/sqrt(var + eps) + shift as one convolution:
 *   f'[...,k] = f[...,k] a[k],  b'[k] = (b[k] - mean[k]) a[k] + shift[k]
 *   with a[k] = scale[k]/sqrt(var[k] + eps)
 */
static void fold_numbers(const fvi_step *conv, const fvi_step *bn,
                         const fv_plan *p, float *f, float *b)
{
    const float *in[FVI_MAX_INPUTS] = {0};
    for (int i = 1; i < 5; i++)
        in[i] = p->value[bn->x[i] - 1].data;
    const float *weight = p->value[conv->x[1] - 1].data;
    const float *bias = conv->nx > 2 ? p->value[conv->x[2] - 1].data : NULL;
    double eps = (double)((const fvi_norm *)bn->attr)->eps;
    int64_t K = fv_count(bn->in[1]), rows = fv_count(conv->in[1]) / K;
    for (int64_t k = 0; k < K; k++) {
        double a = (double)in[1][k] / sqrt((double)in[4][k] + eps);
        double old = bias ? (double)bias[k] : 0;
        b[k] = (float)((old - (double)in[3][k]) * a + (double)in[2][k]);
        for (int64_t r = 0; r < rows; r++)
            f[r * K + k] = (float)((double)weight[r * K + k] * a);
    }
}

static fv_status fold_batch_norm(fv_plan *p, fvi_step *conv, const fvi_step *bn)
{
    size_t n = (size_t)fv_count(conv->in[1]), K = (size_t)fv_count(bn->in[1]);
    p->packed += (n + K) * sizeof(float);
    if (!p->o.dry) {
        float *f = fvi_alloc(p->ctx, n * sizeof *f);
        float *b = fvi_alloc(p->ctx, K * sizeof *b);
        if (!f || !b) {
            fvi_free(p->ctx, f);
            fvi_free(p->ctx, b);
            return FV_ENOMEM;
        }
        fold_numbers(conv, bn, p, f, b);
        conv->folded[1] = f;
        conv->folded[2] = b;
    }
    if (conv->nx < 3) {
        conv->x[2] = bn->x[2]; /* stands in for the shape of a bias */
        conv->in[2] = bn->in[2];
        conv->nx = 3;
    }
    return FV_OK;
}

/* `later` is done by `earlier` from now on. */
static void absorb(fvi_step *earlier, fvi_step *later)
{
    size_t used = strlen(earlier->fused);
    snprintf(earlier->fused + used, sizeof earlier->fused - used, "%s%s",
             used ? "+" : "", fvi_ops[later->op]->name);
    earlier->value = later->value;
    later->nx = 0; /* swept away below */
}

static bool adds(const fvi_step *s)
{
    return s->op == FVI_OP_linear && ((const fvi_linear *)s->attr)->added;
}

/* A value is there before step t begins. */
static bool is_before(const fv_plan *p, int32_t id, const fvi_step *t)
{
    const int32_t root = p->value[id - 1].root;
    for (const fvi_step *q = t; q < p->step + p->steps; q++)
        if (q->nx && q->value == root)
            return false;
    return true;
}

/* A linear layer adds what was there before, where bf16 makes its kernel an own
 * one. */
static void try_add(fv_plan *p, fvi_step *s)
{
    for (int i = 0; i < 2; i++) {
        fvi_step *t = sole_source(p, s, i);
        if (!t || t->op != FVI_OP_linear || adds(t) ||
            !is_before(p, s->x[1 - i], t))
            continue;
        t->x[t->nx] = s->x[1 - i];
        t->in[t->nx++] = s->in[1 - i];
        ((fvi_linear *)t->attr)->added = true;
        absorb(t, s);
        return;
    }
}

static fv_status try_fuse(fv_plan *p, fvi_step *s)
{
    bool infer = p->o.mode == FV_INFER;
    bool half = infer && p->o.precision == FV_BF16;
    fvi_step *t = sole_source(p, s, 0);
    if (half && s->op == FVI_OP_add) {
        try_add(p, s);
        return FV_OK;
    }
    if (!t)
        return FV_OK;
    bool free_act = (has_weights(t->op) || t->op == FVI_OP_batch_norm) &&
                    act_of(t) == FVI_ACT_NONE && !adds(t);
    if (s->op == FVI_OP_batch_norm && infer && has_weights(t->op) && free_act &&
        !t->folded[1]) {
        FV_TRY(fold_batch_norm(p, t, s));
        absorb(t, s);
    } else if (s->op == FVI_OP_relu && free_act &&
               (infer || t->op == FVI_OP_batch_norm)) {
        set_act(t, FVI_ACT_RELU, 0);
        absorb(t, s);
    } else if (s->op == FVI_OP_leaky_relu && free_act && infer &&
               has_weights(t->op)) {
        set_act(t, FVI_ACT_LEAKY, ((const fvi_number *)s->attr)->value);
        absorb(t, s);
    } else if (s->op == FVI_OP_gelu && free_act && half &&
               t->op == FVI_OP_linear) {
        set_act(t, FVI_ACT_GELU, 0);
        absorb(t, s);
    }
    return FV_OK;
}

static bool gone(const fvi_step *s)
{
    return s->nx == 0;
}

fv_status fvi_fuse(fv_plan *p)
{
    if (p->o.keep_all || p->o.dtype != FV_F32)
        return FV_OK;
    for (int i = 0; i < p->steps; i++)
        FV_TRY(try_fuse(p, &p->step[i]));
    int left = 0;
    for (int i = 0; i < p->steps; i++) {
        if (gone(&p->step[i]))
            fvi_free(p->ctx, p->step[i].attr);
        else
            p->step[left++] = p->step[i];
    }
    p->steps = left;
    return FV_OK;
}
