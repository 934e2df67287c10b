#ifndef FV_TENSOR_H
#define FV_TENSOR_H

#include "fovea/status.h"

#include <stdint.h>

FV_C_BEGIN

enum { FV_MAX_DIM = 5 }; /* N, D, H, W, C: nothing in the field needs six */

typedef enum fv_dtype {
    FV_F32,
    FV_F64,
    FV_U8,
    FV_U16,
    FV_U32,
    FV_I8,
    FV_I16,
    FV_I32
} fv_dtype;

/*
 * A view of numbers that somebody else owns (an arena, an image, numpy).
 * Plain data: copy it freely, never free it.
 *
 *   dim[]     extents, outermost first; activations are N,[D,H,]W,C
 *   stride[]  in elements, not bytes; may be 0 (broadcast), never negative
 *
 * Element (n,h,w,c) of an f32 view is
 *   ((float *)t.data)[n*stride[0] + h*stride[1] + w*stride[2] + c*stride[3]].
 */
typedef struct fv_tensor {
    void *data;
    fv_dtype dtype;
    int ndim; /* 0..FV_MAX_DIM; 0 is a scalar; -1 is "no tensor" */
    int64_t dim[FV_MAX_DIM];
    int64_t stride[FV_MAX_DIM];
} fv_tensor;

/* Bytes of one element. */
FV_API size_t fv_dtype_size(fv_dtype dtype);

/* "f32", "u16", ... Never NULL. */
FV_API const char *fv_dtype_name(fv_dtype dtype);

/* A dense view over `data` (NULL is allowed: a shape only). The byte size must
 * fit in int64_t; if it does not, or an extent is negative, ndim == -1. */
FV_API fv_tensor fv_dense(void *data, fv_dtype dtype, int ndim,
                          const int64_t dim[]);

/* Number of elements: the product of the extents, 1 for a scalar. */
FV_API int64_t fv_count(fv_tensor t);

/* True when the elements lie without gaps in row-major order. */
FV_API int fv_is_dense(fv_tensor t);

/* True when both have the same extents. */
FV_API int fv_same_shape(fv_tensor a, fv_tensor b);

/* The part of `t` with lo <= index < hi along `axis`. Shares the data. Nothing
 * is checked: 0 <= lo <= hi <= dim[axis]. */
FV_API fv_tensor fv_slice(fv_tensor t, int axis, int64_t lo, int64_t hi);

/* Copies `from` into `to`: same extents, any strides, any dtypes; numbers are
 * converted, rounded to nearest and clamped to the range of integer types
 * (NaN becomes 0). FV_ESHAPE when extents differ. */
FV_NODISCARD FV_API fv_status fv_copy(fv_ctx *ctx, fv_tensor from,
                                      fv_tensor to);

/* Writes "f32[1,256,256,32]" and returns what snprintf would. */
FV_API int fv_describe(fv_tensor t, char *buf, size_t size);

FV_C_END

#endif
