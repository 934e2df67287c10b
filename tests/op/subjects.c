/* The kernels at hand. */
#include "checkop.h"

int checkop_subjects(fvi_op_id op, checkop_subject out[CHECKOP_SUBJECTS])
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
        if (!all[i].b->kernel[op])
            continue;
        out[count] = all[i].s;
        out[count].backend = all[i].b->name;
        out[count].kernel = all[i].b->kernel[op];
        count++;
    }
    return count;
}
