/* The files that verbs write. */
#include "output.h"

#include <sys/stat.h>

bool output_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

fv_status refuse_existing(const cli *c, const char *path)
{
    if (c->force || !output_exists(path))
        return FV_OK;
    return fvi_fail(c->ctx, FV_EIO, "%s exists, --force replaces it", path);
}
