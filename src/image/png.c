/* PNG in: 1 to 16 bits, gray, color, palette; alpha is dropped. */
#include "image/load.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

/* Errors of libpng jump to `back` with the sentence kept here. */
typedef struct reader {
    fvi_load *l;
    png_structp png;
    png_infop info;
    fv_image *im;
    char text[160];
    bool no_memory;
    jmp_buf back;
} reader;

static void on_error(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    snprintf(r->text, sizeof r->text, "%s", text);
    longjmp(r->back, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    reader *r = png_get_mem_ptr(png);
    void *block = fvi_alloc(r->l->ctx, size);
    r->no_memory = r->no_memory || !block;
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    reader *r = png_get_mem_ptr(png);
    fvi_free(r->l->ctx, block);
}

static void on_read(png_structp png, png_bytep to, size_t size)
{
    fvi_load *l = png_get_io_ptr(png);
    if (fread(to, 1, size, l->file) != size)
        png_error(png, "the file ends early");
}

static void want_samples(reader *r, int color, int depth)
{
    if (color == PNG_COLOR_TYPE_PALETTE && !r->l->labels)
        png_set_palette_to_rgb(r->png);
    else if (depth < 8)
        png_set_packing(r->png);
    png_set_strip_alpha(r->png);
    if (depth == 16)
        png_set_swap(r->png);
}

/* Density is pixels per meter. */
static void read_pitch(reader *r)
{
    double x = png_get_x_pixels_per_meter(r->png, r->info);
    double y = png_get_y_pixels_per_meter(r->png, r->info);
    r->im->pitch[1] = fvi_pitch_from_density(y, 1e6);
    r->im->pitch[2] = fvi_pitch_from_density(x, 1e6);
}

static fv_status make_image(reader *r, bool rgb, int depth)
{
    int64_t h = (int64_t)png_get_image_height(r->png, r->info);
    int64_t w = (int64_t)png_get_image_width(r->png, r->info);
    /* Deflate makes at most 1032 bytes of one, sub-byte samples 8 of those;
     * a palette 3 of each. */
    fvi_claim claim = {.dtype = depth == 16 ? FV_U16 : FV_U8,
                       .axes = "YX",
                       .dim = {h, w, 3},
                       .expansion = 1032 * (depth < 8 ? 8 : 1) * 3};
    if (rgb)
        memcpy(claim.axes, "YXS", 4);
    return fvi_load_image(r->l, &claim, &r->im);
}

static fv_status read_rows(reader *r)
{
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    int64_t row =
        r->im->pixels.stride[0] * (int64_t)fv_dtype_size(r->im->pixels.dtype);
    if ((int64_t)png_get_rowbytes(r->png, r->info) != row)
        return fvi_load_fail(r->l, FV_EFORMAT, "PNG rows have %zu bytes",
                             (size_t)png_get_rowbytes(r->png, r->info));
    for (int p = 0; p < passes; p++)
        for (int64_t y = 0; y < r->im->pixels.dim[0]; y++)
            png_read_row(r->png, (png_bytep)r->im->pixels.data + y * row, NULL);
    png_read_end(r->png, NULL);
    return FV_OK;
}

static fv_status read_all(reader *r)
{
    if (setjmp(r->back))
        return r->no_memory
                   ? fvi_fail_in(r->l->ctx, FV_ENOMEM, "%s", r->l->path)
                   : fvi_load_fail(r->l, FV_EFORMAT, "damaged PNG: %s",
                                   r->text);
    png_set_read_fn(r->png, r->l, on_read);
    png_set_user_limits(r->png, 0x7fffffff, 0x7fffffff);
    png_set_chunk_malloc_max(r->png, 8 << 20);
    png_read_info(r->png, r->info);
    int color = png_get_color_type(r->png, r->info);
    int depth = png_get_bit_depth(r->png, r->info);
    bool rgb = (color & PNG_COLOR_MASK_COLOR) &&
               !(color == PNG_COLOR_TYPE_PALETTE && r->l->labels);
    FV_TRY(make_image(r, rgb, depth));
    read_pitch(r);
    if (r->l->header)
        return FV_OK;
    want_samples(r, color, depth);
    return read_rows(r);
}

fv_status fvi_read_png(fvi_load *l, fv_image **out)
{
    reader r = {.l = l};
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_error,
                                     on_warning, &r, on_alloc, on_free);
    if (!r.png)
        return fvi_fail_in(l->ctx, FV_ENOMEM, "%s", l->path);
    r.info = png_create_info_struct(r.png);
    fv_status status =
        r.info ? read_all(&r) : fvi_fail_in(l->ctx, FV_ENOMEM, "%s", l->path);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (status == FV_OK)
        *out = r.im;
    else
        fv_image_free(l->ctx, r.im);
    return status;
}
