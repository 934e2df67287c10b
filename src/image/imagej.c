/* The description ImageJ writes into its TIFF files: "key=value" lines.
 * Order of planes: time, z, channel, the last fastest. */
#include "image/tiff.h"

#include <stdlib.h>
#include <string.h>

/* The value of `key` in `text`, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == '=')
            return line + n + 1;
    }
    return NULL;
}

static int64_t count_of(const char *text, const char *key)
{
    const char *value = value_of(text, key);
    long long n = value ? strtoll(value, NULL, 10) : 1;
    return n > 0 && n <= INT32_MAX ? n : 1;
}

static double unit_of(const char *text, const char *key)
{
    char unit[32];
    const char *value = value_of(text, key);
    if (!value)
        return 0;
    fvi_copy_name(unit, sizeof unit, value, strcspn(value, "\r\n"));
    return fvi_unit_um(unit);
}

/* Pixels per unit to micrometers per pixel. Inches and centimeters may be
 * those of a printer. */
static double pitch_of(float density, double unit_um)
{
    if (!(density > 0) || unit_um <= 0)
        return 0;
    if (unit_um >= 1e4)
        return fvi_pitch_from_density((double)density, unit_um);
    return unit_um / (double)density;
}

static void read_pitch(TIFF *tif, const char *text, fvi_stack *s)
{
    float x = 0, y = 0;
    double um = unit_of(text, "unit");
    double um_y = value_of(text, "yunit") ? unit_of(text, "yunit") : um;
    double um_z = value_of(text, "zunit") ? unit_of(text, "zunit") : um;
    const char *spacing = value_of(text, "spacing");
    if (!value_of(text, "unit"))
        return; /* what the resolution says stands */
    TIFFGetField(tif, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(tif, TIFFTAG_YRESOLUTION, &y);
    s->pitch[2] = pitch_of(x, um);
    s->pitch[1] = pitch_of(y, um_y);
    double z = spacing ? strtod(spacing, NULL) * um_z : 0;
    s->pitch[0] = z > 0 && z < 1e9 && s->pitch[2] > 0 ? z : 0;
}

void fvi_imagej_read(TIFF *tif, const char *text, int64_t pages, int keep,
                     fvi_stack *out)
{
    int64_t c = count_of(text, "channels"), z = count_of(text, "slices");
    int64_t t = count_of(text, "frames"), images = count_of(text, "images");
    int64_t product = 0;
    read_pitch(tif, text, out);
    if (__builtin_mul_overflow(c * z, t, &product) || product != images) {
        c = t = 1;
        z = product = images;
    }
    if (product != pages && !(pages == 1 && product > 1))
        return; /* cut or merged by another program: plain slices */
    out->raw = pages == 1 && product > 1;
    out->t = t;
    out->z = z;
    out->c = c * keep;
    out->planes = product;
}
