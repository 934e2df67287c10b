/* The rows where an own kernel was measured to be the fastest. */
#include "backend/native/native.h"

const fvi_backend fvi_backend_native = {
    .name = "native",
    .kernel =
        {
            [FVI_OP_conv] = &fvi_native_conv,
        },
};
