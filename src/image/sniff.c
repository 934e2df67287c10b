/* Which format a file has, by its first bytes, and the way to its reader. */
#include "image/load.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef struct format {
    const char *name, *magic;
    size_t size;
    fv_status (*read)(fvi_load *l, fv_image **out);
} format;

static const format formats[] = {
    {"TIFF", "II*\0", 4, fvi_read_tiff},
    {"TIFF", "MM\0*", 4, fvi_read_tiff},
    {"BigTIFF", "II+\0", 4, fvi_read_tiff},
    {"BigTIFF", "MM\0+", 4, fvi_read_tiff},
    {"PNG", "\x89PNG\r\n\x1a\n", 8, fvi_read_png},
    {"JPEG", "\xff\xd8\xff", 3, fvi_read_jpeg},
    {"NPY", "\x93NUMPY", 6, fvi_read_npy},
    /* Known by sight only, so that the message can name them. */
    {"zip (npz, ...)", "PK\x03\x04", 4, NULL},
    {"HDF5", "\x89HDF\r\n\x1a\n", 8, NULL},
    {"GIF", "GIF8", 4, NULL},
    {"BMP", "BM", 2, NULL},
    {"Zeiss CZI", "ZISRAWFILE", 10, NULL},
    {"Leica LIF", "\x70\0\0\0", 4, NULL},
    {"Nikon ND2", "\xda\xce\xbe\x0a", 4, NULL},
    {"JPEG 2000", "\0\0\0\x0cjP  ", 8, NULL},
};

fv_status fvi_load_fail(const fvi_load *l, fv_status status, const char *fmt,
                        ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return fvi_fail(l->ctx, status, "%s: %s", l->path, text);
}

static fv_status dispatch(fvi_load *l, fv_image **out)
{
    char head[16] = {0};
    size_t got = fread(head, 1, sizeof head, l->file);
    if (ferror(l->file) || fseeko(l->file, 0, SEEK_SET) != 0)
        return fvi_load_fail(l, FV_EIO, "cannot read: %s", strerror(errno));
    if (got == 0)
        return fvi_load_fail(l, FV_EFORMAT, "is empty");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const format *f = &formats[i];
        if (got < f->size || memcmp(head, f->magic, f->size) != 0)
            continue;
        if (f->read)
            return f->read(l, out);
        return fvi_load_fail(l, FV_ENOTSUP,
                             "is %s, expected TIFF, PNG, JPEG or NPY", f->name);
    }
    return fvi_load_fail(l, FV_EFORMAT, "is not TIFF, PNG, JPEG or NPY");
}

fv_status fvi_load_open(fvi_load *l)
{
    struct stat st;
    if (stat(l->path, &st) != 0)
        return fvi_load_fail(l, FV_EIO, "cannot open: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fvi_load_fail(l, FV_EIO, "is %s, expected a file",
                             S_ISDIR(st.st_mode) ? "a folder" : "a device");
    l->file = fopen(l->path, "rb");
    if (!l->file)
        return fvi_load_fail(l, FV_EIO, "cannot open: %s", strerror(errno));
    l->file_bytes = (int64_t)st.st_size;
    return FV_OK;
}

fv_limits fvi_limits_or_default(const fv_limits *limits)
{
    fv_limits l = {0};
    if (limits)
        l = *limits;
    if (l.max_side <= 0)
        l.max_side = 1000000;
    if (l.max_bytes <= 0)
        l.max_bytes = (int64_t)8 << 30;
    return l;
}

fv_status fvi_image_load(fv_ctx *ctx, const char *path, const fv_limits *limits,
                         bool header, bool labels, fv_image **out)
{
    fvi_load l = {.ctx = ctx, .path = path, .header = header, .labels = labels};
    l.limits = fvi_limits_or_default(limits);
    FV_TRY(fvi_load_open(&l));
    fvi_plain_numbers plain = fvi_plain_begin();
    fv_status status = dispatch(&l, out);
    fvi_plain_end(plain);
    fclose(l.file);
    return status;
}

fv_status fv_image_read(fv_ctx *ctx, const char *path, const fv_limits *limits,
                        fv_image **out)
{
    return fvi_image_load(ctx, path, limits, false, false, out);
}

fv_status fv_image_read_header(fv_ctx *ctx, const char *path, fv_image **out)
{
    return fvi_image_load(ctx, path, NULL, true, false, out);
}
