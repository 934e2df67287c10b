/* Windows that slide over the spatial axes. */
#include "op/window.h"

#include "base/base.h"

fv_status fvi_window_check(fv_ctx *ctx, const fvi_window *w, fv_tensor x)
{
    if (w->rank < 1 || w->rank > 3)
        return fvi_fail(ctx, FV_ESHAPE, "%d spatial axes; expected 1 to 3",
                        w->rank);
    if (x.ndim != w->rank + 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %d axes; expected %d (N, %d spatial, C)",
                        x.ndim, w->rank + 2, w->rank);
    for (int a = 0; a < 3; a++) {
        bool sound = w->kernel[a] >= 1 && w->kernel[a] <= INT32_MAX &&
                     w->stride[a] >= 1 && w->stride[a] <= INT32_MAX &&
                     w->dilation[a] >= 1 && w->dilation[a] <= INT32_MAX &&
                     w->pad[a] >= 0 && w->pad[a] <= INT64_MAX / 4;
        if (!sound)
            return fvi_fail(ctx, FV_ESHAPE,
                            "kernel %lld, stride %lld, dilation %lld, padding "
                            "%lld; expected positive numbers and padding >= 0",
                            (long long)w->kernel[a], (long long)w->stride[a],
                            (long long)w->dilation[a], (long long)w->pad[a]);
    }
    return FV_OK;
}

fv_status fvi_window_check_weight(fv_ctx *ctx, const fvi_window *w, int64_t C,
                                  int nx, const fv_tensor x[])
{
    if (w->channels < 1)
        return fvi_fail(ctx, FV_ESHAPE,
                        "%lld output channels; expected 1 or more",
                        (long long)w->channels);
    fv_tensor want = {.dtype = x[1].dtype, .ndim = w->rank + 2};
    for (int a = 3 - w->rank; a < 3; a++)
        want.dim[a - 3 + w->rank] = w->kernel[a];
    want.dim[w->rank] = C;
    want.dim[w->rank + 1] = w->channels;
    if (!fv_same_shape(x[1], want)) {
        char text[128], expected[128];
        fv_describe(x[1], text, sizeof text);
        fv_describe(want, expected, sizeof expected);
        return fvi_fail(ctx, FV_ESHAPE,
                        "input has %lld channels and weight is %s; expected %s",
                        (long long)C, text, expected);
    }
    if (nx > 2 && (x[2].ndim != 1 || x[2].dim[0] != w->channels)) {
        char text[128];
        fv_describe(x[2], text, sizeof text);
        return fvi_fail(ctx, FV_ESHAPE, "bias is %s; expected [%lld]", text,
                        (long long)w->channels);
    }
    return FV_OK;
}

fv_status fvi_window_infer(fv_ctx *ctx, const fvi_window *w, fv_tensor x,
                           int64_t channels, fv_tensor *y)
{
    int64_t dim[FV_MAX_DIM] = {x.dim[0]};
    dim[x.ndim - 1] = channels;
    for (int a = 3 - w->rank; a < 3; a++) {
        int axis = fvi_window_axis(w, a);
        int64_t n = x.dim[axis];
        int64_t span = w->dilation[a] * (w->kernel[a] - 1) + 1;
        if (n < 0) {
            dim[axis] = -1;
            continue;
        }
        int64_t wide = n + 2 * w->pad[a] + w->tail[a];
        if (n > INT64_MAX / 4 || wide < span)
            return fvi_fail(ctx, FV_ESHAPE,
                            "input is %lld wide along spatial axis %d, with "
                            "padding %lld; expected at least %lld, the window",
                            (long long)n, axis - 1, (long long)wide,
                            (long long)span);
        dim[axis] = (wide - span) / w->stride[a] + 1;
    }
    return fvi_infer_as(ctx, x.dtype, x.ndim, dim, y);
}

fvi_box fvi_window_reads(const fvi_window *w, fv_tensor x, const int64_t at[])
{
    fvi_box box = fvi_reads_all(x);
    box.lo[0] = at[0];
    box.hi[0] = at[0] + 1;
    for (int a = 3 - w->rank; a < 3; a++) {
        int axis = fvi_window_axis(w, a);
        int64_t d = w->dilation[a];
        int64_t lo = at[axis] * w->stride[a] - w->pad[a];
        int64_t hi = lo + d * (w->kernel[a] - 1) + 1;
        if (lo < 0)
            lo += (-lo + d - 1) / d * d;
        box.lo[axis] = lo;
        box.hi[axis] = hi < x.dim[axis] ? hi : x.dim[axis];
        box.step[axis] = d;
    }
    return box;
}

fv_status fvi_pool_infer(fv_ctx *ctx, const void *attr, int nx,
                         const fv_tensor x[], fv_tensor *y)
{
    const fvi_window *w = attr;
    (void)nx;
    FV_TRY(fvi_window_check(ctx, w, x[0]));
    for (int a = 0; a < 3; a++)
        if (w->tail[a] < 0 || w->tail[a] > INT32_MAX ||
            w->pad[a] + w->tail[a] >= w->kernel[a] || w->dilation[a] != 1)
            return fvi_fail(ctx, FV_ESHAPE,
                            "pooling by %lld with padding %lld, at the far "
                            "end %lld, and dilation %lld; expected padding "
                            "below the side and dilation 1",
                            (long long)w->kernel[a], (long long)w->pad[a],
                            (long long)(w->pad[a] + w->tail[a]),
                            (long long)w->dilation[a]);
    return fvi_window_infer(ctx, w, x[0], x[0].dim[x[0].ndim - 1], y);
}

fvi_box fvi_pool_reads(const void *attr, const fv_tensor x[], fv_tensor y,
                       int i, const int64_t at[])
{
    (void)i;
    fvi_box box = fvi_window_reads(attr, x[0], at);
    box.lo[y.ndim - 1] = at[y.ndim - 1];
    box.hi[y.ndim - 1] = at[y.ndim - 1] + 1;
    return box;
}

double fvi_window_taps(const fvi_window *w)
{
    return (double)w->kernel[0] * (double)w->kernel[1] * (double)w->kernel[2];
}
