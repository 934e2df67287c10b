#ifndef FVI_NUCLEI_H
#define FVI_NUCLEI_H

/* Shapes of simulated nuclei and where they lie: the first half of the
 * simulator. */

#include "base/base.h"
#include "fovea/synth.h"

/* Fourier modes 2..FVI_MODES+1 of an outline: 0 is size, 1 is position. */
enum { FVI_MODES = 5 };

/*
 * r(t) = ellipse(t) * (1 + sum over m of c[m] cos(m t) + s[m] sin(m t))
 * around (y, x), with half axes a >= b and the major axis at angle `tilt`.
 */
typedef struct fvi_outline {
    double y, x, a, b, cos_tilt, sin_tilt;
    double c[FVI_MODES], s[FVI_MODES];
    double reach; /* no point of the outline is farther away, px */
} fvi_outline;

/* Places nuclei and writes 1..*count into `labels` (height*width, zeroed).
 * A function of `s` alone. FV_ENOMEM. */
fv_status fvi_nuclei_place(fv_ctx *ctx, const fv_synth *s, uint32_t *labels,
                           int64_t *count);

#endif
