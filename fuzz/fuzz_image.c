/* One input through everything a user can do with an image file. */
#include "fuzz_image.h"

#include "fovea/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The last pixels, which may be all that a piece needs of a broken file. */
static void use_source(fv_ctx *ctx, fv_source *s)
{
    const fv_tensor *t = &fv_source_image(s)->pixels;
    const char *axes = fv_source_image(s)->axes;
    int64_t h = t->dim[strchr(axes, 'Y') - axes];
    int64_t w = t->dim[strchr(axes, 'X') - axes];
    int64_t dim[3] = {h < 5 ? h : 5, w < 7 ? w : 7,
                      fv_source_image(s)->channels};
    fv_tensor piece = fv_dense(NULL, FV_F32, 3, dim);
    piece.data = malloc((size_t)fv_count(piece) * sizeof(float) + 1);
    if (piece.data &&
        fv_source_read(s, -1, -1, h - dim[0], w - dim[1], piece, NULL) !=
            FV_OK &&
        fv_message(ctx)[0] == 0)
        abort();
    free(piece.data);
    fv_source_close(s);
}

void fuzz_image(const uint8_t *data, size_t size)
{
    fv_ctx *ctx = NULL;
    fv_image *im = NULL;
    fv_source *source = NULL;
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
    if (fv_source_open(ctx, path, &limits, &source) == FV_OK)
        use_source(ctx, source);
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    if (live != 0)
        abort();
}
