/* Fuzzes the readers of model files and of foreign safetensors. */
#include "fovea/model.h"
#include "fuzz_image.h"
#include "model/foreign.h"

#include <stdlib.h>

/* What was believed must also be able to run. */
static void use_model(fv_ctx *ctx, fv_model *m)
{
    double error;
    if (m->check_input.data && fv_model_check(ctx, m, "ref", &error) != FV_OK &&
        !*fv_message(ctx))
        abort();
    fv_model_free(ctx, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fv_ctx *ctx;
    fv_model *m;
    fvi_foreign f = {.ctx = NULL};
    size_t live, peak;
    const char *path = fuzz_file(data, size);
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        abort();
    fv_set_threads(ctx, 1);
    fv_set_memory_limit(ctx, (size_t)256 << 20);
    if (fv_model_read(ctx, path, &m) == FV_OK)
        use_model(ctx, m);
    else if (!*fv_message(ctx))
        abort();
    if (fvi_foreign_open(ctx, path, &f) == FV_OK)
        fvi_foreign_close(&f);
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    if (live != 0)
        abort();
    return 0;
}
