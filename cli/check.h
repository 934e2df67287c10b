#ifndef FVI_CHECK_H
#define FVI_CHECK_H

/* Proving a model on this machine. */

#include "cmd.h"

/* `*error` is the largest difference between what the model file answers here
 * and the answer it holds, relative to the largest. FV_EFORMAT when that is
 * over `tolerance`. `backend` NULL: the fastest. */
fv_status check_model(cli *c, const char *path, const char *backend,
                      double tolerance, double *error);

#endif
