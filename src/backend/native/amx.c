/* Asking for AMX: the processor must have it and the system must lend it. */
#define _DEFAULT_SOURCE /* syscall */
#include "backend/native/tiles.h"
#include "base/base.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Source: Linux, Documentation/arch/x86/xstate.rst. */
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

static bool lent(void)
{
#if defined __linux__ && defined SYS_arch_prctl
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) ==
           0;
#else
    return false;
#endif
}

fv_status fvi_amx_open(fv_ctx *ctx)
{
    if (!__builtin_cpu_supports("amx-tile") ||
        !__builtin_cpu_supports("amx-bf16"))
        return fvi_fail(ctx, FV_ENOTSUP,
                        "the processor has no AMX for bf16 numbers");
    if (!lent())
        return fvi_fail(ctx, FV_ENOTSUP,
                        "the system does not lend the AMX registers");
    return FV_OK;
}
