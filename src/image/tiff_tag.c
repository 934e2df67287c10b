/* What libtiff does not tell about a directory: whether it lies in the file
 * as a whole, and a predictor beside no compression, a tag which libtiff keeps
 * to the codecs that define it though some writers store differences without
 * compressing. Source: TIFF 6.0 section 2; BigTIFF by AWare Systems. */
#include "image/tiff.h"

#include <string.h>

static uint64_t number(const unsigned char *p, int size, bool big_endian)
{
    uint64_t v = 0;
    for (int i = 0; i < size; i++)
        v = v << 8 | p[big_endian ? i : size - 1 - i];
    return v;
}

static bool read_at(FILE *f, int64_t at, void *to, int size)
{
    return fseeko(f, (off_t)at, SEEK_SET) == 0 &&
           fread(to, 1, (size_t)size, f) == (size_t)size;
}

fv_status fvi_tiff_directory(fvi_tiff *t, int *predictor)
{
    enum { SHORT = 3, MAX_TAGS = 4096 };
    unsigned char head[8], entry[20];
    FILE *f = t->l->file;
    bool big_endian = TIFFIsBigEndian(t->tif) != 0;
    int64_t at = (int64_t)TIFFCurrentDirOffset(t->tif);
    *predictor = PREDICTOR_NONE;
    bool ok = read_at(f, 2, head, 2);
    bool wide = ok && number(head, 2, big_endian) == 43; /* BigTIFF */
    int count_size = wide ? 8 : 2, entry_size = wide ? 20 : 12;
    ok = ok && read_at(f, at, head, count_size);
    uint64_t count = ok ? number(head, count_size, big_endian) : 0;
    for (uint64_t i = 0; ok && i < count && i < MAX_TAGS; i++) {
        ok = fread(entry, (size_t)entry_size, 1, f) == 1;
        if (ok && number(entry, 2, big_endian) == TIFFTAG_PREDICTOR &&
            number(entry + 2, 2, big_endian) == SHORT)
            *predictor = (int)number(entry + (wide ? 12 : 8), 2, big_endian);
    }
    /* After the entries comes where the next directory is. */
    ok = ok && (count > MAX_TAGS || fread(entry, wide ? 8 : 4, 1, f) == 1);
    return ok ? FV_OK : fvi_tiff_fail(t, FV_EFORMAT, "the directory is cut");
}
