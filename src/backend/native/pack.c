/* Room for weights in the order in which a kernel reads them. */
#include "backend/native/native.h"
#include "base/base.h"

fv_status fvi_native_pack(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                          size_t bytes, float **out)
{
    need->packed += bytes;
    *out = NULL;
    if (p->dry)
        return FV_OK;
    *out = fvi_alloc(ctx, bytes);
    return *out ? FV_OK : FV_ENOMEM;
}
