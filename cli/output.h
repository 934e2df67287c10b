#ifndef FVI_OUTPUT_H
#define FVI_OUTPUT_H

/* The files that verbs write. */

#include "cmd.h"

/* FV_EIO when something is at `path` already (unless --force), be it a link
 * that leads nowhere. */
fv_status refuse_existing(const cli *c, const char *path);

#endif
