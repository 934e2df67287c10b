/* Files: read whole, or written all or nothing. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fv_status fail_errno(fv_ctx *ctx, const char *path, const char *what)
{
    return fvi_fail(ctx, FV_EIO, "%s: cannot %s: %s", path, what,
                    strerror(errno));
}

static fv_status read_open(fv_ctx *ctx, FILE *f, const char *path, size_t max,
                           unsigned char **bytes, size_t *size)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0)
        return fail_errno(ctx, path, "read");
    if (S_ISDIR(st.st_mode))
        return fvi_fail(ctx, FV_EIO, "%s: is a folder, expected a file", path);
    if (!S_ISREG(st.st_mode))
        return fvi_fail(ctx, FV_EIO, "%s: is not an ordinary file", path);
    size_t length = (size_t)st.st_size;
    if (length > max)
        return fvi_fail(ctx, FV_EFORMAT, "%s: has %zu bytes, at most %zu fit",
                        path, length, max);
    unsigned char *data = fvi_alloc(ctx, length + 1);
    if (!data)
        return FV_ENOMEM;
    if (fread(data, 1, length, f) != length) {
        fvi_free(ctx, data);
        return fvi_fail(ctx, FV_EIO, "%s: ended before its %zu bytes", path,
                        length);
    }
    data[length] = 0;
    *bytes = data;
    *size = length;
    return FV_OK;
}

fv_status fvi_file_read(fv_ctx *ctx, const char *path, size_t max,
                        unsigned char **bytes, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail_errno(ctx, path, "open");
    fv_status status = read_open(ctx, f, path, max, bytes, size);
    fclose(f);
    return status;
}

/* A temporary name in the same folder, so that rename cannot cross disks. */
static char *temporary_name(fv_ctx *ctx, const char *path)
{
    fvi_text t = {.ctx = ctx};
    fvi_text_add(&t, "%s.%ld.part", path, (long)getpid());
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

/* A device or a pipe would be lost: the file written takes its name. */
static fv_status check_target(fv_ctx *ctx, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
        return FV_OK;
    bool folder = S_ISDIR(st.st_mode);
    return fvi_fail(ctx, FV_EIO, "%s: is %s, expected a file", path,
                    folder ? "a folder" : "a device or a pipe");
}

fv_status fvi_file_create(fv_ctx *ctx, const char *path, bool open,
                          fvi_file *out)
{
    FV_TRY(check_target(ctx, path));
    fvi_file f = {.ctx = ctx};
    f.path = fvi_strdup(ctx, path);
    f.path_tmp = temporary_name(ctx, path);
    if (!f.path || !f.path_tmp) {
        fvi_file_discard(&f);
        return FV_ENOMEM;
    }
    FILE *stream = fopen(f.path_tmp, "wb");
    if (!stream) {
        fv_status status = fail_errno(ctx, path, "create");
        fvi_file_discard(&f);
        return status;
    }
    if (open)
        f.stream = stream;
    else
        fclose(stream);
    *out = f;
    return FV_OK;
}

fv_status fvi_file_add(fvi_file *f, const void *bytes, size_t size)
{
    if (size == 0 || fwrite(bytes, 1, size, f->stream) == size)
        return FV_OK;
    return fail_errno(f->ctx, f->path, "write");
}

/* Closing can be where a full disk first shows. */
static bool flush_to_disk(fvi_file *f)
{
    if (f->stream) {
        FILE *stream = f->stream;
        f->stream = NULL;
        bool flushed = fflush(stream) == 0 && fsync(fileno(stream)) == 0;
        return fclose(stream) == 0 && flushed;
    }
    int fd = open(f->path_tmp, O_WRONLY);
    bool synced = fd >= 0 && fsync(fd) == 0;
    return fd >= 0 && close(fd) == 0 && synced;
}

fv_status fvi_file_commit(fvi_file *f)
{
    fv_status status = FV_OK;
    if (!flush_to_disk(f) || rename(f->path_tmp, f->path) != 0)
        status = fail_errno(f->ctx, f->path, "write");
    if (status == FV_OK) {
        fvi_free(f->ctx, f->path_tmp);
        f->path_tmp = NULL;
    }
    fvi_file_discard(f);
    return status;
}

void fvi_file_discard(fvi_file *f)
{
    if (f->stream)
        fclose(f->stream);
    if (f->path_tmp)
        unlink(f->path_tmp);
    fvi_free(f->ctx, f->path_tmp);
    fvi_free(f->ctx, f->path);
    *f = (fvi_file){.ctx = f->ctx};
}

fv_status fvi_file_write(fv_ctx *ctx, const char *path, const void *bytes,
                         size_t size)
{
    fvi_file f;
    FV_TRY(fvi_file_create(ctx, path, true, &f));
    fv_status status = fvi_file_add(&f, bytes, size);
    if (status != FV_OK) {
        fvi_file_discard(&f);
        return status;
    }
    return fvi_file_commit(&f);
}
