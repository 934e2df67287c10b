/* TIFF out: one page per plane, strips of deflate, OME-XML in the first. */
#include "image/tiff.h"

#include <string.h>

/* One TIFF being written. */
typedef struct writer {
    fv_ctx *ctx;
    const char *path;
    const fv_image *im;
    TIFF *tif;
    fvi_tiff_said said;
    int64_t h, w, samples, row_bytes, rows_per_strip;
    unsigned char *strip; /* libtiff may work in place */
} writer;

static fv_status fail(writer *w)
{
    return fvi_fail(w->ctx, FV_EIO, "%s: cannot write TIFF: %s", w->path,
                    w->said.failed ? w->said.text : "unknown reason");
}

static void set_numbers(const writer *w)
{
    fv_dtype d = w->im->pixels.dtype;
    bool is_float = d == FV_F32 || d == FV_F64;
    bool is_signed = d == FV_I8 || d == FV_I16 || d == FV_I32;
    size_t size = fv_dtype_size(d);
    TIFFSetField(w->tif, TIFFTAG_BITSPERSAMPLE, (int)(8 * size));
    TIFFSetField(w->tif, TIFFTAG_SAMPLEFORMAT,
                 is_float    ? SAMPLEFORMAT_IEEEFP
                 : is_signed ? SAMPLEFORMAT_INT
                             : SAMPLEFORMAT_UINT);
    TIFFSetField(w->tif, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    /* Not every reader of the field undoes differences of more bytes. */
    if (!is_float && size <= 2)
        TIFFSetField(w->tif, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
}

static void set_fields(const writer *w, const char *xml)
{
    TIFF *t = w->tif;
    const double *pitch = w->im->pitch;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, (uint32_t)w->w);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, (uint32_t)w->h);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, (int)w->samples);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC,
                 w->im->rgb ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, (uint32_t)w->rows_per_strip);
    set_numbers(w);
    if (pitch[1] > 0 && pitch[2] > 0) {
        TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
        TIFFSetField(t, TIFFTAG_XRESOLUTION, 1e4 / pitch[2]);
        TIFFSetField(t, TIFFTAG_YRESOLUTION, 1e4 / pitch[1]);
    }
    if (xml) {
        TIFFSetField(t, TIFFTAG_IMAGEDESCRIPTION, xml);
        TIFFSetField(t, TIFFTAG_SOFTWARE, "fovea " FV_VERSION);
    }
}

static fv_status write_page(writer *w, const char *xml,
                            const unsigned char *pixels)
{
    set_fields(w, xml);
    uint32_t strip = 0;
    for (int64_t y = 0; y < w->h; y += w->rows_per_strip, strip++) {
        int64_t rows =
            w->h - y < w->rows_per_strip ? w->h - y : w->rows_per_strip;
        tmsize_t size = (tmsize_t)(rows * w->row_bytes);
        memcpy(w->strip, pixels + y * w->row_bytes, (size_t)size);
        if (TIFFWriteEncodedStrip(w->tif, strip, w->strip, size) != size)
            return fail(w);
        if (fvi_canceled(w->ctx))
            return fvi_fail(w->ctx, FV_ECANCEL, "%s: writing was canceled",
                            w->path);
    }
    return TIFFWriteDirectory(w->tif) ? FV_OK : fail(w);
}

static fv_status write_pages(writer *w)
{
    fvi_text xml;
    FV_TRY(fvi_ome_write(w->ctx, w->im, &xml));
    int64_t bytes = w->h * w->row_bytes;
    int64_t count = fv_count(w->im->pixels) / (w->h * w->w * w->samples);
    const unsigned char *pixels = w->im->pixels.data;
    fv_status status = FV_OK;
    for (int64_t i = 0; status == FV_OK && i < count; i++)
        status = write_page(w, i ? NULL : xml.data, pixels + i * bytes);
    fvi_text_free(&xml);
    return status;
}

static fv_status write_file(writer *w, const char *path_tmp)
{
    enum { STRIP = 1 << 17 };
    /* Offsets of 64 bits when 32 might not reach the end. */
    int64_t bytes =
        fv_count(w->im->pixels) * (int64_t)fv_dtype_size(w->im->pixels.dtype);
    bool big = bytes > ((int64_t)4 << 30) - (32 << 20);
    w->h = fvi_extent(w->im, 'Y');
    w->w = fvi_extent(w->im, 'X');
    w->samples = fvi_extent(w->im, 'S');
    w->row_bytes =
        w->w * w->samples * (int64_t)fv_dtype_size(w->im->pixels.dtype);
    w->rows_per_strip = w->row_bytes < STRIP ? STRIP / w->row_bytes : 1;
    if (w->rows_per_strip > w->h)
        w->rows_per_strip = w->h;
    w->strip = fvi_alloc(w->ctx, (size_t)(w->rows_per_strip * w->row_bytes));
    if (!w->strip)
        return FV_ENOMEM;
    w->tif = fvi_tiff_open(path_tmp, big ? "w8" : "w", 0, &w->said);
    if (!w->tif)
        return fail(w);
    fv_status status = write_pages(w);
    TIFFClose(w->tif);
    return status == FV_OK && w->said.failed ? fail(w) : status;
}

fv_status fvi_write_tiff(fv_ctx *ctx, const char *path, const fv_image *im)
{
    fvi_file f;
    writer w = {.ctx = ctx, .path = path, .im = im};
    FV_TRY(fvi_file_create(ctx, path, false, &f));
    fv_status status = write_file(&w, f.path_tmp);
    fvi_free(ctx, w.strip);
    if (status == FV_OK)
        return fvi_file_commit(&f);
    fvi_file_discard(&f);
    return status;
}
