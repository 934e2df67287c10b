/* The rows that oneDNN fills. */
#include "backend/onednn/node.h"

const fvi_backend fvi_backend_onednn = {
    .name = "onednn",
    .kernel =
        {
            [FVI_OP_conv] = &fvi_onednn_conv,
            [FVI_OP_conv_transposed] = &fvi_onednn_conv_transposed,
            [FVI_OP_linear] = &fvi_onednn_linear,
            [FVI_OP_max_pool] = &fvi_onednn_max_pool,
            [FVI_OP_avg_pool] = &fvi_onednn_avg_pool,
        },
};
