/* Copies between tensors of any strides and types. */
#include "base/base.h"
#include "fovea/tensor.h"

#include <math.h>
#include <string.h>

static double load(const void *p, fv_dtype dtype, int64_t i)
{
    switch (dtype) {
    case FV_F32:
        return (double)((const float *)p)[i];
    case FV_F64:
        return ((const double *)p)[i];
    case FV_U8:
        return ((const uint8_t *)p)[i];
    case FV_U16:
        return ((const uint16_t *)p)[i];
    case FV_U32:
        return ((const uint32_t *)p)[i];
    case FV_I8:
        return ((const int8_t *)p)[i];
    case FV_I16:
        return ((const int16_t *)p)[i];
    case FV_I32:
        return ((const int32_t *)p)[i];
    }
    return 0;
}

static double clamp(double x, double lo, double hi)
{
    if (isnan(x))
        return 0;
    x = nearbyint(x);
    return x < lo ? lo : x > hi ? hi : x;
}

static void store(void *p, fv_dtype dtype, int64_t i, double x)
{
    switch (dtype) {
    case FV_F32:
        ((float *)p)[i] = (float)x;
        break;
    case FV_F64:
        ((double *)p)[i] = x;
        break;
    case FV_U8:
        ((uint8_t *)p)[i] = (uint8_t)clamp(x, 0, UINT8_MAX);
        break;
    case FV_U16:
        ((uint16_t *)p)[i] = (uint16_t)clamp(x, 0, UINT16_MAX);
        break;
    case FV_U32:
        ((uint32_t *)p)[i] = (uint32_t)clamp(x, 0, UINT32_MAX);
        break;
    case FV_I8:
        ((int8_t *)p)[i] = (int8_t)clamp(x, INT8_MIN, INT8_MAX);
        break;
    case FV_I16:
        ((int16_t *)p)[i] = (int16_t)clamp(x, INT16_MIN, INT16_MAX);
        break;
    case FV_I32:
        ((int32_t *)p)[i] = (int32_t)clamp(x, INT32_MIN, INT32_MAX);
        break;
    }
}

/* One row (the last axis) after another, whatever the strides. */
static void copy_rows(fv_tensor from, fv_tensor to)
{
    int last = to.ndim - 1;
    int64_t at[FV_MAX_DIM] = {0}, n = last < 0 ? 1 : to.dim[last];
    int64_t sf = last < 0 ? 0 : from.stride[last];
    int64_t st = last < 0 ? 0 : to.stride[last];
    for (;;) {
        int64_t f = 0, t = 0;
        for (int i = 0; i < last; i++) {
            f += at[i] * from.stride[i];
            t += at[i] * to.stride[i];
        }
        for (int64_t i = 0; i < n; i++)
            store(to.data, to.dtype, t + i * st,
                  load(from.data, from.dtype, f + i * sf));
        int axis = last - 1;
        while (axis >= 0 && ++at[axis] == to.dim[axis])
            at[axis--] = 0;
        if (axis < 0)
            return;
    }
}

fv_status fv_copy(fv_ctx *ctx, fv_tensor from, fv_tensor to)
{
    if (!fv_same_shape(from, to)) {
        char a[160], b[160];
        fv_describe(from, a, sizeof a);
        fv_describe(to, b, sizeof b);
        return fvi_fail(ctx, FV_ESHAPE, "copy: from %s to %s", a, b);
    }
    if (fv_count(to) == 0)
        return FV_OK;
    if (from.dtype == to.dtype && fv_is_dense(from) && fv_is_dense(to))
        memcpy(to.data, from.data,
               (size_t)fv_count(to) * fv_dtype_size(to.dtype));
    else
        copy_rows(from, to);
    return FV_OK;
}
