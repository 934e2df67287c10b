/* One tag that libtiff hides: a predictor beside no compression. It keeps such
 * tags to the codecs that define them, yet some writers store differences
 * without compressing. Source: TIFF 6.0 section 2; BigTIFF by AWare Systems. */
#include "image/tiff.h"

#include <string.h>

static uint64_t number(const unsigned char *p, int size, bool big_endian)
{
    uint64_t v = 0;
    for (int i = 0; i < size; i++)
        v = v << 8 | p[big_endian ? i : size - 1 - i];
    return v;
}

int fvi_tiff_predictor(fvi_tiff *t)
{
    enum { SHORT = 3, MAX_TAGS = 4096 };
    unsigned char head[8], entry[20];
    FILE *f = t->l->file;
    bool big_endian = TIFFIsBigEndian(t->tif) != 0;
    if (fseeko(f, 2, SEEK_SET) != 0 || fread(head, 1, 2, f) != 2)
        return 1;
    bool wide = number(head, 2, big_endian) == 43; /* BigTIFF */
    int count_size = wide ? 8 : 2, entry_size = wide ? 20 : 12;
    off_t at = (off_t)TIFFCurrentDirOffset(t->tif);
    if (fseeko(f, at, SEEK_SET) != 0 ||
        fread(head, 1, (size_t)count_size, f) != (size_t)count_size)
        return 1;
    uint64_t count = number(head, count_size, big_endian);
    for (uint64_t i = 0; i < count && i < MAX_TAGS; i++) {
        if (fread(entry, (size_t)entry_size, 1, f) != 1)
            return 1;
        if (number(entry, 2, big_endian) == TIFFTAG_PREDICTOR &&
            number(entry + 2, 2, big_endian) == SHORT)
            return (int)number(entry + (wide ? 12 : 8), 2, big_endian);
    }
    return 1;
}
