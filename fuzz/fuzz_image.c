/* One input through everything a user can do with an image file. */
#include "fuzz_image.h"

#include "fovea/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Small enough that a lie about sizes costs no time. */
static const fv_limits limits = {.max_side = 20000, .max_bytes = 16 << 20};

static char path[64];

static void remove_file(void)
{
    unlink(path);
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/fovea-fuzz-%ld", (long)getpid());
        atexit(remove_file);
    }
    unlink(path); /* some file systems sync what is cut and written again */
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();
    return path;
}

static void use_image(fv_ctx *ctx, fv_image *im)
{
    fv_tensor plane;
    if (fv_image_plane(ctx, im, -1, -1, &plane, NULL) == FV_OK) {
        if (fv_normalize(ctx, plane, 1, 99.8, 0) != FV_OK)
            abort();
        fv_plane_free(ctx, &plane);
    }
    fv_image_free(ctx, im);
}

void fuzz_image(const uint8_t *data, size_t size)
{
    fv_ctx *ctx = NULL;
    fv_image *im = NULL;
    size_t live, peak;
    fuzz_file(data, size);
    if (fv_ctx_new(NULL, &ctx) != FV_OK)
        abort();
    fv_set_threads(ctx, 1);
    if (fv_image_read_header(ctx, path, &im) == FV_OK)
        fv_image_free(ctx, im);
    if (fv_labels_read(ctx, path, &limits, &im) == FV_OK)
        fv_image_free(ctx, im);
    if (fv_image_read(ctx, path, &limits, &im) == FV_OK)
        use_image(ctx, im);
    else if (fv_message(ctx)[0] == 0)
        abort();
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    if (live != 0)
        abort();
}
