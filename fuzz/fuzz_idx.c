/* Fuzzes the reader of the files of MNIST. */
#include "fuzz_image.h"

#include "image/idx.h"

#include <stdlib.h>

/* Every byte it promises is there. */
static unsigned sum(const fvi_idx *idx)
{
    unsigned all = 0;
    for (int64_t i = 0; i < idx->dim[0] * idx->item; i++)
        all += idx->data[i];
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fv_ctx *ctx = NULL;
    fvi_idx idx;
    size_t live, peak;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        abort();
    if (fvi_idx_read(ctx, fuzz_file(data, size), &idx) == FV_OK) {
        volatile unsigned sink = sum(&idx);
        (void)sink;
        fvi_idx_free(ctx, &idx);
    } else if (fv_message(ctx)[0] == 0) {
        abort();
    }
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    if (live != 0)
        abort();
    return 0;
}
