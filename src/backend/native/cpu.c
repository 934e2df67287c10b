/* What this processor and this call may use. */
#include "backend/native/native.h"

#include "base/base.h"

#include <omp.h>

fv_status fvi_native_need_v4(fv_ctx *ctx)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return FV_OK;
    return fvi_fail(ctx, FV_ENOTSUP,
                    "own convolutions need AVX-512, which this processor "
                    "does not have");
}

int fvi_native_threads(int prepared)
{
    int now = omp_get_max_threads();
    return now < prepared ? now : prepared;
}
