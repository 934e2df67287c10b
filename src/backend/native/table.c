/*
 * The rows where an own kernel was measured to be the fastest. A row of this
 * table asks the processor first and hands everything on to the kernel
 * compiled for what it can do.
 */
#include "backend/native/native.h"
#include "base/base.h"

#include <stdio.h>
#include <string.h>

typedef struct chosen {
    const fvi_kernel *kernel;
    void *state;
} chosen;

static bool has_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

/* The first of some kernels, which a NULL ends, that does not decline. */
static fv_status first_of(fv_ctx *ctx, const fvi_kernel *const *kernel,
                          const fvi_problem *p, fvi_need *need, chosen *c)
{
    char why[sizeof need->full] = "";
    fv_status status = FV_ENOTSUP;
    for (; *kernel && status == FV_ENOTSUP; kernel++) {
        c->kernel = *kernel;
        status = c->kernel->prepare(ctx, p, need, &c->state);
        if (status == FV_ENOTSUP && p->half && !why[0])
            snprintf(why, sizeof why, "%s", fv_message(ctx));
    }
    if (status == FV_OK && !need->half)
        memcpy(need->full, why, sizeof why);
    return status;
}

/* `v3` is NULL where only AVX-512 pays. */
static fv_status choose(fv_ctx *ctx, const fvi_kernel *const *v4,
                        const fvi_kernel *const *v3, const fvi_problem *p,
                        fvi_need *need, void **state)
{
    __builtin_cpu_init();
    const fvi_kernel *const *kernels = has_v4() ? v4 : has_v3() ? v3 : NULL;
    if (!kernels)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "the own kernel needs %s, which this processor does "
                        "not have",
                        v3 ? "AVX2" : "AVX-512");
    chosen *c = fvi_calloc(ctx, 1, sizeof *c);
    if (!c)
        return FV_ENOMEM;
    fv_status status = first_of(ctx, kernels, p, need, c);
    if (status != FV_OK) {
        fvi_free(ctx, c);
        return status;
    }
    *state = c;
    return FV_OK;
}

static void forward(void *state, const fvi_call *call)
{
    const chosen *c = state;
    c->kernel->forward(c->state, call);
}

static void backward(void *state, const fvi_call *call)
{
    const chosen *c = state;
    c->kernel->backward(c->state, call);
}

static void release(fv_ctx *ctx, void *state)
{
    chosen *c = state;
    c->kernel->release(ctx, c->state);
    fvi_free(ctx, c);
}

#define LIST(...)               \
    (const fvi_kernel *const[]) \
    {                           \
        __VA_ARGS__, NULL       \
    }
#define KERNEL(op, v4, v3)                                                  \
    static fv_status op##_prepare(fv_ctx *ctx, const fvi_problem *p,        \
                                  fvi_need *need, void **state)             \
    {                                                                       \
        return choose(ctx, v4, v3, p, need, state);                         \
    }                                                                       \
    static const fvi_kernel op = {op##_prepare, forward, backward, release, \
                                  true};
#define KERNEL_V3(op) \
    KERNEL(op, LIST(&fvi_native_##op##_v4), LIST(&fvi_native_##op##_v3))
KERNEL(conv,
       LIST(&fvi_native_conv_amx, &fvi_native_conv_v4_half,
            &fvi_native_conv3_v4, &fvi_native_conv1_v4, &fvi_native_stem_v4),
       NULL)
KERNEL(conv_transposed, LIST(&fvi_native_conv_transposed_v4), NULL)
KERNEL(linear,
       LIST(&fvi_native_linear_amx, &fvi_native_linear_v4_half,
            &fvi_native_linear_v4),
       LIST(&fvi_native_linear_v3))
KERNEL(attention,
       LIST(&fvi_native_attention_amx, &fvi_native_attention_v4_half,
            &fvi_native_attention_v4),
       LIST(&fvi_native_attention_v3))
FVI_NATIVE_V3_ONLY(KERNEL_V3)

#define ROW(op) [FVI_OP_##op] = &op,

const fvi_backend fvi_backend_native = {
    .name = "native",
    .kernel = {ROW(conv) ROW(conv_transposed) FVI_NATIVE_V3(ROW)},
};
