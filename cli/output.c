/* The files that verbs write. */
#include "output.h"

#include <sys/stat.h>

fv_status refuse_existing(const cli *c, const char *path)
{
    struct stat st;
    if (c->force || lstat(path, &st) != 0)
        return FV_OK;
    return fvi_fail(c->ctx, FV_EIO, "%s exists, --force replaces it", path);
}
