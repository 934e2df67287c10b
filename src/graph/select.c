/* Which kernel runs each step: the fastest backend that does not decline. */
#include "graph/plan_internal.h"

#include <string.h>

static const fvi_backend *const order[] = {
#ifdef FV_WITH_NATIVE
    &fvi_backend_native,
#endif
#ifdef FV_WITH_ONEDNN
    &fvi_backend_onednn,
#endif
    &fvi_backend_ref};
enum { BACKENDS = sizeof order / sizeof *order };

/* The first backend to ask for `name`. */
static fv_status first_backend(fv_ctx *ctx, const char *name, int *first)
{
    for (int i = 0; i < BACKENDS; i++) {
        if (!name || strcmp(order[i]->name, name) == 0) {
            *first = i;
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_ENOTSUP,
                    "backend '%s' is not built in, expected native, onednn or "
                    "ref",
                    name);
}

/* FV_ENOTSUP: declined; the first sentence is kept for the plan. */
static fv_status ask(fv_plan *p, fvi_step *s, const fvi_backend *b)
{
    const fvi_kernel *kernel = b->kernel[s->op];
    fvi_need need = {0};
    fvi_problem problem = {.op = s->op,
                           .attr = s->attr,
                           .nx = s->nx,
                           .x = s->in,
                           .y = p->value[s->value - 1].shape,
                           .train = p->o.mode == FV_TRAIN,
                           .want = s->want,
                           .fixed = s->fixed,
                           .dry = p->o.dry != 0,
                           .half = p->o.precision == FV_BF16};
    if (!kernel)
        return FV_ENOTSUP;
    fv_status status = kernel->prepare(p->ctx, &problem, &need, &s->state);
    if (status == FV_ENOTSUP && !s->declined) {
        s->declined = fvi_strdup(p->ctx, fv_message(p->ctx));
        return s->declined ? FV_ENOTSUP : FV_ENOMEM;
    }
    FV_TRY(status);
    if (need.full[0] && !s->declined) {
        s->declined = fvi_strdup(p->ctx, need.full);
        status = s->declined ? FV_OK : FV_ENOMEM;
    }
    s->kernel = kernel;
    s->backend = b->name;
    s->keep.size = need.keep;
    s->scratch = need.scratch;
    s->half = need.half;
    s->tiled = need.tiled;
    p->packed += need.packed;
    return status;
}

/* Parameters have their numbers now (a dry plan's will have); those of an
 * inference plan are final. */
static void bind_parameters(fv_plan *p, fvi_step *s)
{
    for (int i = 0; i < s->nx; i++) {
        void *data = s->folded[i] ? s->folded[i] : p->value[s->x[i] - 1].data;
        s->in[i].data = data;
        bool param = fvi_node_at(p->graph, s->x[i])->op == FVI_OP_param;
        if ((data || (param && p->o.dry)) && p->o.mode == FV_INFER)
            s->fixed |= 1u << i;
    }
}

/* Multiply-adds; of operations that only pass numbers on, none. */
static double work_of(const fv_plan *p, const fvi_step *s)
{
    const fvi_op *op = fvi_ops[s->op];
    fv_tensor y = p->value[s->value - 1].shape;
    return op->work ? op->work(s->attr, s->in, y) : 0;
}

/* Waking threads and waiting for them costs some ten microseconds, and far
 * more where other programs use the processor. */
static bool is_little(const fv_plan *p, const fvi_step *s)
{
    const double least = 1 << 22, number = 8; /* in multiply-adds */
    double cost =
        work_of(p, s) + number * (double)fv_count(p->value[s->value - 1].shape);
    for (int i = 0; i < s->nx; i++)
        cost += number * (double)fv_count(s->in[i]);
    return cost < least;
}

static fv_status choose(fv_plan *p, fvi_step *s, int first)
{
    fv_status status = FV_ENOTSUP;
    bind_parameters(p, s);
    s->alone = is_little(p, s);
    for (int i = first; i < BACKENDS && status == FV_ENOTSUP; i++)
        status = ask(p, s, order[i]);
    if (status == FV_ENOTSUP)
        return fvi_fail(p->ctx, FV_ENOTSUP, "no kernel for %s",
                        fvi_ops[s->op]->name);
    return status;
}

/* What the step with the most products was refused with, or "". */
static const char *refusal(const fv_plan *p)
{
    const char *why = "";
    double most = 0;
    for (int i = 0; i < p->steps; i++) {
        const fvi_step *s = &p->step[i];
        double work = work_of(p, s);
        if (s->declined && work > most) {
            most = work;
            why = s->declined;
        }
    }
    return why;
}

/* FV_ENOTSUP: bf16 is wanted and no kernel takes it. */
static fv_status check_precision(const fv_plan *p)
{
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].half)
            return FV_OK;
    if (p->o.precision == FV_FULL)
        return FV_OK;
    const char *why = refusal(p);
    return fvi_fail(
        p->ctx, FV_ENOTSUP,
        "no step of this network can be done in bf16 here%s%s; it takes "
        "convolutions of stride 1 from 16 channels or, for inference, linear "
        "layers or attention, and a processor with AMX or AVX512-BF16",
        *why ? ": " : "", why);
}

fv_status fvi_select(fv_plan *p)
{
    int first = 0;
    FV_TRY(first_backend(p->ctx, p->o.backend, &first));
    for (int i = 0; i < p->steps; i++) {
        fvi_step *s = &p->step[i];
        if (p->o.dtype == FV_F64) {
            bind_parameters(p, s);
            FV_TRY(ask(p, s, &fvi_backend_ref64));
        } else {
            FV_TRY(choose(p, s, first));
        }
    }
    return check_precision(p);
}
