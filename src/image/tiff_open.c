/* Opening TIFF files so that libtiff neither prints nor takes much memory. */
#include "image/tiff.h"

#include <string.h>

static int on_error(TIFF *tif, void *user, const char *module, const char *fmt,
                    va_list args)
{
    (void)tif, (void)module;
    fvi_tiff_said *said = user;
    if (!said->failed) {
        vsnprintf(said->text, sizeof said->text, fmt, args);
        size_t n = strlen(said->text);
        while (n > 0 && (said->text[n - 1] == '.' || said->text[n - 1] == '\n'))
            said->text[--n] = 0;
    }
    said->failed = true;
    return 1;
}

static int on_warning(TIFF *tif, void *user, const char *module,
                      const char *fmt, va_list args)
{
    (void)tif, (void)user, (void)module, (void)fmt, (void)args;
    return 1;
}

TIFF *fvi_tiff_open(const char *path, const char *mode, int64_t max_alloc,
                    fvi_tiff_said *said)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, max_alloc);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, said);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, said);
    TIFF *tif = TIFFOpenExt(path, mode, options);
    TIFFOpenOptionsFree(options);
    return tif;
}

fv_status fvi_tiff_fail(fvi_tiff *t, fv_status status, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    int page = t->tif ? (int)TIFFCurrentDirectory(t->tif) + 1 : 1;
    return fvi_load_fail(t->l, status, "TIFF page %d: %s%s%s", page, what,
                         t->said.failed ? ": " : "", t->said.text);
}
