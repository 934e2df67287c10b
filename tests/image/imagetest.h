#ifndef FV_IMAGETEST_H
#define FV_IMAGETEST_H

/* What the tests of images share: a context that must end empty, a scratch
 * folder, sample files beside the project. */

#include "base/base.h"
#include "fovea/image.h"
#include "fvtest.h"

static fv_ctx *ctx;
static char scratch[64];

static inline int image_setup(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/fovea-image-XXXXXX");
    return fv_ctx_new(NULL, &ctx) != FV_OK || !mkdtemp(scratch);
}

static inline int image_teardown(void **state)
{
    size_t live, peak;
    (void)state;
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    /* Every block was given back, every file removed. */
    return live != 0 || rmdir(scratch) != 0;
}

/* A path in the scratch folder; good until the eighth next call. */
static inline const char *scratch_path(const char *name)
{
    static char path[8][256];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", scratch, name);
    return path[next];
}

/* The folder of samples, or NULL with a line that says so. */
static inline const char *samples(void)
{
    static char path[1024];
    const char *data = getenv("FV_DATA");
    snprintf(path, sizeof path, "%s/formats/README.txt", data ? data : "");
    if (access(path, R_OK) != 0) {
        printf("[  SKIPPED ] no samples: %s\n", path);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/formats", data);
    return path;
}

static inline void write_bytes(const char *path, const void *bytes, size_t n)
{
    unlink(path); /* some file systems sync what is cut and written again */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* Numbers that differ everywhere and reach both ends of integer types. */
static inline void fill_pixels(fv_image *im)
{
    size_t size = fv_dtype_size(im->pixels.dtype);
    for (int64_t i = 0; i < fv_count(im->pixels); i++) {
        uint64_t v = (uint64_t)i * 2654435761u + (uint64_t)i / 7;
        if (im->pixels.dtype == FV_F32)
            ((float *)im->pixels.data)[i] = (float)i * 0.37f - 5;
        else if (im->pixels.dtype == FV_F64)
            ((double *)im->pixels.data)[i] = (double)i * 0.37 - 5;
        else
            memcpy((char *)im->pixels.data + (size_t)i * size, &v, size);
    }
}

static inline fv_image *new_image(fv_dtype dtype, const char *axes,
                                  const int64_t dim[])
{
    fv_image *im = NULL;
    assert_int_equal(fv_image_new(ctx, dtype, axes, dim, &im), FV_OK);
    fill_pixels(im);
    return im;
}

static inline void assert_same_pixels(const fv_image *a, const fv_image *b)
{
    assert_string_equal(a->axes, b->axes);
    assert_int_equal(a->pixels.dtype, b->pixels.dtype);
    assert_true(fv_same_shape(a->pixels, b->pixels));
    assert_memory_equal(a->pixels.data, b->pixels.data,
                        (size_t)fv_count(a->pixels) *
                            fv_dtype_size(a->pixels.dtype));
}

#endif
