#ifndef FVI_IMAGE_BANDS_H
#define FVI_IMAGE_BANDS_H

#include "base/base.h"
#include "fovea/image.h"

/* A picture that comes in bands of rows: `read` fills f32 (h,width,channels),
 * dense, with the rows from `top` on. */
typedef struct fvi_bands {
    int64_t height, width, channels;
    fv_status (*read)(void *user, int64_t top, fv_tensor out);
    void *user;
} fvi_bands;

/* fv_percentiles of such a picture, the same numbers, in two passes. Memory:
 * a band of about 4 MiB and 2.5 MiB per channel. */
fv_status fvi_percentiles_of(fv_ctx *ctx, const fvi_bands *b, double lo,
                             double hi, int joint, double low[], double high[]);

#endif
