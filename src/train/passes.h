#ifndef FVI_TRAIN_PASSES_H
#define FVI_TRAIN_PASSES_H

/* In which order training shows its images, and how often each. */

#include "base/base.h"

typedef struct fvi_passes {
    int64_t *list; /* numbers of images, shuffled anew for each pass */
    int64_t count, pass;
    uint64_t seed;
} fvi_passes;

/* An image of area[i] px is shown (area / middle area)^power times in a pass,
 * rounded, at least once. Owned by the caller: fvi_passes_free. */
fv_status fvi_passes_new(fv_ctx *ctx, const double *area, int64_t count,
                         double power, uint64_t seed, fvi_passes *out);

/* The image at place `at` of all passes, laid end to end. */
int64_t fvi_passes_pick(fvi_passes *o, int64_t at);

void fvi_passes_free(fv_ctx *ctx, fvi_passes *o);

#endif
