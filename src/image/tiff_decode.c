/* Pixels of one TIFF page: strips or tiles, planes together or apart. */
#include "image/tiff.h"

#include <string.h>

/* What decoding one page needs at hand. */
typedef struct job {
    fvi_tiff *t;
    const fvi_tiff_page *p;
    fvi_plane_to to; /* of pixel (0,0) of the page */
    fvi_rect part;
    int in_chunk;           /* samples per pixel in a chunk          */
    unsigned char *chunk;   /* as libtiff gives it                   */
    unsigned char *typed;   /* one row of numbers                    */
    unsigned char *colored; /* one row of palette colors             */
    uint16_t *map[3];
    int map_shift;
} job;

/* Undoes horizontal differences of samples: sums modulo 2^bits. */
static void sum_row(const fvi_tiff_page *p, int spp, int64_t n, void *row)
{
    uint32_t mask = (uint32_t)(((uint64_t)1 << p->sample.bits) - 1);
    size_t size = fv_dtype_size(p->dtype);
    for (int64_t i = spp; i < n * spp; i++)
        if (size == 1)
            ((uint8_t *)row)[i] =
                (uint8_t)((((uint8_t *)row)[i] + ((uint8_t *)row)[i - spp]) &
                          mask);
        else if (size == 2)
            ((uint16_t *)row)[i] =
                (uint16_t)((((uint16_t *)row)[i] + ((uint16_t *)row)[i - spp]) &
                           mask);
        else
            ((uint32_t *)row)[i] =
                (((uint32_t *)row)[i] + ((uint32_t *)row)[i - spp]) & mask;
}

static const void *typed_row(job *j, unsigned char *packed, int64_t n)
{
    const fvi_tiff_page *p = j->p;
    /* Integers of 24 bits lie high byte first whatever the order of the file;
     * libtiff has turned them around like any other. */
    if (p->sample.bits == 24 && p->sample.kind == FVI_UNSIGNED &&
        TIFFIsByteSwapped(j->t->tif))
        fvi_swap_bytes(packed, n * j->in_chunk, 3);
    if (!p->difference)
        return fvi_sample_row(&p->sample, packed, n * j->in_chunk, j->typed);
    fvi_sample plain = p->sample;
    plain.invert = false;
    const void *row = fvi_sample_row(&plain, packed, n * j->in_chunk, j->typed);
    size_t size = (size_t)(n * j->in_chunk) * fv_dtype_size(p->dtype);
    if (row != j->typed)
        memcpy(j->typed, row, size);
    sum_row(p, j->in_chunk, n, j->typed);
    return p->sample.invert
               ? fvi_sample_row(&p->sample, j->typed, n * j->in_chunk, j->typed)
               : j->typed;
}

static const void *color_row(job *j, const void *row, int64_t n)
{
    bool wide = j->p->sample.bits > 8;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i * j->in_chunk;
        size_t v =
            wide ? ((const uint16_t *)row)[at] : ((const uint8_t *)row)[at];
        for (int c = 0; c < 3; c++)
            j->colored[3 * i + c] =
                (unsigned char)(j->map[c][v] >> j->map_shift);
    }
    return j->colored;
}

/* Writes what the part holds of rows y0 <= y < y0 + rows of a chunk that
 * begins at column x0 and with sample `s`; `packed` is row y0. */
static void place(job *j, unsigned char *packed, int64_t y0, int64_t x0,
                  int64_t rows, int64_t row_size, int s)
{
    const fvi_tiff_page *p = j->p;
    int64_t cols = (int64_t)p->width - x0;
    if (cols > p->chunk_w)
        cols = p->chunk_w;
    int64_t lo = j->part.x0 > x0 ? j->part.x0 - x0 : 0;
    int64_t hi = j->part.x1 - x0 < cols ? j->part.x1 - x0 : cols;
    for (int64_t y = 0; y < rows; y++) {
        if (y0 + y < j->part.y0 || y0 + y >= j->part.y1)
            continue;
        const void *row = typed_row(j, packed + y * row_size, cols);
        int step = j->in_chunk, have = p->planar ? 1 : p->keep;
        if (p->way == FVI_TIFF_PALETTE) {
            row = color_row(j, row, cols);
            step = have = 3;
        }
        int64_t at = j->to.at + (y0 + y) * j->to.sy + (x0 + lo) * j->to.sx;
        size_t size = fv_dtype_size(j->to.dtype);
        for (int k = 0; k < have; k++)
            fvi_scatter(
                j->to.dtype, (const char *)row + (size_t)(lo * step + k) * size,
                step, hi - lo, j->to.data, at + (s + k) * j->to.ss, j->to.sx);
    }
}

static fv_status broken(job *j, const char *what, uint32_t index)
{
    return fvi_tiff_fail(j->t, FV_EFORMAT, "cannot decode %s %u", what, index);
}

static fv_status decode_strips(job *j, int s)
{
    const fvi_tiff_page *p = j->p;
    TIFF *tif = j->t->tif;
    int64_t row_size =
        TIFFScanlineSize64(tif) > 0 ? (int64_t)TIFFScanlineSize64(tif) : 0;
    int64_t first = j->part.y0 / p->chunk_h * p->chunk_h;
    for (int64_t y = first; y < j->part.y1; y += p->chunk_h) {
        int64_t rows = p->height - y < p->chunk_h ? p->height - y : p->chunk_h;
        uint32_t strip = TIFFComputeStrip(tif, (uint32_t)y, (uint16_t)s);
        tmsize_t size = (tmsize_t)(rows * row_size);
        if (fvi_canceled(j->t->l->ctx))
            return fvi_load_fail(j->t->l, FV_ECANCEL, "reading was canceled");
        if (TIFFReadEncodedStrip(tif, strip, j->chunk, size) != size)
            return broken(j, "strip", strip);
        place(j, j->chunk, y, 0, rows, row_size, s);
    }
    return FV_OK;
}

static fv_status decode_tiles(job *j, int s)
{
    const fvi_tiff_page *p = j->p;
    TIFF *tif = j->t->tif;
    tmsize_t size = TIFFTileSize(tif), row_size = TIFFTileRowSize(tif);
    int64_t top = j->part.y0 / p->chunk_h * p->chunk_h;
    int64_t left = j->part.x0 / p->chunk_w * p->chunk_w;
    for (int64_t y = top; y < j->part.y1; y += p->chunk_h)
        for (int64_t x = left; x < j->part.x1; x += p->chunk_w) {
            uint32_t tile =
                TIFFComputeTile(tif, (uint32_t)x, (uint32_t)y, 0, (uint16_t)s);
            int64_t rows = p->height - y;
            if (fvi_canceled(j->t->l->ctx))
                return fvi_load_fail(j->t->l, FV_ECANCEL,
                                     "reading was canceled");
            if (TIFFReadEncodedTile(tif, tile, j->chunk, size) != size)
                return broken(j, "tile", tile);
            place(j, j->chunk, y, x, rows < p->chunk_h ? rows : p->chunk_h,
                  row_size, s);
        }
    return FV_OK;
}

/* Rows of strips that are plain numbers lie in the file as they are, so that a
 * part of a large strip can be read alone. */
static bool lies_plain(const job *j)
{
    const fvi_tiff_page *p = j->p;
    uint16_t order = FILLORDER_MSB2LSB;
    int b = p->sample.bits;
    TIFFGetFieldDefaulted(j->t->tif, TIFFTAG_FILLORDER, &order);
    return !p->tiled && p->compression == COMPRESSION_NONE &&
           order == FILLORDER_MSB2LSB &&
           (b == 8 || b == 16 || b == 32 || b == 64);
}

static fv_status read_rows(job *j, int s)
{
    const fvi_tiff_page *p = j->p;
    TIFF *tif = j->t->tif;
    FILE *f = j->t->l->file;
    int size = p->sample.bits / 8;
    int64_t samples = (int64_t)p->width * j->in_chunk, bytes = samples * size;
    for (int64_t y = j->part.y0; y < j->part.y1; y++) {
        uint32_t strip = TIFFComputeStrip(tif, (uint32_t)y, (uint16_t)s);
        int64_t begin = (int64_t)TIFFGetStrileOffset(tif, strip);
        int64_t at = y % p->chunk_h * bytes;
        if (begin <= 0 || begin > j->t->l->file_bytes ||
            at + bytes > (int64_t)TIFFGetStrileByteCount(tif, strip))
            return broken(j, "strip", strip);
        if (fseeko(f, (off_t)(begin + at), SEEK_SET) != 0 ||
            fread(j->chunk, 1, (size_t)bytes, f) != (size_t)bytes)
            return broken(j, "strip", strip);
        if (TIFFIsByteSwapped(tif) && size > 1)
            fvi_swap_bytes(j->chunk, samples, size);
        place(j, j->chunk, y, 0, 1, bytes, s);
    }
    return FV_OK;
}

static bool is_whole(const fvi_tiff_page *p, fvi_rect part)
{
    return part.y0 == 0 && part.x0 == 0 && part.y1 == p->height &&
           part.x1 == p->width;
}

/* Strips whose rows already look like ours go straight to their place. */
static bool goes_straight(const job *j)
{
    const fvi_tiff_page *p = j->p;
    int b = p->sample.bits;
    return is_whole(p, j->part) && !p->tiled && !p->planar && !p->difference &&
           p->way == FVI_TIFF_PLAIN && p->samples == p->keep &&
           !p->sample.invert &&
           (b == 8 || b == 16 || b == 32 ||
            (b == 64 && p->sample.kind == FVI_FLOAT)) &&
           !(b == 16 && p->sample.kind == FVI_FLOAT) && j->to.sx == p->keep &&
           (p->keep == 1 || j->to.ss == 1) &&
           j->to.sy == (int64_t)p->width * p->keep;
}

static fv_status decode_straight(job *j)
{
    const fvi_tiff_page *p = j->p;
    size_t size = fv_dtype_size(p->dtype);
    int64_t row_size = j->to.sy * (int64_t)size;
    unsigned char *to = (unsigned char *)j->to.data + j->to.at * (int64_t)size;
    for (uint32_t y = 0; y < p->height; y += p->chunk_h) {
        uint32_t rows = p->height - y < p->chunk_h ? p->height - y : p->chunk_h;
        uint32_t strip = TIFFComputeStrip(j->t->tif, y, 0);
        tmsize_t bytes = (tmsize_t)(rows * row_size);
        if (fvi_canceled(j->t->l->ctx))
            return fvi_load_fail(j->t->l, FV_ECANCEL, "reading was canceled");
        if (TIFFReadEncodedStrip(j->t->tif, strip, to + y * row_size, bytes) !=
            bytes)
            return broken(j, "strip", strip);
    }
    return FV_OK;
}

/* A chunk may be much larger than the image it is cut from. */
static fv_status chunk_bytes(job *j, size_t *out)
{
    TIFF *tif = j->t->tif;
    const fvi_load *l = j->t->l;
    int64_t size =
        j->p->tiled ? (int64_t)TIFFTileSize(tif) : (int64_t)TIFFStripSize(tif);
    int64_t need = j->p->tiled ? (int64_t)TIFFTileRowSize(tif)
                               : (int64_t)TIFFScanlineSize(tif);
    int64_t bits = (int64_t)j->p->chunk_w * j->in_chunk * j->p->sample.bits;
    int64_t most = 0;
    if (size <= 0 || need < (bits + 7) / 8 || size / need < j->p->chunk_h)
        return fvi_tiff_fail(j->t, FV_EFORMAT, "rows of %lld bytes",
                             (long long)need);
    if (__builtin_mul_overflow(l->file_bytes, fvi_tiff_expansion(j->p), &most))
        most = l->limits.max_bytes;
    if (size > l->limits.max_bytes || size - (16 << 20) > most)
        return fvi_tiff_fail(j->t, FV_EFORMAT,
                             "strips or tiles of %lld bytes in a file of %lld",
                             (long long)size, (long long)l->file_bytes);
    *out = (size_t)size;
    return FV_OK;
}

static fv_status open_palette(job *j)
{
    if (!TIFFGetField(j->t->tif, TIFFTAG_COLORMAP, &j->map[0], &j->map[1],
                      &j->map[2]))
        return fvi_tiff_fail(j->t, FV_EFORMAT, "no palette");
    /* Palettes have 16 bits; some writers put 8 in them. */
    for (size_t i = 0; i < (size_t)1 << j->p->sample.bits; i++)
        for (int c = 0; c < 3; c++)
            if (j->map[c][i] > 255)
                j->map_shift = 8;
    return FV_OK;
}

static fv_status decode_chunks(job *j)
{
    fv_ctx *ctx = j->t->l->ctx;
    size_t chunk = 0,
           cols = j->p->chunk_w < j->p->width ? j->p->chunk_w : j->p->width;
    bool rows = !is_whole(j->p, j->part) && lies_plain(j);
    if (rows)
        chunk = cols * (size_t)j->in_chunk * 8;
    else
        FV_TRY(chunk_bytes(j, &chunk));
    if (goes_straight(j))
        return decode_straight(j);
    if (j->p->way == FVI_TIFF_PALETTE)
        FV_TRY(open_palette(j));
    j->chunk = fvi_calloc(ctx, chunk, 1);
    j->typed = fvi_calloc(ctx, cols * (size_t)j->in_chunk, 8);
    j->colored = fvi_calloc(ctx, cols, 3);
    if (!j->chunk || !j->typed || !j->colored)
        return FV_ENOMEM;
    int planes = !j->p->planar                   ? 1
                 : j->p->way == FVI_TIFF_PALETTE ? 1
                                                 : j->p->keep;
    for (int s = 0; s < planes; s++)
        FV_TRY(rows          ? read_rows(j, s)
               : j->p->tiled ? decode_tiles(j, s)
                             : decode_strips(j, s));
    return FV_OK;
}

bool fvi_tiff_has_parts(const fvi_tiff_page *p)
{
    return p->orientation == ORIENTATION_TOPLEFT &&
           (p->way == FVI_TIFF_PLAIN || p->way == FVI_TIFF_PALETTE);
}

fv_status fvi_tiff_decode_part(fvi_tiff *t, const fvi_tiff_page *p,
                               fvi_rect part, fvi_plane_to to)
{
    job j = {.t = t, .p = p, .to = to, .part = part};
    j.to.at -= part.y0 * to.sy + part.x0 * to.sx;
    j.in_chunk = p->planar ? 1 : p->samples;
    fv_status status = decode_chunks(&j);
    fvi_free(t->l->ctx, j.chunk);
    fvi_free(t->l->ctx, j.typed);
    fvi_free(t->l->ctx, j.colored);
    return status;
}
