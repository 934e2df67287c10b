/* Running a kernel in a padded cell: its buffers are poisoned before and
 * inspected afterwards. */
#include "checkop.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, GUARD_BYTE = 0x5A, POISON = 0xFF };

typedef struct buffer {
    unsigned char *block; /* guard, numbers, guard; NULL: absent */
    size_t bytes;
} buffer;

struct checkop_node {
    fv_ctx *ctx;
    const checkop_problem *p;
    checkop_subject s;
    checkop_how how;
    void *state;
    unsigned tiled; /* FVI_TILED_* */
    buffer x[FVI_MAX_INPUTS], dx[FVI_MAX_INPUTS], y, dy, keep, scratch;
    fv_tensor in[FVI_MAX_INPUTS], back[FVI_MAX_INPUTS], grad[FVI_MAX_INPUTS];
    fv_tensor out;
};

double *checkop_numbers(fv_ctx *ctx, int64_t count)
{
    double *v = fvi_calloc(ctx, (size_t)count + 1, sizeof *v);
    if (!v) {
        fprintf(stderr, "checkop: out of memory\n");
        exit(2);
    }
    return v;
}

static buffer buffer_new(fv_ctx *ctx, size_t bytes)
{
    buffer b = {fvi_alloc(ctx, bytes + 2 * GUARD), bytes};
    if (!b.block) {
        fprintf(stderr, "checkop: out of memory\n");
        exit(2);
    }
    memset(b.block, GUARD_BYTE, bytes + 2 * GUARD);
    memset(b.block + GUARD, POISON, bytes);
    return b;
}

static void *inside(buffer b)
{
    return b.block ? b.block + GUARD : NULL;
}

static bool intact(buffer b)
{
    for (size_t i = 0; b.block && i < GUARD; i++)
        if (b.block[i] != GUARD_BYTE ||
            b.block[GUARD + b.bytes + i] != GUARD_BYTE)
            return false;
    return true;
}

static void put(buffer b, fv_dtype type, const double *from)
{
    size_t count = b.bytes / fv_dtype_size(type);
    for (size_t i = 0; i < count; i++)
        if (type == FV_F32)
            ((float *)inside(b))[i] = (float)from[i];
        else
            ((double *)inside(b))[i] = from[i];
}

static double *get(fv_ctx *ctx, buffer b, fv_dtype type)
{
    size_t count = b.bytes / fv_dtype_size(type);
    double *to = checkop_numbers(ctx, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        to[i] = type == FV_F32 ? (double)((float *)inside(b))[i]
                               : ((double *)inside(b))[i];
    return to;
}

/* ---- tiles (backend.h) ---- */

/* Where number i of a tensor lies. */
static int64_t tiled_at(fv_tensor shape, int64_t i)
{
    const int64_t C = shape.dim[shape.ndim - 1], row = i / C, c = i % C;
    const int64_t across = (C + FVI_TILED - 1) / FVI_TILED;
    return ((row / FVI_TILED * across + c / FVI_TILED) * FVI_TILED +
            row % FVI_TILED) *
               FVI_TILED +
           c % FVI_TILED;
}

/* The nearest bf16 number, ties to even. */
static uint16_t bits_of(double v)
{
    float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

static void put_tiles(buffer b, fv_tensor shape, const double *from)
{
    memset(inside(b), 0, b.bytes);
    for (int64_t i = 0; i < fv_count(shape); i++)
        ((uint16_t *)inside(b))[tiled_at(shape, i)] = bits_of(from[i]);
}

static double *get_tiles(fv_ctx *ctx, buffer b, fv_tensor shape)
{
    double *to = checkop_numbers(ctx, fv_count(shape));
    for (int64_t i = 0; i < fv_count(shape); i++) {
        uint32_t bits = ((uint16_t *)inside(b))[tiled_at(shape, i)];
        float f;
        bits <<= 16;
        memcpy(&f, &bits, sizeof f);
        to[i] = (double)f;
    }
    return to;
}

/* Numbers that fill the last blocks must be zero. */
static bool filled_with_zeros(buffer b, fv_tensor shape)
{
    const size_t count = b.bytes / sizeof(uint16_t);
    size_t zeros = 0, others = 0;
    for (size_t i = 0; i < count; i++)
        zeros += !((uint16_t *)inside(b))[i];
    for (int64_t i = 0; i < fv_count(shape); i++)
        others += !((uint16_t *)inside(b))[tiled_at(shape, i)];
    return zeros - others == count - (size_t)fv_count(shape);
}

static double *get_either(fv_ctx *ctx, buffer b, fv_tensor shape, fv_dtype type,
                          bool tiled)
{
    return tiled ? get_tiles(ctx, b, shape) : get(ctx, b, type);
}

static fv_tensor view(buffer b, fv_tensor shape, fv_dtype type)
{
    return fv_dense(inside(b), type, shape.ndim, shape.dim);
}

static void fill_buffers(checkop_node *n, const checkop_data *d)
{
    const checkop_problem *p = n->p;
    fv_dtype type = n->s.dtype;
    size_t size = fv_dtype_size(type);
    unsigned keep = fvi_ops[p->op]->keep;
    for (int i = 0; i < p->nx; i++) {
        size_t bytes = (size_t)fv_count(p->x[i]) * size;
        const bool tiled = n->tiled & FVI_TILED_X(i);
        n->x[i] = buffer_new(n->ctx, tiled ? fvi_tiled_bytes(p->x[i]) : bytes);
        if (tiled)
            put_tiles(n->x[i], p->x[i], d->x[i]);
        else
            put(n->x[i], type, d->x[i]);
        n->in[i] = n->back[i] = view(n->x[i], p->x[i], type);
        n->grad[i] = view((buffer){0}, p->x[i], type);
        if (!(keep & FVI_KEEP_X(i)))
            n->back[i].data = NULL;
        if (!(n->how.want & (1u << i)))
            continue;
        n->dx[i] = buffer_new(n->ctx, bytes);
        if (!(n->how.fresh & (1u << i)))
            memset(inside(n->dx[i]), 0, bytes);
        n->grad[i] = view(n->dx[i], p->x[i], type);
    }
    n->y = buffer_new(n->ctx, n->tiled & FVI_TILED_Y
                                  ? fvi_tiled_bytes(p->y)
                                  : (size_t)fv_count(p->y) * size);
    n->dy = buffer_new(n->ctx, (size_t)fv_count(p->y) * size);
    put(n->dy, type, d->dy);
    n->out = view(n->y, p->y, type);
}

fv_status checkop_open(fv_ctx *ctx, const checkop_problem *p,
                       const checkop_subject *s, const checkop_data *d,
                       checkop_how how, checkop_node **out)
{
    checkop_node *n = fvi_calloc(ctx, 1, sizeof *n);
    if (!n)
        return FV_ENOMEM;
    n->ctx = ctx;
    n->p = p;
    n->s = *s;
    n->how = how;
    if (!n->how.want)
        n->how.want = p->want;
    omp_set_num_threads(how.threads ? how.threads : omp_get_num_procs());
    fv_tensor x[FVI_MAX_INPUTS];
    for (int i = 0; i < p->nx; i++)
        x[i] = fv_dense(NULL, s->dtype, p->x[i].ndim, p->x[i].dim);
    fvi_problem problem = {.op = p->op,
                           .attr = p->attr,
                           .nx = p->nx,
                           .x = x,
                           .y = fv_dense(NULL, s->dtype, p->y.ndim, p->y.dim),
                           .train = p->train,
                           .want = p->train ? n->how.want : 0,
                           .half = p->half};
    fvi_need need = {0};
    fv_status status = s->kernel->prepare(ctx, &problem, &need, &n->state);
    if (p->tiled && s->dtype == FV_F32)
        n->tiled = need.tiled;
    const bool takes = p->tiled ? n->tiled : need.half;
    if (status == FV_OK && p->half && !takes && s->dtype == FV_F32) {
        if (s->kernel->release)
            s->kernel->release(ctx, n->state);
        status = fvi_fail(ctx, FV_ENOTSUP, "takes no %s of bf16 numbers",
                          p->tiled ? "tiles" : "products");
    }
    if (status != FV_OK) {
        fvi_free(ctx, n);
        return status;
    }
    memset(x, POISON, sizeof x); /* prepare copies what it needs */
    fill_buffers(n, d);
    n->keep = buffer_new(ctx, need.keep);
    n->scratch = buffer_new(ctx, need.scratch);
    *out = n;
    return FV_OK;
}

static fvi_call call(checkop_node *n)
{
    return (fvi_call){.x = n->in,
                      .y = n->out,
                      .fresh = n->how.fresh,
                      .tiled = n->tiled,
                      .keep = inside(n->keep),
                      .scratch = inside(n->scratch),
                      .seed = 5,
                      .step = 3,
                      .node = 7};
}

void checkop_forward(checkop_node *n)
{
    fvi_call c = call(n);
    n->s.kernel->forward(n->state, &c);
}

void checkop_backward(checkop_node *n)
{
    fvi_call c = call(n);
    c.x = n->back;
    c.dx = n->grad;
    if (!(fvi_ops[n->p->op]->keep & FVI_KEEP_Y))
        c.y.data = NULL;
    c.dy = view(n->dy, n->p->y, n->s.dtype);
    n->s.kernel->backward(n->state, &c);
    n->how.fresh = 0;
}

void checkop_close(checkop_node *n)
{
    if (n->s.kernel->release)
        n->s.kernel->release(n->ctx, n->state);
    for (int i = 0; i < n->p->nx; i++) {
        fvi_free(n->ctx, n->x[i].block);
        fvi_free(n->ctx, n->dx[i].block);
    }
    buffer rest[] = {n->y, n->dy, n->keep, n->scratch};
    for (int i = 0; i < 4; i++)
        fvi_free(n->ctx, rest[i].block);
    fvi_free(n->ctx, n);
}

/* FV_EINVAL when the kernel wrote where it must not. */
static fv_status inspect(checkop_node *n, const checkop_data *d)
{
    const checkop_problem *p = n->p;
    struct {
        const char *name;
        buffer b;
    } all[] = {
        {"y", n->y}, {"dy", n->dy}, {"keep", n->keep}, {"scratch", n->scratch}};
    for (int i = 0; i < 4; i++)
        if (!intact(all[i].b))
            return fvi_fail(n->ctx, FV_EINVAL, "wrote outside of %s",
                            all[i].name);
    if (n->tiled & FVI_TILED_Y && !filled_with_zeros(n->y, p->y))
        return fvi_fail(n->ctx, FV_EINVAL,
                        "tiles of y are not filled with zeros");
    for (int i = 0; i < p->nx; i++) {
        if (!intact(n->x[i]) || !intact(n->dx[i]))
            return fvi_fail(n->ctx, FV_EINVAL,
                            "wrote outside of x[%d] or dx[%d]", i, i);
        if (p->op == FVI_OP_batch_norm && p->train && i > 2 &&
            ((const fvi_norm *)p->attr)->momentum > 0)
            continue; /* the running values */
        double *now = get_either(n->ctx, n->x[i], p->x[i], n->s.dtype,
                                 n->tiled & FVI_TILED_X(i));
        bool moved = false;
        for (int64_t k = 0; k < fv_count(p->x[i]); k++)
            moved |= n->tiled & FVI_TILED_X(i)
                         ? bits_of(now[k]) != bits_of(d->x[i][k])
                         : memcmp(now + k, d->x[i] + k, sizeof *now) != 0;
        fvi_free(n->ctx, now);
        if (moved)
            return fvi_fail(n->ctx, FV_EINVAL, "wrote into input x[%d]", i);
    }
    return FV_OK;
}

fv_status checkop_run(fv_ctx *ctx, const checkop_problem *p,
                      const checkop_subject *s, const checkop_data *d,
                      checkop_how how, checkop_result *r)
{
    checkop_node *n;
    *r = (checkop_result){0};
    FV_TRY(checkop_open(ctx, p, s, d, how, &n));
    checkop_forward(n);
    int times = how.backward ? how.backward : 1;
    memset(inside(n->scratch), POISON, n->scratch.bytes);
    for (int t = 0; t < times && p->train && !how.forward_only; t++)
        checkop_backward(n);
    fv_status status = inspect(n, d);
    r->y = get_either(ctx, n->y, p->y, s->dtype, n->tiled & FVI_TILED_Y);
    for (int i = 0; i < p->nx; i++) {
        r->x[i] = get_either(ctx, n->x[i], p->x[i], s->dtype,
                             n->tiled & FVI_TILED_X(i));
        if (n->dx[i].block)
            r->dx[i] = get(ctx, n->dx[i], s->dtype);
    }
    checkop_close(n);
    if (status != FV_OK)
        checkop_result_free(ctx, p, r);
    return status;
}

void checkop_result_free(fv_ctx *ctx, const checkop_problem *p,
                         checkop_result *r)
{
    fvi_free(ctx, r->y);
    for (int i = 0; i < p->nx; i++) {
        fvi_free(ctx, r->x[i]);
        fvi_free(ctx, r->dx[i]);
    }
    *r = (checkop_result){0};
}
