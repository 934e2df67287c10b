#ifndef FVI_IMAGE_SAMPLE_H
#define FVI_IMAGE_SAMPLE_H

/* Stored numbers of any width to the types of fv_dtype. */

#include "fovea/tensor.h"

#include <stdbool.h>

typedef enum fvi_kind { FVI_UNSIGNED, FVI_SIGNED, FVI_FLOAT } fvi_kind;

/* How one number is stored, in the byte order of this machine. `invert`: 0 is
 * the brightest of `bits` (unsigned only). */
typedef struct fvi_sample {
    int bits;
    fvi_kind kind;
    bool invert;
} fvi_sample;

/* False for widths nobody reads. */
bool fvi_sample_known(const fvi_sample *s);

fv_dtype fvi_sample_dtype(const fvi_sample *s);

/* `n` packed samples as fvi_sample_dtype: the same address when nothing has to
 * change, otherwise `typed` (room for 8 n bytes). */
const void *fvi_sample_row(const fvi_sample *s, const void *packed, int64_t n,
                           void *typed);

/* to[offset + i*stride] = from[i*step]; elements of `dtype`. */
void fvi_scatter(fv_dtype dtype, const void *from, int64_t step, int64_t n,
                 void *to, int64_t offset, int64_t stride);

/* Turns the bytes of `n` elements of `size` around. */
void fvi_swap_bytes(void *data, int64_t n, int size);

#endif
