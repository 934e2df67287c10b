#ifndef FVI_REF_WEIGHT_H
#define FVI_REF_WEIGHT_H

/* The gradients of weight and bias that the layers with weights share. */

#include "backend/ref/window.h"

/*
 * df[q,r,s,c,k] += sum over images and narrow pixels m of x[.,c] dy[.,k],
 * where one of the two is read at m and the other at the wide pixel that m
 * meets at tap (q,r,s): x is the wide one, or dy when `transposed`.
 */
void REF(fvi_ref_weight_gradient)(const fvi_grid *g, bool transposed,
                                  const real *x, const real *dy, real *df);

/* db[k] += sum_m dy[m,k]. */
void REF(fvi_ref_bias_gradient)(int64_t pixels, int64_t K, const real *dy,
                                real *db);

#endif
