#ifndef FV_FILTER_H
#define FV_FILTER_H

#include "fovea/tensor.h"

FV_C_BEGIN

/*
 * Classical restoration: what a network must beat to be worth its while.
 * Images f32 (H,W), or (D,H,W) where it says so, in any unit; `out` has the
 * same extents and may be the image itself. Edges are mirrored (the border
 * pixel twice). Same bits for any number of threads. FV_ESHAPE, FV_EINVAL,
 * FV_ENOMEM.
 */

/* Gaussian of `sigma` px along z, y, x (z for volumes only), cut at 4 sigma; as
 * scipy.ndimage.gaussian_filter(mode="reflect"). 2-D and 3-D. */
FV_NODISCARD FV_API fv_status fv_filter_gaussian(fv_ctx *ctx, fv_tensor image,
                                                 const double sigma[3],
                                                 fv_tensor out);

/* Median of the window of 2 radius + 1 px along each axis, radius 0..15 (0..5
 * for volumes). 2-D and 3-D. NaN counts as 0. */
FV_NODISCARD FV_API fv_status fv_filter_median(fv_ctx *ctx, fv_tensor image,
                                               int radius, fv_tensor out);

/* Non-local means. */
typedef struct fv_nlm {
    double sigma; /* of the noise, in units of the image; > 0              */
    double h;     /* how different patches may be, in sigmas         0.6   */
    int patch;    /* radius of patches, px                           2     */
    int search;   /* radius of the window they are sought in, px     8     */
} fv_nlm;
FV_API fv_nlm fv_nlm_default(void);

/*
 * u(p) = sum_q w(p,q) v(q)/sum_q w, over |q - p| <= search,
 * w = exp(-max(d - 2 sigma^2, 0)/(h sigma)^2), d the mean square difference of
 * the patches around p and q. One pass over the image per shift q - p: time is
 * that of pixels times (2 search + 1)^2, whatever the patch. 2-D.
 * Sources: Buades, Coll & Morel 2005; Darbon et al. 2008 (sums over patches).
 */
FV_NODISCARD FV_API fv_status fv_filter_nlm(fv_ctx *ctx, fv_tensor image,
                                            fv_nlm o, fv_tensor out);

/*
 * BM3D: groups of like 8 x 8 patches, transformed together and shrunk, in two
 * stages: hard threshold at 2.7 sigma, then Wiener with the first result as
 * its model. Cosine transform in the plane and across the group (16 patches);
 * patches every 3 px, sought within 16 px. `sigma` > 0 in units of the image.
 * At least 8 x 8 px. 2-D. Source: Dabov et al. 2007.
 */
FV_NODISCARD FV_API fv_status fv_filter_bm3d(fv_ctx *ctx, fv_tensor image,
                                             double sigma, fv_tensor out);

/*
 * Deconvolution with a known PSF of as many axes as the image; it is scaled to
 * a sum of 1, its middle is at dim/2. 2-D and 3-D. FV_ENOTSUP when built
 * without FFTW.
 */

/* X = conj(H) Y/(|H|^2 + balance) about the mean; `balance` > 0 is the ratio of
 * the powers of noise and object, the same at all frequencies. */
FV_NODISCARD FV_API fv_status fv_filter_wiener(fv_ctx *ctx, fv_tensor image,
                                               fv_tensor psf, double balance,
                                               fv_tensor out);

/*
 * Richardson-Lucy: x <- x/(1 - tv div(grad x/|grad x|)) H'(y/(H x)), from
 * x = y, `iterations` times. y is the image with what is below 0 set to 0: take
 * the camera's offset off before. `tv` >= 0 is the weight of total variation,
 * about 0.002. Sources: Richardson 1972, Lucy 1974, Dey et al. 2006.
 */
FV_NODISCARD FV_API fv_status
fv_filter_richardson_lucy(fv_ctx *ctx, fv_tensor image, fv_tensor psf,
                          int iterations, double tv, fv_tensor out);

/*
 * Makes the noise of counts the same everywhere, and takes that back:
 *   f = 2/gain sqrt(gain v + 3/8 gain^2 + read^2 - gain offset)
 * has noise of about 1 where v = offset + gain Poisson + Normal(0, read)
 * counts. In place, f32 of any shape. The way back is the closed form of the
 * exact unbiased one. FV_EINVAL unless gain > 0.
 * Sources: Starck et al. 1998, eq. 2.23; Makitalo & Foi 2013, eq. 16.
 */
FV_NODISCARD FV_API fv_status fv_stabilize(fv_ctx *ctx, fv_tensor image,
                                           double gain, double offset,
                                           double read);
FV_NODISCARD FV_API fv_status fv_unstabilize(fv_ctx *ctx, fv_tensor image,
                                             double gain, double offset,
                                             double read);

FV_C_END

#endif
