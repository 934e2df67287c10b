#ifndef FVI_FIELD_H
#define FVI_FIELD_H

#include "base/base.h"
#include "fovea/field.h"

/* The numbers of an option struct that was not filled by fv_field_set.
 * FV_EINVAL names the first one out of its range. */
fv_status fvi_fields_check(fv_ctx *ctx, const fv_field *fields,
                           const void *options);

/* The whole number of that name; 0 when there is none. */
int fvi_field_int(const fv_field *fields, const void *options,
                  const char *name);

#endif
