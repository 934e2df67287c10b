#ifndef FV_DEGRADE_H
#define FV_DEGRADE_H

#include "fovea/tensor.h"

FV_C_BEGIN

/*
 * What a microscope does to an object, and how to measure it:
 *
 *   counts = offset + gain * (Poisson(bin(object * PSF) + background)
 *                             + Normal(0, read_noise))
 *
 * Planes are f32 (H,W), volumes f32 (D,H,W).
 */

/* ---- point spread functions ---- */

/* Light and glass. Start from fv_optics_default(). */
typedef struct fv_optics {
    double wavelength;   /* emission, um                            0.525 */
    double na;           /* numerical aperture                      1.4   */
    double index;        /* refraction of the immersion             1.515 */
    double index_sample; /* refraction of the sample                1.33  */
    double depth;        /* of the focus below the coverslip, um    0     */
    double pitch[3];     /* between samples along z, y, x, um       0.3, 0.1,
                                                                    0.1   */
} fv_optics;
FV_API fv_optics fv_optics_default(void);

/* All three fill `out`, f32 (H,W) or (D,H,W), with the intensity at the center
 * of each pixel, and scale its sum to 1. The middle, at dim/2, is in focus.
 * FV_ESHAPE, FV_EINVAL, FV_ENOMEM. */

/* exp(-z^2/(2 s_z^2) - y^2/(2 s_y^2) - x^2/(2 s_x^2)); `sigma` in px along z,
 * y, x, of which z is read for volumes only; 0: a single sample. */
FV_NODISCARD FV_API fv_status fv_psf_gaussian(fv_ctx *ctx,
                                              const double sigma[3],
                                              fv_tensor out);

/* (2 J1(v)/v)^2, v = 2 pi NA r/wavelength: a plane in focus, (H,W).
 * Source: Airy 1835; Born & Wolf, 8.5.2. */
FV_NODISCARD FV_API fv_status fv_psf_airy(fv_ctx *ctx, const fv_optics *o,
                                          fv_tensor out);

/*
 * |int_0^1 J0(k NA r p) exp(i k P(p, z)) p dp|^2, k = 2 pi/wavelength, with the
 * path difference of defocus z and of a sample whose index is not that of the
 * immersion, d below the coverslip:
 *   P = z sqrt(n^2 - NA^2 p^2) + d (sqrt(n_s^2 - NA^2 p^2)
 *                                   - sqrt(n^2 - NA^2 p^2))
 * Coverslip and immersion are taken to be as designed; rays that the sample
 * reflects totally (NA p > n_s) carry nothing. In a plane z = 0.
 * Source: Gibson & Lanni 1991.
 */
FV_NODISCARD FV_API fv_status fv_psf_gibson_lanni(fv_ctx *ctx,
                                                  const fv_optics *o,
                                                  fv_tensor out);

/* out = image * psf, same size, mirrored at the edges. `psf` has as many axes
 * as the image, its middle at dim/2, and is used as it is (not scaled).
 * FV_ESHAPE, FV_ENOTSUP (built without FFTW), FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_convolve_psf(fv_ctx *ctx, fv_tensor image,
                                              fv_tensor psf, fv_tensor out);

/* ---- pictures of a known object ---- */

typedef struct fv_camera {
    fv_tensor psf;     /* is scaled to a sum of 1; or {.ndim = -1}   none  */
    double sigma;      /* without psf: Gaussian, px (0: sharp)        1.3  */
    int binning;       /* pixels of the object per side of a pixel    1    */
    double photons;    /* where the object is brightest, per pixel;
                          0: the object's values are photons      100  */
    double background; /* photons per pixel                       5    */
    double read_noise; /* electrons, standard deviation           2    */
    double gain;       /* counts per electron                     1    */
    double offset;     /* counts                                  100  */
    int sharp;         /* 1: the clean picture is not blurred     0    */
    uint64_t seed;
} fv_camera;
FV_API fv_camera fv_camera_default(void);

/*
 * Takes a picture of `object` (values below 0 and NaN count as 0): `noisy`, and
 * `clean`, what it would be without noise, in the same counts. Both have the
 * object's extents, height and width divided by the binning (rest left out;
 * binned pixels hold the mean of the object's). The random numbers of a row
 * depend on the seed and the row only. FV_ESHAPE, FV_EINVAL, FV_ENOTSUP (psf
 * without FFTW), FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_take_picture(fv_ctx *ctx, fv_tensor object,
                                              const fv_camera *camera,
                                              fv_tensor noisy, fv_tensor clean);

/* ---- the noise of a picture at hand ---- */

typedef struct fv_noise {
    double gain;      /* counts per electron: slope of variance over mean   */
    double intercept; /* counts^2: variance at a mean of 0 counts           */
    double read;      /* counts: standard deviation at the camera's offset,
                         where there is no light                            */
    double sigma;     /* counts: standard deviation of the typical pixel    */
    double low, high; /* counts: means between which the line was fitted    */
    int levels;       /* how many means                                     */
} fv_noise;

/*
 * Mean and variance (photon transfer) from one plane f32 (H,W), at least 16 x
 * 16. The noise of a pixel is seen by the second difference along both axes
 * (variance 36 sigma^2 for white noise), its mean by the 5 x 5 pixels around;
 * variances of pixels of like mean are taken by the median absolute value, so
 * edges count little, and a line is fitted by weighted least squares, robustly.
 * Neighborhoods with clipped pixels are left out. A picture whose pixels were
 * interpolated or smoothed has no such noise. `offset` is the camera's, counts.
 * Sources: Janesick 2007 (photon transfer); Immerkaer 1996 (the mask).
 * FV_ESHAPE, FV_EINVAL (too few pixels to tell), FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_noise_estimate(fv_ctx *ctx, fv_tensor image,
                                                double offset, fv_noise *out);

FV_C_END

#endif
