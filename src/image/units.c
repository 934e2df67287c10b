/* Units of length as files write them, and names cut to size. */
#include "image/load.h"

#include <string.h>
#include <strings.h>

double fvi_unit_um(const char *unit)
{
    static const struct {
        const char *name;
        double um;
    } table[] = {
        {"\xc2\xb5m", 1}, /* micro sign   */
        {"\xce\xbcm", 1}, /* greek mu     */
        {"\xb5m", 1},     /* Latin-1      */
        {"\\u00B5m", 1},  /* as Java escapes it */
        {"um", 1},         {"micron", 1},       {"microns", 1},
        {"micrometer", 1}, {"micrometers", 1},  {"micrometre", 1},
        {"nm", 1e-3},      {"nanometer", 1e-3}, {"nanometers", 1e-3},
        {"pm", 1e-6},      {"\xc3\x85", 1e-4},  {"angstrom", 1e-4},
        {"mm", 1e3},       {"millimeter", 1e3}, {"millimeters", 1e3},
        {"cm", 1e4},       {"centimeter", 1e4}, {"dm", 1e5},
        {"m", 1e6},        {"meter", 1e6},      {"inch", 25400},
        {"in", 25400},     {"inches", 25400},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcasecmp(unit, table[i].name) == 0)
            return table[i].um;
    return 0;
}

double fvi_pitch_from_density(double pixels, double unit_um)
{
    double pitch = pixels > 0 ? unit_um / pixels : 0;
    return pitch > 1e-6 && pitch <= 10 ? pitch : 0;
}

void fvi_copy_name(char *to, size_t room, const char *from, size_t size)
{
    size_t n = strnlen(from, size);
    if (n >= room) {
        n = room - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, from, n);
    to[n] = 0;
}
