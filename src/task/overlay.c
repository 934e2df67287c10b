/* The picture for people: the image in gray (or its own colors) with the
 * outline of each object drawn on the object's own pixels. */

#include "task/color.h"

#include "fovea/image.h"

enum { LARGE = 1500 }; /* px: from here on outlines are two pixels wide */
static const double low = 1, high = 99.8;

/* A channel mean, or red, green and blue, from 0..1 to 0..255. */
static void gray_row(const float *v, int64_t w, int64_t channels, uint8_t *rgb)
{
    for (int64_t x = 0; x < w; x++)
        for (int64_t s = 0; s < 3; s++) {
            float sum = 0;
            for (int64_t c = 0; c < channels && channels != 3; c++)
                sum += v[x * channels + c];
            float value = channels == 3 ? v[3 * x + s] : sum / (float)channels;
            value = value > 0 ? value : 0; /* NaN, too */
            rgb[3 * x + s] = (uint8_t)(255 * (value < 1 ? value : 1) + 0.5f);
        }
}

fv_status fvi_paint(fv_ctx *ctx, fv_tensor plane, uint8_t *rgb)
{
    int threads = fvi_team(ctx, fv_count(plane));
    int64_t w = plane.dim[1], channels = plane.dim[2];
    float *copy = fvi_alloc(ctx, (size_t)fv_count(plane) * sizeof *copy);
    if (!copy)
        return FV_ENOMEM;
    fv_tensor t = fv_dense(copy, FV_F32, 3, plane.dim);
    fv_status status = fv_copy(ctx, plane, t);
    if (status == FV_OK)
        status = fv_normalize(ctx, t, low, high, channels == 3);
    if (status == FV_OK) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t y = 0; y < plane.dim[0]; y++)
            gray_row(copy + y * w * channels, w, channels, rgb + 3 * y * w);
    }
    fvi_free(ctx, copy);
    return status;
}

static void outline_row(const uint32_t *labels, const float *depth, int64_t w,
                        float width, const fvi_tally *color, uint8_t *rgb)
{
    uint32_t label = 0;
    const uint8_t *paint = fvi_palette[0];
    for (int64_t x = 0; x < w; x++) {
        if (!labels[x] || depth[x] > width)
            continue;
        if (labels[x] != label) {
            label = labels[x];
            paint = fvi_palette[color->sum[fvi_tally_find(color, label)]];
        }
        for (int s = 0; s < 3; s++)
            rgb[3 * x + s] = paint[s];
    }
}

static fv_status draw_outlines(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                               int64_t w, uint8_t *rgb)
{
    int threads = fvi_team(ctx, h * w);
    fvi_tally color = {.ctx = ctx};
    float width = h >= LARGE && w >= LARGE ? 2 : 1;
    float *depth = fvi_alloc(ctx, (size_t)(h * w) * sizeof *depth);
    if (!depth)
        return FV_ENOMEM;
    fv_status status = fvi_color_objects(ctx, labels, h, w, &color);
    if (status == FV_OK)
        status = fvi_distance(ctx, labels, h, w, 0, depth);
    if (status == FV_OK) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t y = 0; y < h; y++)
            outline_row(labels + y * w, depth + y * w, w, width, &color,
                        rgb + 3 * y * w);
    }
    fvi_tally_free(&color);
    fvi_free(ctx, depth);
    return status;
}

static fv_status draw(fv_ctx *ctx, const char *path, fv_tensor plane,
                      const uint32_t *labels)
{
    int64_t dim[3] = {plane.dim[0], plane.dim[1], 3};
    fv_image *im;
    FV_TRY(fv_image_new(ctx, FV_U8, "YXS", dim, &im));
    im->rgb = 1;
    fv_status status = fvi_paint(ctx, plane, im->pixels.data);
    if (status == FV_OK)
        status = draw_outlines(ctx, labels, dim[0], dim[1], im->pixels.data);
    if (status == FV_OK)
        status = fv_image_write(ctx, path, im);
    fv_image_free(ctx, im);
    return status;
}

fv_status fv_overlay_write(fv_ctx *ctx, const char *path, fv_tensor plane,
                           fv_tensor labels)
{
    FV_TRY(fvi_want(ctx, "image", plane, FV_F32, 3, "f32 (H,W,C)"));
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "image", plane, "labels", labels));
    if (plane.dim[2] < 1)
        return fvi_fail(ctx, FV_ESHAPE, "image: no channels, expected some");
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    fv_status status = draw(ctx, path, plane, d.view.data);
    fvi_dense_close(ctx, &d);
    return status;
}
