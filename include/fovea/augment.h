#ifndef FV_AUGMENT_H
#define FV_AUGMENT_H

#include "fovea/tensor.h"

FV_C_BEGIN

/* How a training crop may differ from the picture it comes from. */
typedef struct fv_augment {
    int flip;   /* mirror along each axis with probability 1/2     */
    int rotate; /* any angle                                       */
    double scale_min, scale_max; /* zoom, log-uniform; 1, 1: none           */
    double elastic;    /* standard deviation of a smooth warp, px         */
    double intensity;  /* gain, offset and gamma vary by about this share */
    double noise;      /* largest sigma of added Gaussian noise           */
    double blur;       /* largest sigma of Gaussian blur, px              */
    double invert;     /* probability of 1 - x                            */
    double foreground; /* probability that an object pixel is at the center*/
} fv_augment;

/*
 * One crop: image f32 (H,W,C) -> out f32 (S,S,C), bilinear; labels u32 (H,W)
 * -> out u32 (S,S), nearest; outside the picture it is mirrored. Geometry is
 * one map from output to input pixels, so image and labels stay in register.
 * A function of (seed, epoch, index) and the inputs alone. FV_ESHAPE.
 */
FV_NODISCARD FV_API fv_status fv_augment_crop(fv_ctx *ctx, const fv_augment *a,
                                              uint64_t seed, uint64_t epoch,
                                              uint64_t index, fv_tensor image,
                                              fv_tensor labels,
                                              fv_tensor image_out,
                                              fv_tensor labels_out);

FV_C_END

#endif
