/* Networks that see a whole picture at once: it becomes a square. */
#include "model/model.h"

#include <string.h>

fv_status fvi_square_plan(fv_ctx *ctx, const fv_model *m, fv_graph *g,
                          fv_plan_options how, fv_plan **out)
{
    if (m->side < 1 || m->arch->rank != 2)
        return fvi_fail(ctx, FV_EFORMAT,
                        "the model does not say how large its pictures are");
    int64_t dim[4] = {1, m->side, m->side, fv_channels(m->graph, m->image)};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    return fv_plan_new(ctx, g, &in, how, m->params, NULL, out);
}

fv_status fvi_fit(fv_ctx *ctx, fv_tensor plane, int64_t side, fv_tensor *out)
{
    int64_t h = plane.dim[0], w = plane.dim[1], less = h < w ? h : w;
    if (less < 1 || h > INT64_MAX / side || w > INT64_MAX / side)
        return fvi_fail(ctx, FV_ESHAPE, "the picture has no pixels");
    int64_t height = (h * side + less / 2) / less;
    int64_t width = (w * side + less / 2) / less;
    return fv_resize(ctx, plane, height, width, out);
}

/* The middle of the picture; one channel feeds all. */
static void fill_middle(fv_tensor plane, fv_tensor image)
{
    int64_t side = image.dim[1], C = image.dim[3], have = plane.dim[2];
    int64_t top = (plane.dim[0] - side) / 2, left = (plane.dim[1] - side) / 2;
    float *to = image.data;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++) {
            const float *p = (const float *)plane.data +
                             ((top + y) * plane.dim[1] + left + x) * have;
            for (int64_t c = 0; c < C; c++)
                *to++ = p[have == 1 ? 0 : c];
        }
}

/* Normalised per channel of the network, also where gray feeds several. */
static void normalize_all(const fv_model *m, const fvi_range *range,
                          fv_tensor image, int64_t have)
{
    float *x = image.data;
    int64_t C = image.dim[3];
    bool own = strcmp(m->normalize, "mean_std") == 0;
    for (int64_t i = 0; i < fv_count(image); i++) {
        int64_t c = have == 1 && !own ? 0 : i % C;
        double low = own ? m->mean[c] : range->low[c];
        double width = own ? m->deviation[c] : range->high[c] - low;
        x[i] = width > 0 ? (float)(((double)x[i] - low) / width) : 0;
    }
}

fv_status fvi_square_fill(fv_ctx *ctx, const fv_model *m, fv_tensor plane,
                          int rgb, fv_tensor image)
{
    fv_tensor own, fitted;
    fvi_range range = {{0}, {0}};
    FV_TRY(fvi_match_channels(ctx, m, plane, rgb, &own));
    fv_status status = fvi_fit(ctx, own, image.dim[1], &fitted);
    fv_plane_free(ctx, &own);
    FV_TRY(status);
    if (strcmp(m->normalize, "mean_std") != 0)
        status = fvi_range_of(ctx, m, fitted, rgb, &range);
    if (status == FV_OK) {
        fill_middle(fitted, image);
        normalize_all(m, &range, image, fitted.dim[2]);
    }
    fv_plane_free(ctx, &fitted);
    return status;
}
