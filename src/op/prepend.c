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

/* Token t of y is p[t] for t < K, else x[n,t-K]. From the other input it reads
 * nothing: no tokens before the first of x, none after the last of p. */
static fvi_box reads(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[])
{
    (void)attr, (void)y;
    const int64_t K = x[1].dim[0];
    const bool mine = at[1] < K, read = mine == (i == 1);
    fvi_box box = fvi_reads_all(x[i]);
    int tokens = i == 1 ? 0 : 1;
    box.lo[tokens] = !read ? (i == 1 ? K : 0) : mine ? at[1] : at[1] - K;
    box.hi[tokens] = box.lo[tokens] + read;
    box.lo[tokens + 1] = at[2];
    box.hi[tokens + 1] = at[2] + 1;
    if (i == 0) {
        box.lo[0] = at[0];
        box.hi[0] = at[0] + 1;
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
