/* Tensor views: shapes, strides, slices. */
#include "fovea/tensor.h"
#include "base/base.h"

#include <stdio.h>

size_t fv_dtype_size(fv_dtype dtype)
{
    static const size_t size[] = {4, 8, 1, 2, 4, 1, 2, 4};
    return size[dtype];
}

const char *fv_dtype_name(fv_dtype dtype)
{
    static const char *const name[] = {"f32", "f64", "u8",  "u16",
                                       "u32", "i8",  "i16", "i32"};
    return name[dtype];
}

fv_tensor fv_dense(void *data, fv_dtype dtype, int ndim, const int64_t dim[])
{
    fv_tensor t = {.data = data, .dtype = dtype, .ndim = ndim};
    int64_t step = 1, bytes = (int64_t)fv_dtype_size(dtype);
    for (int i = ndim - 1; i >= 0; i--) {
        t.dim[i] = dim[i];
        t.stride[i] = step;
        bool open = dim[i] == -1 && !data; /* a shape with an open extent */
        if (dim[i] < 0 && !open)
            return (fv_tensor){.ndim = -1};
        if (!open && (__builtin_mul_overflow(step, dim[i], &step) ||
                      __builtin_mul_overflow(bytes, dim[i], &bytes)))
            return (fv_tensor){.ndim = -1};
    }
    return t;
}

int64_t fv_count(fv_tensor t)
{
    int64_t count = 1;
    for (int i = 0; i < t.ndim; i++)
        count *= t.dim[i];
    return count;
}

int fv_is_dense(fv_tensor t)
{
    int64_t step = 1;
    for (int i = t.ndim - 1; i >= 0; i--) {
        if (t.dim[i] > 1 && t.stride[i] != step)
            return 0;
        step *= t.dim[i];
    }
    return 1;
}

int fv_same_shape(fv_tensor a, fv_tensor b)
{
    if (a.ndim != b.ndim)
        return 0;
    for (int i = 0; i < a.ndim; i++)
        if (a.dim[i] != b.dim[i])
            return 0;
    return 1;
}

fv_tensor fv_slice(fv_tensor t, int axis, int64_t lo, int64_t hi)
{
    if (t.data)
        t.data = (char *)t.data +
                 lo * t.stride[axis] * (int64_t)fv_dtype_size(t.dtype);
    t.dim[axis] = hi - lo;
    return t;
}

int fv_describe(fv_tensor t, char *buf, size_t size)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%s[", fv_dtype_name(t.dtype));
    for (int i = 0; i < t.ndim; i++) {
        const char *comma = i ? "," : "";
        char *at = text + n;
        size_t room = sizeof text - (size_t)n;
        n += t.dim[i] < 0
                 ? snprintf(at, room, "%s?", comma)
                 : snprintf(at, room, "%s%lld", comma, (long long)t.dim[i]);
    }
    return snprintf(buf, size, "%s]", text);
}
