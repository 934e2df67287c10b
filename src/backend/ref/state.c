/* What every reference kernel keeps between prepare and release. */
#include "backend/ref/real.h"
#include "base/base.h"

fv_status fvi_ref_prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                          void **state)
{
    const fvi_op *op = fvi_ops[p->op];
    if (p->nx < 0 || p->nx > FVI_MAX_INPUTS)
        return fvi_fail(ctx, FV_EINVAL, "%s: %d inputs; expected at most %d",
                        op->name, p->nx, FVI_MAX_INPUTS);
    fvi_ref_state *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    if (op->attr_size > sizeof s->attr) {
        fvi_free(ctx, s);
        return fvi_fail(ctx, FV_EINVAL, "%s: attributes take %zu bytes",
                        op->name, op->attr_size);
    }
    s->p = *p;
    for (int i = 0; i < p->nx; i++)
        s->x[i] = p->x[i];
    s->p.x = s->x;
    if (op->attr_size > 0)
        memcpy(s->attr, p->attr, op->attr_size);
    s->p.attr = s->attr;
    *need = (fvi_need){0};
    *state = s;
    return FV_OK;
}

void fvi_ref_release(fv_ctx *ctx, void *state)
{
    fvi_free(ctx, state);
}
