#ifndef FVI_IDX_H
#define FVI_IDX_H

/*
 * The files of MNIST: 2 zero bytes, the type (8: unsigned bytes), the number of
 * extents, each extent in 4 bytes, most significant first, then the bytes.
 * Compressed with gzip (RFC 1952) or not.
 * Source: LeCun, Cortes & Burges, "The MNIST database", file formats.
 */

#include "base/base.h"

typedef struct fvi_idx {
    int ndim;
    int64_t dim[3];
    int64_t item; /* bytes of one entry of the first axis */
    unsigned char *bytes, *data;
} fvi_idx;

/* At most 3 extents and 4 GiB. FV_EIO, FV_EFORMAT, FV_ENOMEM; the sentence
 * starts with `path`. */
fv_status fvi_idx_read(fv_ctx *ctx, const char *path, fvi_idx *out);
void fvi_idx_free(fv_ctx *ctx, fvi_idx *idx);

#endif
