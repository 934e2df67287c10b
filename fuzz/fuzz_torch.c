/* Fuzzes the reader of PyTorch files: pickles, archives, storages. */
#include "fuzz_image.h"
#include "model/foreign.h"

#include <stdlib.h>
#include <string.h>

static void read_numbers(fv_ctx *ctx, fvi_foreign *f)
{
    enum { MOST = 1 << 16 };
    for (size_t i = 0; i < f->count; i++) {
        const fvi_foreign_tensor *t = &f->tensor[i];
        int64_t n = 1;
        for (int k = 0; k < t->ndim && n <= MOST; k++)
            n = t->dim[k] <= MOST ? n * t->dim[k] : MOST + 1;
        float *x = n <= MOST ? fvi_calloc(ctx, (size_t)n + 1, sizeof *x) : NULL;
        if (x && fvi_foreign_numbers(f, t, x) != FV_OK && !*fv_message(ctx))
            abort();
        fvi_free(ctx, x);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fv_ctx *ctx;
    size_t live, peak;
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        return 0;
    fv_set_memory_limit(ctx, (size_t)256 << 20);
    fvi_foreign f = {.ctx = ctx};
    unsigned char *bytes = fvi_alloc(ctx, size + 1);
    if (bytes) {
        memcpy(bytes, data, size);
        if (fvi_torch_open(&f, bytes, size) == FV_OK)
            read_numbers(ctx, &f);
        else if (!*fv_message(ctx))
            abort();
    }
    fvi_foreign_close(&f);
    fv_memory(ctx, &live, &peak);
    if (live != 0)
        abort();
    fv_ctx_free(ctx);
    return 0;
}
