/* Tokens of our own before those of every image: the class token of
 * Dosovitskiy et al. 2021 (arXiv:2010.11929), equation 1. */
#include "base/base.h"
#include "op/op.h"

static fv_status infer(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y)
{
    (void)attr, (void)nx;
    if (x[0].ndim != 3 || x[1].ndim != 2 || x[0].dim[2] != x[1].dim[1]) {
        char is[80], other[80];
        fv_describe(x[0], is, sizeof is);
        fv_describe(x[1], other, sizeof other);
        return fvi_fail(ctx, FV_ESHAPE,
                        "prepend: %s before %s, expected tokens N,T,C and "
                        "K,C of the same channels",
                        other, is);
    }
    fv_tensor like = x[0];
    if (like.dim[1] >= 0)
        like.dim[1] += x[1].dim[0];
    return fvi_infer_as(ctx, x[0].dtype, 3, like.dim, y);
}

/* Token t of y is p[t] for t < K, else x[n,t-K]; the other input gives
 * nothing: an empty box. */
static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)attr, (void)y;
    const int64_t K = x[1].dim[0], own = at[1] - (i == 0 ? K : 0);
    fvi_box box = {{0}, {0}, {1, 1, 1}};
    const int64_t image[] = {at[0], own, at[2]}, mine[] = {own, at[2]};
    for (int a = 0; a < x[i].ndim && (i == 0) == (at[1] >= K); a++) {
        box.lo[a] = i == 0 ? image[a] : mine[a];
        box.hi[a] = box.lo[a] + 1;
    }
    return box;
}

const fvi_op fvi_op_prepend = {
    .name = "prepend",
    .equation = "y[n,t,c] = p[t,c] if t < K, else x[n,t-K,c]",
    .keep = 0,
    .infer = infer,
    .work = fvi_work_none,
    .reads = reads,
};
