/* Opening TIFF files so that libtiff neither prints nor takes much memory. */
#include "image/tiff.h"

#include <string.h>

/* "NAME: what happened." to "what happened". */
static void keep(fvi_tiff_said *said, const char *text, const char *name)
{
    size_t n = strlen(name);
    if (n > 0 && strncmp(text, name, n) == 0 && text[n] == ':')
        text += n + 1 + (text[n + 1] == ' ');
    fvi_copy_name(said->text, sizeof said->text, text, strlen(text));
    n = strlen(said->text);
    while (n > 0 && strchr(".,; \n", said->text[n - 1]))
        said->text[--n] = 0;
}

__attribute__((format(printf, 4, 0))) static int on_error(TIFF *tif, void *user,
                                                          const char *module,
                                                          const char *fmt,
                                                          va_list args)
{
    char text[512];
    fvi_tiff_said *said = user;
    (void)module;
    vsnprintf(text, sizeof text, fmt, args);
    if (!said->failed || !tif)
        keep(said, text, tif ? TIFFFileName(tif) : "");
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
