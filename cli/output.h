#ifndef FVI_OUTPUT_H
#define FVI_OUTPUT_H

/* The files that verbs write. */

#include "cmd.h"

/* Is anything at `path`, be it a link that leads nowhere? */
bool output_exists(const char *path);

/* FV_EIO when something is (unless --force). */
fv_status refuse_existing(const cli *c, const char *path);

#endif
