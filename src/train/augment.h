#ifndef FVI_AUGMENT_H
#define FVI_AUGMENT_H

/* Random crops without allocation, for the threads that make a batch. */

#include "fovea/augment.h"

/* Numbers of scratch that one crop of side S and C channels wants. */
int64_t fvi_augment_scratch(int64_t side, int64_t channels);

/* fv_augment_crop on dense tensors known to fit. */
void fvi_augment_fill(const fv_augment *a, uint64_t seed, uint64_t epoch,
                      uint64_t index, fv_tensor image, fv_tensor labels,
                      fv_tensor image_out, fv_tensor labels_out,
                      float *scratch);

#endif
