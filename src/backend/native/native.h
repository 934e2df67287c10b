#ifndef FVI_NATIVE_H
#define FVI_NATIVE_H

/*
 * Own kernels for x86-64. Files of kernels are compiled for the instructions
 * their names end in (_v4: AVX-512, _v3: AVX2); files that choose between them
 * are compiled for any processor. Activations are dense, channels last.
 */

#include "backend/backend.h"

/* Threads for a call prepared for at most `prepared` of them. */
int fvi_native_threads(int prepared);

/* pack.c: room for a copy of a fixed input, counted in `need`; the caller
 * frees it. NULL in a dry plan. */
fv_status fvi_native_pack(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                          size_t bytes, float **out);

/* Numbers (12 MB of them) from which on a result does not stay in the caches
 * until it is read again. */
enum { FVI_PAST = 3 << 20 };

/* Kernels for AVX-512 alone, and for AVX2 as well. */
#define FVI_NATIVE_V4(X) X(conv3) X(conv1) X(stem) X(conv_transposed)
#define FVI_NATIVE_V3(X) X(linear) X(attention) FVI_NATIVE_V3_ONLY(X)
#define FVI_NATIVE_V3_ONLY(X) \
    X(batch_norm)             \
    X(layer_norm)             \
    X(max_pool)               \
    X(upsample)               \
    X(relu)                   \
    X(leaky_relu)             \
    X(sigmoid)                \
    X(gelu)                   \
    X(gelu_tanh)              \
    X(scale)                  \
    X(add)                    \
    X(concat)                 \
    X(slice)                  \
    X(softmax)                \
    X(cross_entropy)          \
    X(bce)                    \
    X(mse)                    \
    X(mae)

#define FVI_NATIVE_DECLARE_V4(op) extern const fvi_kernel fvi_native_##op##_v4;
#define FVI_NATIVE_DECLARE_V3(op)                 \
    extern const fvi_kernel fvi_native_##op##_v4; \
    extern const fvi_kernel fvi_native_##op##_v3;
FVI_NATIVE_V4(FVI_NATIVE_DECLARE_V4)
FVI_NATIVE_V3(FVI_NATIVE_DECLARE_V3)

/* For AVX-512 with bf16. */
extern const fvi_kernel fvi_native_linear_v4_half;
extern const fvi_kernel fvi_native_attention_v4_half;
extern const fvi_kernel fvi_native_conv_v4_half;
/* The same whether it is the fastest or not, for tests; and by AMX. */
extern const fvi_kernel fvi_native_conv_v4_half_any;
extern const fvi_kernel fvi_native_conv_amx;
extern const fvi_kernel fvi_native_linear_amx;
extern const fvi_kernel fvi_native_attention_amx;

#endif
