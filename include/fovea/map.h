#ifndef FV_MAP_H
#define FV_MAP_H

#include "fovea/tensor.h"

FV_C_BEGIN

/*
 * A map of things that are described by `n` numbers each: places in the plane
 * in which `count` rows of `code` differ most, x, y, x, y, ... into `xy`. These
 * are the first two principal components, x the one of larger variance, both
 * around 0; the thing farthest from 0 along an axis is on its positive side.
 * Of 2 numbers the place are the numbers themselves, of 1 y is 0.
 * FV_EINVAL: a number is not finite. FV_ENOMEM, FV_ECANCEL.
 * Source: Pearson 1901, Philosophical Magazine 2:559; by orthogonal iteration,
 * Golub & Van Loan, Matrix Computations, section 8.2.
 */
FV_NODISCARD FV_API fv_status fv_principal_plane(fv_ctx *ctx, const float *code,
                                                 int64_t count, int n,
                                                 double *xy);

/*
 * How well a map keeps alike things together: the share of the `count` places
 * `xy` whose nearest other place has the same `category`, and into `*chance`
 * (may be NULL) that share for places in any order. Both are 0 for fewer than
 * two. Of places at the same distance the first counts. FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_neighbor_share(fv_ctx *ctx, const double *xy,
                                                const int *category,
                                                int64_t count, double *share,
                                                double *chance);

FV_C_END

#endif
