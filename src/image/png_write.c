/* PNG out: 8 or 16 bits, gray or color. */
#include "image/load.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

typedef struct writer {
    fv_ctx *ctx;
    const fv_image *im;
    fvi_file *file;
    png_structp png;
    png_infop info;
    fv_status status; /* of the file, when that is what failed */
    char text[160];
    jmp_buf back;
} writer;

static void on_error(png_structp png, png_const_charp text)
{
    writer *w = png_get_error_ptr(png);
    snprintf(w->text, sizeof w->text, "%s", text);
    longjmp(w->back, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    writer *w = png_get_mem_ptr(png);
    void *block = fvi_alloc(w->ctx, size);
    if (!block)
        w->status = FV_ENOMEM;
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    writer *w = png_get_mem_ptr(png);
    fvi_free(w->ctx, block);
}

static void on_write(png_structp png, png_bytep from, size_t size)
{
    writer *w = png_get_io_ptr(png);
    w->status = fvi_file_add(w->file, from, size);
    if (w->status != FV_OK)
        png_error(png, "write");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Pixels per meter, when the pitch is known and the number fits. */
static void set_pitch(writer *w)
{
    double y = w->im->pitch[1], x = w->im->pitch[2];
    if (x > 1e-3 && y > 1e-3 && x < 1e6 && y < 1e6)
        png_set_pHYs(w->png, w->info, (png_uint_32)(1e6 / x + 0.5),
                     (png_uint_32)(1e6 / y + 0.5), PNG_RESOLUTION_METER);
}

static fv_status write_all(writer *w)
{
    const fv_tensor *t = &w->im->pixels;
    size_t row = (size_t)t->stride[0] * fv_dtype_size(t->dtype);
    if (setjmp(w->back))
        return w->status != FV_OK
                   ? w->status
                   : fvi_fail(w->ctx, FV_EIO, "%s: cannot write PNG: %s",
                              w->file->path, w->text);
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_IHDR(w->png, w->info, (png_uint_32)t->dim[1],
                 (png_uint_32)t->dim[0], t->dtype == FV_U16 ? 16 : 8,
                 w->im->rgb ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    set_pitch(w);
    png_write_info(w->png, w->info);
    if (t->dtype == FV_U16)
        png_set_swap(w->png);
    for (int64_t y = 0; y < t->dim[0]; y++)
        png_write_row(w->png, (png_const_bytep)t->data + (size_t)y * row);
    png_write_end(w->png, NULL);
    return FV_OK;
}

static fv_status check(fv_ctx *ctx, const char *path, const fv_image *im)
{
    fv_dtype d = im->pixels.dtype;
    if (im->axes[0] != 'Y')
        return fvi_fail(ctx, FV_ENOTSUP,
                        "%s: PNG holds one plane, the image has axes %s; "
                        "write .tif",
                        path, im->axes);
    if (d != FV_U8 && d != FV_U16)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "%s: PNG holds u8 or u16, the image is %s; write .tif",
                        path, fv_dtype_name(d));
    if (im->pixels.dim[0] > 1000000 || im->pixels.dim[1] > 1000000)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "%s: PNG sides end at 1000000 pixels; write .tif",
                        path);
    return FV_OK;
}

fv_status fvi_write_png(fv_ctx *ctx, const char *path, const fv_image *im)
{
    fvi_file f;
    FV_TRY(check(ctx, path, im));
    FV_TRY(fvi_file_create(ctx, path, true, &f));
    writer w = {.ctx = ctx, .im = im, .file = &f};
    fv_status status = FV_ENOMEM;
    w.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w, on_error,
                                      on_warning, &w, on_alloc, on_free);
    if (w.png)
        w.info = png_create_info_struct(w.png);
    if (w.info)
        status = write_all(&w);
    png_destroy_write_struct(&w.png, &w.info);
    if (status == FV_OK)
        return fvi_file_commit(&f);
    fvi_file_discard(&f);
    return status;
}
