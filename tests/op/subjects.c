/* The kernels at hand. */
#include "checkop.h"

#ifdef FV_WITH_NATIVE
#include "backend/native/native.h"

/* Where AMX is to be had, the kernel for processors without it, too; it needs
 * what AVX-512 needs. */
static int add_others(fvi_op_id op, bool half, checkop_subject *out)
{
    const fvi_kernel *kernel = op == FVI_OP_conv ? &fvi_native_conv_v4_half_any
                               : op == FVI_OP_linear
                                   ? &fvi_native_linear_v4_half
                                   : NULL;
    if (!kernel || !half || !__builtin_cpu_supports("avx512bf16"))
        return 0;
    *out = (checkop_subject){.backend = "avx512",
                             .kernel = kernel,
                             .dtype = FV_F32,
                             .exact = true,
                             .bits_local = true,
                             .bits_thread = true};
    return 1;
}
#else
static int add_others(fvi_op_id op, bool half, checkop_subject *out)
{
    (void)op, (void)half, (void)out;
    return 0;
}
#endif

int checkop_subjects(fvi_op_id op, bool half,
                     checkop_subject out[CHECKOP_SUBJECTS])
{
    const struct {
        const fvi_backend *b;
        checkop_subject s;
    } all[] = {
        {&fvi_backend_ref64, {NULL, NULL, FV_F64, true, true, true}},
        {&fvi_backend_ref, {NULL, NULL, FV_F32, true, true, true}},
#ifdef FV_WITH_ONEDNN
        {&fvi_backend_onednn, {NULL, NULL, FV_F32, true, true, false}},
#endif
#ifdef FV_WITH_NATIVE
        /* Winograd tiles: neighbors and whole numbers round */
        {&fvi_backend_native, {NULL, NULL, FV_F32, false, false, true}},
#endif
    };
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bool full = all[i].b == &fvi_backend_ref;
        if (!all[i].b->kernel[op] || (half && full))
            continue;
        out[count] = all[i].s;
        out[count].backend = all[i].b->name;
        out[count].exact |= half; /* no tiles of Winograd */
        out[count].bits_local |= half;
        out[count].kernel = all[i].b->kernel[op];
        count++;
    }
    return count + add_others(op, half, out + count);
}
