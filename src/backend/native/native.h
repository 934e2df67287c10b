#ifndef FVI_NATIVE_H
#define FVI_NATIVE_H

/*
 * Own kernels for x86-64. Files of kernels are compiled for the instructions
 * their names end in (_v4: AVX-512, _v3: AVX2); files that choose between them
 * are compiled for any processor. Activations are dense, channels last.
 */

#include "backend/backend.h"

/* FV_ENOTSUP with a sentence unless this processor has AVX-512. */
fv_status fvi_native_need_v4(fv_ctx *ctx);

/* Threads for a call prepared for at most `prepared` of them. */
int fvi_native_threads(int prepared);

extern const fvi_kernel fvi_native_conv;

#endif
