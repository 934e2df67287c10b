/* What a TIFF page says about its pixels, and what we make of it.
 * Source: TIFF 6.0, and Adobe's technical notes on floats and predictors. */
#include "image/tiff.h"

#include <string.h>

/* Samples beyond the colors that are opacity, not measurements. */
static int alphas(TIFF *tif)
{
    uint16_t n = 0, *kind = NULL;
    int count = 0;
    if (TIFFGetField(tif, TIFFTAG_EXTRASAMPLES, &n, &kind))
        for (int i = 0; i < n; i++)
            count += kind[i] == EXTRASAMPLE_ASSOCALPHA ||
                     kind[i] == EXTRASAMPLE_UNASSALPHA;
    return count;
}

static fv_status describe_sample(fvi_tiff *t, fvi_tiff_page *p)
{
    uint16_t bits = 1, format = SAMPLEFORMAT_UINT;
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_SAMPLEFORMAT, &format);
    p->sample = (fvi_sample){.bits = bits};
    if (format == SAMPLEFORMAT_INT)
        p->sample.kind = FVI_SIGNED;
    else if (format == SAMPLEFORMAT_IEEEFP)
        p->sample.kind = FVI_FLOAT;
    else if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
        return fvi_tiff_fail(t, FV_ENOTSUP,
                             "complex samples, expected integers or floats");
    if (!fvi_sample_known(&p->sample))
        return fvi_tiff_fail(t, FV_ENOTSUP, "%s samples of %d bits",
                             format == SAMPLEFORMAT_IEEEFP ? "float"
                             : format == SAMPLEFORMAT_INT  ? "signed"
                                                           : "unsigned",
                             bits);
    return FV_OK;
}

static void describe_gray(fvi_tiff *t, fvi_tiff_page *p, bool inverted)
{
    int alpha = alphas(t->tif);
    p->keep = p->samples - alpha > 0 ? p->samples - alpha : p->samples;
    p->sample.invert = inverted && p->sample.kind == FVI_UNSIGNED &&
                       p->sample.bits <= 32 && !t->imagej && !t->l->labels;
}

static void describe_rgb(fvi_tiff_page *p)
{
    p->rgb = p->samples == 3 || p->samples == 4;
    p->keep = p->rgb ? 3 : p->samples;
}

/* A palette in a file of ImageJ colors counts; elsewhere it is the image. */
static fv_status describe_palette(fvi_tiff *t, fvi_tiff_page *p)
{
    uint16_t *r = NULL, *g = NULL, *b = NULL;
    p->keep = 1;
    if (t->imagej || t->l->labels)
        return FV_OK;
    if (p->sample.bits > 16 || p->sample.kind != FVI_UNSIGNED ||
        !TIFFGetField(t->tif, TIFFTAG_COLORMAP, &r, &g, &b))
        return fvi_tiff_fail(t, FV_EFORMAT, "no usable palette");
    p->way = FVI_TIFF_PALETTE;
    p->rgb = true;
    return FV_OK;
}

static fv_status describe_ink(fvi_tiff *t, fvi_tiff_page *p)
{
    if (p->samples < 4 || (p->sample.bits != 8 && p->sample.bits != 16))
        return fvi_tiff_fail(t, FV_ENOTSUP, "%d inks of %d bits", p->samples,
                             p->sample.bits);
    p->sample.kind = FVI_UNSIGNED;
    p->way = FVI_TIFF_INK;
    p->rgb = true;
    return FV_OK;
}

static fv_status describe_color(fvi_tiff *t, fvi_tiff_page *p)
{
    uint16_t photometric = PHOTOMETRIC_MINISBLACK;
    TIFFGetField(t->tif, TIFFTAG_PHOTOMETRIC, &photometric);
    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MASK:
        describe_gray(t, p, photometric == PHOTOMETRIC_MINISWHITE);
        return FV_OK;
    case PHOTOMETRIC_RGB:
        describe_rgb(p);
        return FV_OK;
    case PHOTOMETRIC_PALETTE:
        return describe_palette(t, p);
    case PHOTOMETRIC_SEPARATED:
        return describe_ink(t, p);
    case PHOTOMETRIC_YCBCR:
        if (p->compression == COMPRESSION_JPEG && !p->planar &&
            p->samples == 3) { /* libjpeg converts */
            TIFFSetField(t->tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
            describe_rgb(p);
            return FV_OK;
        }
        break;
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV:
        break;
    default:
        return fvi_tiff_fail(t, FV_ENOTSUP, "photometric interpretation %d",
                             photometric);
    }
    p->way = FVI_TIFF_RENDER;
    p->rgb = true;
    p->sample = (fvi_sample){.bits = 8};
    return FV_OK;
}

/* libtiff undoes predictors only beside compression. */
static fv_status describe_difference(fvi_tiff *t, fvi_tiff_page *p)
{
    int predictor = PREDICTOR_NONE;
    FV_TRY(fvi_tiff_directory(t, &predictor));
    p->difference = p->compression == COMPRESSION_NONE &&
                    p->sample.kind != FVI_FLOAT && p->sample.bits <= 32 &&
                    predictor == PREDICTOR_HORIZONTAL;
    return FV_OK;
}

static fv_status describe_chunks(fvi_tiff *t, fvi_tiff_page *p)
{
    p->tiled = TIFFIsTiled(t->tif) != 0;
    if (p->tiled) {
        TIFFGetField(t->tif, TIFFTAG_TILEWIDTH, &p->chunk_w);
        TIFFGetField(t->tif, TIFFTAG_TILELENGTH, &p->chunk_h);
    } else {
        p->chunk_w = p->width;
        TIFFGetFieldDefaulted(t->tif, TIFFTAG_ROWSPERSTRIP, &p->chunk_h);
        if (p->chunk_h > p->height)
            p->chunk_h = p->height;
    }
    if (p->chunk_w == 0 || p->chunk_h == 0)
        return fvi_tiff_fail(t, FV_EFORMAT, "strips or tiles of no pixels");
    return FV_OK;
}

fv_status fvi_tiff_describe(fvi_tiff *t, fvi_tiff_page *p)
{
    uint16_t planar = PLANARCONFIG_CONTIG;
    *p = (fvi_tiff_page){.orientation = 1, .compression = 1};
    t->said = (fvi_tiff_said){.failed = false};
    TIFFGetField(t->tif, TIFFTAG_IMAGEWIDTH, &p->width);
    TIFFGetField(t->tif, TIFFTAG_IMAGELENGTH, &p->height);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_SAMPLESPERPIXEL, &p->samples);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_ORIENTATION, &p->orientation);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(t->tif, TIFFTAG_COMPRESSION, &p->compression);
    p->planar = planar == PLANARCONFIG_SEPARATE && p->samples > 1;
    if (p->width == 0 || p->height == 0 || p->samples == 0)
        return fvi_tiff_fail(t, FV_EFORMAT, "%u x %u pixels of %d samples",
                             p->width, p->height, p->samples);
    if (!TIFFIsCODECConfigured(p->compression)) {
        const TIFFCodec *codec = TIFFFindCODEC(p->compression);
        return fvi_tiff_fail(t, FV_ENOTSUP, "compression %d (%s)",
                             p->compression, codec ? codec->name : "unknown");
    }
    FV_TRY(describe_sample(t, p));
    FV_TRY(describe_color(t, p));
    FV_TRY(describe_chunks(t, p));
    FV_TRY(describe_difference(t, p));
    if (p->rgb)
        p->keep = 3;
    p->dtype =
        p->way == FVI_TIFF_PALETTE ? FV_U8 : fvi_sample_dtype(&p->sample);
    return FV_OK;
}

void fvi_tiff_upright(const fvi_tiff_page *p, int64_t *h, int64_t *w)
{
    bool turned = p->orientation >= 5 && p->orientation <= 8;
    *h = turned ? p->width : p->height;
    *w = turned ? p->height : p->width;
}

bool fvi_tiff_alike(const fvi_tiff_page *a, const fvi_tiff_page *b)
{
    int64_t ha, wa, hb, wb;
    fvi_tiff_upright(a, &ha, &wa);
    fvi_tiff_upright(b, &hb, &wb);
    return ha == hb && wa == wb && a->keep == b->keep && a->rgb == b->rgb &&
           a->dtype == b->dtype;
}

/* PackBits repeats a byte 128 times for two; a code of LZW has at least nine
 * bits and at most 3840 bytes; deflate gives 1032; a block of JPEG has 64
 * samples for a bit or so; the others have runs without such a bound. */
int64_t fvi_tiff_expansion(const fvi_tiff_page *p)
{
    int64_t unpack = 8; /* bits to bytes, f16 to f32 */
    if (p->sample.bits >= 8)
        unpack = p->sample.bits % 8 || p->sample.bits == 24 ||
                         (p->sample.bits == 16 && p->sample.kind == FVI_FLOAT)
                     ? 2
                     : 1;
    if (p->way == FVI_TIFF_PALETTE || p->way == FVI_TIFF_RENDER)
        unpack *= 3;
    switch (p->compression) {
    case COMPRESSION_NONE:
        return unpack;
    case COMPRESSION_PACKBITS:
        return 64 * unpack;
    case COMPRESSION_LZW:
        return 3414 * unpack;
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
        return 1032 * unpack;
    case COMPRESSION_JPEG:
    case COMPRESSION_OJPEG:
        return 2048 * unpack;
    default:
        return 32768;
    }
}
