/* The reference backends: every row, in float and in double. */
#include "backend/backend.h"

#define DECLARE(name)                               \
    extern const fvi_kernel fvi_ref_##name##_float; \
    extern const fvi_kernel fvi_ref_##name##_double;
FVI_COMPUTED_OPS(DECLARE)

#define FLOAT_ROW(name)  [FVI_OP_##name] = &fvi_ref_##name##_float,
#define DOUBLE_ROW(name) [FVI_OP_##name] = &fvi_ref_##name##_double,

const fvi_backend fvi_backend_ref = {
    .name = "ref",
    .kernel = {FVI_COMPUTED_OPS(FLOAT_ROW)},
};

const fvi_backend fvi_backend_ref64 = {
    .name = "ref64",
    .kernel = {FVI_COMPUTED_OPS(DOUBLE_ROW)},
};
