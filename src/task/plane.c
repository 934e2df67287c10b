/* Tensors as dense planes: what the callers gave is checked here once. */

#include "task/task.h"

fv_status fvi_want(fv_ctx *ctx, const char *name, fv_tensor t, fv_dtype dtype,
                   int ndim, const char *want)
{
    if (t.ndim != ndim || t.dtype != dtype) {
        char found[96];
        fv_describe(t, found, sizeof found);
        return fvi_fail(ctx, FV_ESHAPE, "%s: found %s, expected %s", name,
                        found, want);
    }
    int64_t side = INT32_MAX - 2;
    bool fits = t.dim[0] <= side && t.dim[1] <= side;
    if (!fits || t.dim[0] * t.dim[1] >= (int64_t)UINT32_MAX)
        return fvi_fail(ctx, FV_EINVAL,
                        "%s: %lld x %lld pixels, expected fewer than 2^32",
                        name, (long long)t.dim[0], (long long)t.dim[1]);
    return FV_OK;
}

fv_status fvi_want_same(fv_ctx *ctx, const char *name_a, fv_tensor a,
                        const char *name_b, fv_tensor b)
{
    if (a.dim[0] == b.dim[0] && a.dim[1] == b.dim[1])
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s has %lld x %lld pixels, %s has %lld x %lld, expected "
                    "the same",
                    name_a, (long long)a.dim[0], (long long)a.dim[1], name_b,
                    (long long)b.dim[0], (long long)b.dim[1]);
}

fv_status fvi_dense_open(fv_ctx *ctx, fv_tensor t, bool read, fvi_dense *out)
{
    *out = (fvi_dense){.view = t};
    if (fv_is_dense(t))
        return FV_OK;
    size_t size = (size_t)fv_count(t) * fv_dtype_size(t.dtype);
    out->block = fvi_alloc(ctx, size);
    if (!out->block)
        return FV_ENOMEM;
    out->view = fv_dense(out->block, t.dtype, t.ndim, t.dim);
    fv_status status = read ? fv_copy(ctx, t, out->view) : FV_OK;
    if (status != FV_OK)
        fvi_dense_close(ctx, out);
    return status;
}

fv_status fvi_dense_store(fv_ctx *ctx, const fvi_dense *d, fv_tensor t)
{
    return d->block ? fv_copy(ctx, d->view, t) : FV_OK;
}

void fvi_dense_close(fv_ctx *ctx, fvi_dense *d)
{
    fvi_free(ctx, d->block);
    d->block = NULL;
}
