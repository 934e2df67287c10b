/* Connected components of a mask, numbered in raster order. */

#include "task/task.h"

fv_status fvi_components(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                         int reach, int64_t *count)
{
    fvi_runs r;
    uint32_t *part;
    FV_TRY(fvi_runs_new(ctx, labels, h, w, false, &r));
    fv_status status = fvi_runs_join(ctx, &r, reach, &part, count);
    if (status == FV_OK) {
        for (int64_t i = 0; i < r.count; i++)
            r.run[i].label = part[i] + 1;
        fvi_runs_paint(ctx, &r, labels);
        fvi_free(ctx, part);
    }
    fvi_runs_free(ctx, &r);
    return status;
}

static void copy_mask(fv_ctx *ctx, fv_tensor mask, uint32_t *labels)
{
    int64_t h = mask.dim[0], w = mask.dim[1];
    int threads = fvi_team(ctx, h * w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < h; y++) {
        const uint8_t *row = (const uint8_t *)mask.data + y * mask.stride[0];
        for (int64_t x = 0; x < w; x++)
            labels[y * w + x] = row[x * mask.stride[1]] != 0;
    }
}

fv_status fv_connected_components(fv_ctx *ctx, fv_tensor mask, int connectivity,
                                  fv_tensor labels, int64_t *count)
{
    FV_TRY(fvi_want(ctx, "mask", mask, FV_U8, 2, "u8 (H,W)"));
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "mask", mask, "labels", labels));
    if (connectivity != 4 && connectivity != 8)
        return fvi_fail(ctx, FV_EINVAL,
                        "components: connectivity %d, expected 4 or 8",
                        connectivity);
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, false, &d));
    copy_mask(ctx, mask, d.view.data);
    int64_t found = 0;
    fv_status status = fvi_components(ctx, d.view.data, mask.dim[0],
                                      mask.dim[1], connectivity == 8, &found);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &d, labels);
    fvi_dense_close(ctx, &d);
    if (status == FV_OK)
        *count = found;
    return status;
}
