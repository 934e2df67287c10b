/* A whole TIFF page upright, in the colors it means. */
#include "image/tiff.h"

/* Row 0 of orientation 1 is the top, column 0 the left; the others are flips
 * and a transposition of it. Source: TIFF 6.0, tag 274. */
static fvi_plane_to oriented(const fvi_tiff_page *p, fvi_plane_to to)
{
    int64_t h, w;
    fvi_tiff_upright(p, &h, &w);
    int o = p->orientation;
    bool flip_x = o == 2 || o == 3 || o == 7 || o == 6;
    bool flip_y = o == 3 || o == 4 || o == 7 || o == 8;
    if (flip_x) {
        to.at += (w - 1) * to.sx;
        to.sx = -to.sx;
    }
    if (flip_y) {
        to.at += (h - 1) * to.sy;
        to.sy = -to.sy;
    }
    if (o >= 5 && o <= 8) {
        int64_t keep = to.sx;
        to.sx = to.sy;
        to.sy = keep;
    }
    return to;
}

static fvi_rect whole_of(const fvi_tiff_page *p)
{
    return (fvi_rect){0, 0, p->height, p->width};
}

/* color = (1 - ink)(1 - black), in integers of `top`. */
static void mix_inks(const void *inks, int64_t i, uint32_t top, fvi_plane_to to,
                     int64_t at)
{
    bool wide = top > 255;
    uint32_t v[4];
    for (int c = 0; c < 4; c++)
        v[c] = top - (wide ? ((const uint16_t *)inks)[4 * i + c]
                           : ((const uint8_t *)inks)[4 * i + c]);
    for (int c = 0; c < 3; c++) {
        uint32_t x = (uint32_t)(((uint64_t)v[c] * v[3] + top / 2) / top);
        if (wide)
            ((uint16_t *)to.data)[at + c * to.ss] = (uint16_t)x;
        else
            ((uint8_t *)to.data)[at + c * to.ss] = (uint8_t)x;
    }
}

static fv_status decode_inks(fvi_tiff *t, const fvi_tiff_page *p,
                             fvi_plane_to to)
{
    fvi_tiff_page four = *p;
    four.way = FVI_TIFF_PLAIN;
    four.keep = 4;
    int64_t h = p->height, w = p->width;
    fvi_plane_to inks = {.dtype = p->dtype, .sy = 4 * w, .sx = 4, .ss = 1};
    inks.data =
        fvi_calloc(t->l->ctx, (size_t)(h * w), 4 * fv_dtype_size(p->dtype));
    if (!inks.data)
        return FV_ENOMEM;
    fv_status status = fvi_tiff_decode_part(t, &four, whole_of(p), inks);
    for (int64_t y = 0; status == FV_OK && y < h; y++)
        for (int64_t x = 0; x < w; x++)
            mix_inks(inks.data, y * w + x, (1u << p->sample.bits) - 1, to,
                     to.at + y * to.sy + x * to.sx);
    fvi_free(t->l->ctx, inks.data);
    return status;
}

/* libtiff renders upright by itself. */
static fv_status decode_rendered(fvi_tiff *t, const fvi_tiff_page *p,
                                 fvi_plane_to to)
{
    int64_t h = p->height, w = p->width;
    uint32_t *rgba = fvi_calloc(t->l->ctx, (size_t)(h * w), sizeof *rgba);
    if (!rgba)
        return FV_ENOMEM;
    /* The raster keeps the stored order of rows and columns. */
    int ok = TIFFReadRGBAImageOriented(t->tif, p->width, p->height, rgba,
                                       p->orientation, 1);
    for (int64_t y = 0; ok && y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            uint32_t v = rgba[y * w + x];
            uint8_t *at = (uint8_t *)to.data + to.at + y * to.sy + x * to.sx;
            at[0] = (uint8_t)TIFFGetR(v);
            at[to.ss] = (uint8_t)TIFFGetG(v);
            at[2 * to.ss] = (uint8_t)TIFFGetB(v);
        }
    fvi_free(t->l->ctx, rgba);
    return ok ? FV_OK : fvi_tiff_fail(t, FV_EFORMAT, "cannot be rendered");
}

fv_status fvi_tiff_decode(fvi_tiff *t, const fvi_tiff_page *p, fvi_plane_to to)
{
    to = oriented(p, to);
    if (p->way == FVI_TIFF_RENDER)
        return decode_rendered(t, p, to);
    if (p->way == FVI_TIFF_INK)
        return decode_inks(t, p, to);
    return fvi_tiff_decode_part(t, p, whole_of(p), to);
}
