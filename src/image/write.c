/* Writing an image in the format its name asks for. */
#include "image/load.h"

#include <string.h>
#include <strings.h>

typedef fv_status writer(fv_ctx *ctx, const char *path, const fv_image *im);

static const struct {
    const char *ending;
    writer *write;
} writers[] = {
    {".tif", fvi_write_tiff},
    {".tiff", fvi_write_tiff},
    {".png", fvi_write_png},
    {".npy", fvi_write_npy},
};

fv_status fv_image_write(fv_ctx *ctx, const char *path, const fv_image *im)
{
    size_t n = strlen(path);
    if (!im->pixels.data || !fv_is_dense(im->pixels))
        return fvi_fail(ctx, FV_EINVAL, "%s: the image has no dense pixels",
                        path);
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        size_t m = strlen(writers[i].ending);
        if (n <= m || strcasecmp(path + n - m, writers[i].ending) != 0)
            continue;
        fvi_plain_numbers plain = fvi_plain_begin();
        fv_status status = writers[i].write(ctx, path, im);
        fvi_plain_end(plain);
        return status;
    }
    return fvi_fail(ctx, FV_ENOTSUP,
                    "%s: unknown ending, expected .tif, .png or .npy", path);
}
