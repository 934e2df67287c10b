#ifndef FVI_SAFETENSORS_H
#define FVI_SAFETENSORS_H

/*
 * The safetensors container: 8 bytes little-endian length of a JSON header,
 * the header, then raw row-major numbers. Names map to dtype, extents and a
 * range of bytes; "__metadata__" maps names to text.
 */

#include "base/base.h"
#include "fovea/tensor.h"

#include <jansson.h>

typedef enum fvi_st_type {
    FVI_ST_F64,
    FVI_ST_F32,
    FVI_ST_F16,
    FVI_ST_BF16,
    FVI_ST_OTHER /* valid, but not read as numbers here */
} fvi_st_type;

typedef struct fvi_st_tensor {
    const char *name; /* in the header */
    fvi_st_type type;
    int ndim;
    int64_t dim[FV_MAX_DIM];
    int64_t count; /* numbers */
    size_t begin, end;
} fvi_st_tensor;

/* A whole file in memory, its header checked. */
typedef struct fvi_st {
    fv_ctx *ctx;
    unsigned char *bytes; /* the file */
    const unsigned char *data;
    size_t data_size;
    json_t *header;
    fvi_st_tensor *tensor; /* by rising place in the file */
    size_t count;
} fvi_st;

/*
 * Nothing in a file is believed before it is checked: the header is at most
 * 16 MiB, every range lies in the file and has the size of its extents, and
 * the ranges fill the data without gaps or overlap. FV_EIO, FV_EFORMAT,
 * FV_ENOMEM; the sentence starts with `path`.
 */
fv_status fvi_st_read(fv_ctx *ctx, const char *path, fvi_st *out);
void fvi_st_free(fvi_st *st);

/* The tensor called `name`, or NULL. */
const fvi_st_tensor *fvi_st_find(const fvi_st *st, const char *name);

/* The text filed under `key`, or NULL. */
const char *fvi_st_text(const fvi_st *st, const char *key);

/* The numbers as f32, into t->count floats. FV_ENOTSUP for other types. */
fv_status fvi_st_numbers(const fvi_st *st, const fvi_st_tensor *t, float *out);

/* Number `i` of those at `base`, which are not FVI_ST_OTHER. */
float fvi_st_number(fvi_st_type type, const unsigned char *base, int64_t i);

/* One tensor to write: its numbers are rounded to `type`. */
typedef struct fvi_st_item {
    const char *name;
    fvi_st_type type; /* FVI_ST_F32, FVI_ST_F16 or FVI_ST_BF16 */
    int ndim;
    const int64_t *dim;
    const float *data;
} fvi_st_item;

typedef struct fvi_st_note {
    const char *key, *text;
} fvi_st_note;

/* All or nothing. FV_EIO, FV_ENOMEM, FV_EINVAL (text that is not UTF-8). */
fv_status fvi_st_write(fv_ctx *ctx, const char *path, const fvi_st_note *note,
                       size_t notes, const fvi_st_item *item, size_t items);

#endif
