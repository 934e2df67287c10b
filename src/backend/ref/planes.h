#ifndef FVI_REF_PLANES_H
#define FVI_REF_PLANES_H

/* Losses that look at one channel of one image at a time: a plane. */

#include "backend/ref/real.h"

static inline int64_t plane_count(fvi_dims d)
{
    return d.N * d.C;
}

static inline int64_t plane_start(fvi_dims d, int64_t plane)
{
    return plane / d.C * d.H * d.W * d.C + plane % d.C;
}

/* Plane number `plane` of x, in double. */
static inline void plane_read(fvi_dims d, int64_t plane, const real *x,
                              double *to)
{
    const real *from = x + plane_start(d, plane);
    FOR (i, d.H * d.W)
        to[i] = (double)from[i * d.C];
}

static inline void plane_add(fvi_dims d, int64_t plane, const double *from,
                             real *dx)
{
    real *to = dx + plane_start(d, plane);
    FOR (i, d.H * d.W)
        to[i * d.C] += (real)from[i];
}

#endif
