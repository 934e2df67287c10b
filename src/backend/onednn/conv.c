/* Convolution and its adjoint, any rank, by oneDNN. */
#include "backend/onednn/node.h"

#include "base/base.h"

static fvi_dn_spec describe(const fvi_problem *p, fvi_dn_kind kind)
{
    fvi_dn_spec spec = {.kind = kind};
    spec.src = fvi_dn_activation(p->x[0]);
    spec.weight = fvi_dn_filters(p->x[1]);
    if (p->nx > 2)
        spec.bias = fvi_dn_vector(p->x[2]);
    spec.dst = fvi_dn_activation(p->y);
    fvi_dn_window(p->attr, &spec);
    return spec;
}

/* Padding wider than half the kernel: oneDNN's last bits then depend on the
 * number of threads. */
static bool padded_too_far(const fvi_window *w)
{
    for (int i = 0; i < 3; i++)
        if (2 * w->pad[i] > w->dilation[i] * (w->kernel[i] - 1))
            return true;
    return false;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    if (padded_too_far(p->attr))
        return fvi_fail(ctx, FV_ENOTSUP,
                        "oneDNN sums in an order that depends on threads when "
                        "padding is over half the kernel");
    fvi_dn_spec spec = describe(p, FVI_DN_CONV);
    return fvi_dn_prepare(ctx, p, &spec, need, state);
}

static fv_status prepare_transposed(fv_ctx *ctx, const fvi_problem *p,
                                    fvi_need *need, void **state)
{
    fvi_dn_spec spec = describe(p, FVI_DN_CONV_TRANSPOSED);
    return fvi_dn_prepare(ctx, p, &spec, need, state);
}

const fvi_kernel fvi_onednn_conv = {
    .prepare = prepare,
    .forward = fvi_dn_forward,
    .backward = fvi_dn_backward,
    .release = fvi_dn_release,
    .fresh = true,
};

const fvi_kernel fvi_onednn_conv_transposed = {
    .prepare = prepare_transposed,
    .forward = fvi_dn_forward,
    .backward = fvi_dn_backward,
    .release = fvi_dn_release,
    .fresh = true,
};
