/* Images and their labels in memory. */
#include "train/data.h"

#include "image/load.h"

#include <stdlib.h>
#include <string.h>

static int64_t channels_in(const fv_image *im)
{
    return im->rgb ? 3 : im->channels > 0 ? im->channels : 1;
}

fv_status fvi_channels_of(fv_ctx *ctx, const fvi_sources *s, bool targets,
                          int *channels)
{
    int most = 0;
    for (int64_t i = 0; i < s->count; i++) {
        fv_image *im;
        const char *path = targets ? s->item[i].labels : s->item[i].image;
        if (s->item[i].role == FVI_UNUSED || s->item[i].role == FVI_FOR_TEST)
            continue;
        FV_TRY(fv_image_read_header(ctx, path, &im));
        int64_t n = channels_in(im);
        fv_image_free(ctx, im);
        if (n > FV_MAX_CHANNELS)
            return fvi_fail(ctx, FV_EINVAL,
                            "%s: has %lld channels, at most %d fit", path,
                            (long long)n, FV_MAX_CHANNELS);
        most = n > most ? (int)n : most;
    }
    *channels = most ? most : 1;
    return FV_OK;
}

/* One channel from RGB is the mean; gray fills every channel. */
static void spread(fv_tensor from, fv_tensor to)
{
    int64_t C = from.dim[2], K = to.dim[2], n = from.dim[0] * from.dim[1];
    const float *x = from.data;
    float *y = to.data;
    for (int64_t i = 0; i < n; i++, x += C, y += K) {
        float sum = 0;
        for (int64_t c = 0; c < C; c++)
            sum += x[c];
        for (int64_t k = 0; k < K; k++)
            y[k] = sum / (float)C;
    }
}

static fv_status with_channels(fv_ctx *ctx, int channels, bool rgb,
                               fv_tensor *plane)
{
    if (channels == 0 || plane->dim[2] == channels)
        return FV_OK;
    if (plane->dim[2] != 1 && !(rgb && channels == 1))
        return fvi_fail(ctx, FV_ESHAPE, "has %lld channels, expected %d",
                        (long long)plane->dim[2], channels);
    int64_t dim[3] = {plane->dim[0], plane->dim[1], channels};
    fv_tensor out = fv_dense(NULL, FV_F32, 3, dim);
    out.data = fvi_calloc(ctx, (size_t)fv_count(out) + 1, sizeof(float));
    if (!out.data)
        return FV_ENOMEM;
    spread(*plane, out);
    fv_plane_free(ctx, plane);
    *plane = out;
    return FV_OK;
}

static fv_status take_plane(fv_ctx *ctx, const fv_image *im, const char *path,
                            int64_t t, int64_t z, int channels, fv_pair *out)
{
    out->rgb = im->rgb;
    out->pitch = im->pitch[2];
    FV_TRY(fv_image_plane(ctx, im, t, z, &out->plane, NULL));
    if (fv_count(out->plane) == 0)
        return fvi_fail(ctx, FV_ESHAPE, "%s: the image has no pixels", path);
    fv_status status = with_channels(ctx, channels, out->rgb, &out->plane);
    if (status != FV_OK)
        return fvi_fail_in(ctx, status, "%s", path);
    out->rgb = out->rgb && out->plane.dim[2] == 3;
    return FV_OK;
}

fv_status fvi_plane_read(fv_ctx *ctx, const char *path, int channels,
                         fv_pair *out)
{
    fv_image *im;
    FV_TRY(fv_image_read(ctx, path, NULL, &im));
    fv_status status = take_plane(ctx, im, path, 0, -1, channels, out);
    fv_image_free(ctx, im);
    return status;
}

fv_status fvi_planes_count(fv_ctx *ctx, const char *path, int64_t *count)
{
    fv_image *im;
    FV_TRY(fv_image_read_header(ctx, path, &im));
    *count = fvi_extent(im, 'T') * fvi_extent(im, 'Z');
    fv_image_free(ctx, im);
    return FV_OK;
}

fv_status fvi_planes_read(fv_ctx *ctx, const char *path, int channels,
                          int64_t count, fv_pair *out)
{
    fv_image *im;
    FV_TRY(fv_image_read(ctx, path, NULL, &im));
    const int64_t Z = fvi_extent(im, 'Z');
    fv_status status = FV_OK;
    if (count != fvi_extent(im, 'T') * Z)
        status =
            fvi_fail(ctx, FV_EFORMAT, "%s: changed while it was read", path);
    for (int64_t i = 0; i < count && status == FV_OK; i++)
        status = take_plane(ctx, im, path, i / Z, i % Z, channels, &out[i]);
    fv_image_free(ctx, im);
    return status;
}

static fv_status read_labels(fv_ctx *ctx, const char *path, fv_pair *out)
{
    fv_image *im;
    FV_TRY(fv_labels_read(ctx, path, NULL, &im));
    out->labels = im->pixels;
    out->labels.data = NULL;
    size_t size = (size_t)fv_count(im->pixels) * sizeof(uint32_t);
    void *data = fvi_alloc(ctx, size + 1);
    if (data) {
        memcpy(data, im->pixels.data, size);
        out->labels.data = data;
    }
    fv_image_free(ctx, im);
    return data ? FV_OK : FV_ENOMEM;
}

fv_status fvi_pair_labels(fv_ctx *ctx, const char *image, const char *labels,
                          fv_pair *out)
{
    FV_TRY(read_labels(ctx, labels, out));
    const int64_t *a = out->plane.dim, *b = out->labels.dim;
    if (a[0] == b[0] && a[1] == b[1])
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: the image is %lldx%lld pixels, its labels %lldx%lld",
                    image, (long long)a[1], (long long)a[0], (long long)b[1],
                    (long long)b[0]);
}

static fv_status read_pair(fv_ctx *ctx, const fvi_source *s, int channels,
                           const double percentile[2], fv_pair *out)
{
    out->name = fvi_strdup(ctx, s->stem);
    if (!out->name)
        return FV_ENOMEM;
    FV_TRY(fvi_plane_read(ctx, s->image, channels, out));
    FV_TRY(
        fv_normalize(ctx, out->plane, percentile[0], percentile[1], out->rgb));
    return fvi_pair_labels(ctx, s->image, s->labels, out);
}

fv_status fvi_pairs_of(fv_ctx *ctx, const fvi_sources *s, fvi_role role,
                       int channels, const double percentile[2], fv_pair **out,
                       int64_t *count)
{
    fv_pair *pairs = fvi_calloc(ctx, (size_t)s->count + 1, sizeof *pairs);
    int64_t n = 0;
    if (!pairs)
        return FV_ENOMEM;
    fv_status status = FV_OK;
    for (int64_t i = 0; i < s->count && status == FV_OK; i++) {
        if (s->item[i].role != role)
            continue;
        if (fvi_canceled(ctx))
            status = fvi_fail(ctx, FV_ECANCEL, "canceled");
        else
            status =
                read_pair(ctx, &s->item[i], channels, percentile, &pairs[n++]);
    }
    if (status != FV_OK) {
        fv_pairs_free(ctx, pairs, n);
        return status;
    }
    *out = pairs;
    *count = n;
    return FV_OK;
}

fv_status fv_pairs_read(fv_ctx *ctx, const char *images, const char *labels,
                        int channels, const double percentile[2], fv_pair **out,
                        int64_t *count)
{
    fvi_sources s;
    FV_TRY(fvi_sources_find(ctx, images, labels, &s));
    fv_status status = fvi_sources_check(ctx, &s);
    if (status == FV_OK && channels == 0)
        status = fvi_channels_of(ctx, &s, false, &channels);
    if (status == FV_OK)
        status = fvi_pairs_of(ctx, &s, FVI_FOR_TRAINING, channels, percentile,
                              out, count);
    fvi_sources_free(ctx, &s);
    return status;
}

void fv_pairs_free(fv_ctx *ctx, fv_pair *pairs, int64_t count)
{
    for (int64_t i = 0; pairs && i < count; i++) {
        fvi_free(ctx, pairs[i].name);
        fvi_free(ctx, pairs[i].plane.data);
        fvi_free(ctx, pairs[i].labels.data);
        fvi_free(ctx, pairs[i].target.data);
    }
    fvi_free(ctx, pairs);
}
