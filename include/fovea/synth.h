#ifndef FV_SYNTH_H
#define FV_SYNTH_H

#include "fovea/tensor.h"

FV_C_BEGIN

/* A simulated fluorescence field of nuclei. Start from fv_synth_default(). */
typedef struct fv_synth {
    int64_t height, width; /* px                                      512   */
    int nuclei;            /* wanted; fewer when there is no room     80    */
    double diameter;       /* mean, px                                24    */
    double spread;         /* relative standard deviation of diameter 0.2   */
    double roughness;      /* relative amplitude of the outline's Fourier
                              modes                                   0.12  */
    double touching;       /* share of nuclei placed against another  0.3   */
    double texture;        /* relative contrast of chromatin          0.3   */
    double psf_sigma;      /* Gaussian point spread function, px      1.3   */
    double photons;        /* mean signal per object pixel            200   */
    double background;     /* photons per pixel, with a slow gradient 20    */
    double read_noise;     /* electrons, standard deviation           3     */
    double gain, offset;   /* counts per electron, counts             2, 100*/
    uint64_t seed;
} fv_synth;

FV_API fv_synth fv_synth_default(void);

/*
 * image f32 or u16 (H,W) in camera counts, labels u32 (H,W) with labels
 * 1..*count, both the caller's; extents must be those of `s`.
 *   counts = offset + gain * (Poisson((object * PSF) + background)
 *                             + Normal(0, read_noise))
 * The truth is the outline before blurring. FV_ESHAPE, FV_EINVAL, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_synth_nuclei(fv_ctx *ctx, const fv_synth *s,
                                              fv_tensor image, fv_tensor labels,
                                              int64_t *count);

FV_C_END

#endif
