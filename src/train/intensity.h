#ifndef FVI_INTENSITY_H
#define FVI_INTENSITY_H

/* Changes of brightness, sharpness and noise in a training crop. */

#include "base/base.h"
#include "fovea/augment.h"

/* In place on a dense crop f32 (S,S,C); `scratch` has as many numbers. */
void fvi_intensity_apply(const fv_augment *a, fvi_rng *r, fv_tensor crop,
                         float *scratch);

#endif
