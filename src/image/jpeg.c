/* JPEG in: gray, color, CMYK as RGB. A file that ends early or has broken
 * codes is refused: half of its pixels would be invented. */
#include "image/load.h"

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <string.h>

enum { MAX_SCANS = 100 }; /* progressive files have about ten */

typedef struct reader {
    struct jpeg_error_mgr error; /* first: libjpeg sees only this */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    fvi_load *l;
    fv_image *im;
    unsigned char *row; /* CMYK only */
    fv_status status;
    char text[JMSG_LENGTH_MAX];
    jmp_buf back;
} reader;

static reader *reader_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    reader *r = reader_of(jpeg);
    jpeg->err->format_message(jpeg, r->text);
    int code = jpeg->err->msg_code;
    r->status = FV_EFORMAT;
    if (code == JERR_OUT_OF_MEMORY)
        r->status = FV_ENOMEM;
    if (code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED ||
        code == JERR_ARITH_NOTIMPL || code == JERR_CONVERSION_NOTIMPL)
        r->status = FV_ENOTSUP;
    longjmp(r->back, 1);
}

/* Warnings about lost pixels count as errors; others are for developers. */
static void on_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE))
        on_error(jpeg);
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number > MAX_SCANS) {
        snprintf(r->text, sizeof r->text, "more than %d scans", MAX_SCANS);
        r->status = FV_EFORMAT;
        longjmp(r->back, 1);
    }
}

static fv_status make_image(reader *r)
{
    const struct jpeg_decompress_struct *j = &r->jpeg;
    bool gray = j->num_components == 1;
    /* A block of 64 samples needs at least one bit in the first scan; chroma
     * blocks may stand for four times as many. */
    fvi_claim claim = {
        .dtype = FV_U8,
        .axes = "YX",
        .dim = {(int64_t)j->image_height, (int64_t)j->image_width, 3},
        .expansion = 2048};
    if (!gray)
        memcpy(claim.axes, "YXS", 4);
    return fvi_load_image(r->l, &claim, &r->im);
}

static fv_status choose_colors(reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    switch (j->num_components) {
    case 1:
        j->out_color_space = JCS_GRAYSCALE;
        return FV_OK;
    case 3:
        j->out_color_space = JCS_RGB;
        return FV_OK;
    case 4:
        j->out_color_space = JCS_CMYK;
        r->row = fvi_calloc(r->l->ctx, j->image_width, 4);
        return r->row ? FV_OK : FV_ENOMEM;
    default:
        return fvi_load_fail(r->l, FV_ENOTSUP,
                             "JPEG with %d components, expected 1, 3 or 4",
                             j->num_components);
    }
}

/* Adobe writes ink inverted: 255 is none. */
static void cmyk_to_rgb(const reader *r, unsigned char *to)
{
    bool inverted = r->jpeg.saw_Adobe_marker;
    for (size_t x = 0; x < r->jpeg.output_width; x++)
        for (size_t c = 0; c < 3; c++) {
            unsigned ink = r->row[4 * x + c], black = r->row[4 * x + 3];
            if (!inverted) {
                ink = 255 - ink;
                black = 255 - black;
            }
            to[3 * x + c] = (unsigned char)((ink * black + 127) / 255);
        }
}

static void read_rows(reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    jpeg_start_decompress(j);
    int64_t stride = r->im->pixels.stride[0];
    while (j->output_scanline < j->output_height) {
        unsigned char *to = (unsigned char *)r->im->pixels.data +
                            (int64_t)j->output_scanline * stride;
        JSAMPROW row = r->row ? r->row : to;
        jpeg_read_scanlines(j, &row, 1);
        if (r->row)
            cmyk_to_rgb(r, to);
    }
    jpeg_finish_decompress(j);
}

static fv_status read_all(reader *r)
{
    if (setjmp(r->back)) {
        if (r->status == FV_ENOTSUP)
            return fvi_load_fail(r->l, r->status, "JPEG: %s", r->text);
        return fvi_load_fail(r->l, r->status, "damaged JPEG: %s", r->text);
    }
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.client_data = r;
    r->jpeg.progress = &r->progress;
    jpeg_stdio_src(&r->jpeg, r->l->file);
    jpeg_read_header(&r->jpeg, TRUE);
    FV_TRY(make_image(r));
    if (r->l->header)
        return FV_OK;
    FV_TRY(choose_colors(r));
    read_rows(r);
    return FV_OK;
}

fv_status fvi_read_jpeg(fvi_load *l, fv_image **out)
{
    if (l->labels)
        return fvi_load_fail(l, FV_EFORMAT,
                             "is JPEG, which changes labels; expected TIFF, "
                             "PNG or NPY");
    reader *r = fvi_calloc(l->ctx, 1, sizeof *r);
    if (!r)
        return FV_ENOMEM;
    r->l = l;
    r->jpeg.client_data = r;
    r->jpeg.err = jpeg_std_error(&r->error);
    r->error.error_exit = on_error;
    r->error.emit_message = on_message;
    r->error.output_message = on_output;
    r->progress.progress_monitor = on_progress;
    fv_status status = read_all(r);
    jpeg_destroy_decompress(&r->jpeg);
    if (status == FV_OK)
        *out = r->im;
    else
        fv_image_free(l->ctx, r->im);
    fvi_free(l->ctx, r->row);
    fvi_free(l->ctx, r);
    return status;
}
