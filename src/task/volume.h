#ifndef FVI_TASK_VOLUME_H
#define FVI_TASK_VOLUME_H

/* Planes and volumes as one thing: dense floats (depth, height, width), depth
 * 1 for planes. */

#include "task/fft.h"
#include "task/task.h"

/* ... 2 1 0 | 0 1 2 ... n-1 | n-1 n-2 ... */
static inline int64_t fvi_reflect(int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* Extents of f32 (H,W) or (D,H,W), none of them 0. FV_ESHAPE. */
fv_status fvi_volume_extents(fv_ctx *ctx, const char *name, fv_tensor t,
                             int64_t dim[3]);

/* A filter from one volume to another. */
typedef fv_status fvi_filter(fv_ctx *ctx, const int64_t dim[3],
                             const float *from, float *to, const void *args);
/* Runs it on tensors, of which `out` may be `image`. FV_ESHAPE unless both
 * have the same extents and 2 to `most` axes. */
fv_status fvi_filter_run(fv_ctx *ctx, fv_tensor image, int most,
                         fvi_filter *run, const void *args, fv_tensor out);

/* Gaussian along the three axes of one volume; `to` may not be `from`. */
fv_status fvi_gaussian(fv_ctx *ctx, const int64_t dim[3], const float *from,
                       const double sigma[3], float *to);

/* Convolution with a PSF on a volume that is mirrored by the PSF's half, and
 * further to extents that Fourier transforms like. */
typedef struct fvi_spread {
    fv_ctx *ctx;
    int64_t dim[3], before[3]; /* of the image, and how far it lies inside */
    fvi_fft fft;               /* of the larger volume                     */
    fvi_complex *otf;          /* spectrum of the PSF, centered            */
    fvi_complex *half;         /* room for one spectrum                    */
} fvi_spread;

/* With `unit` the PSF is scaled to a sum of 1 (FV_EINVAL when it is not
 * positive). Free also on failure. */
fv_status fvi_spread_new(fv_ctx *ctx, const int64_t dim[3], fv_tensor psf,
                         bool unit, fvi_spread *out);
void fvi_spread_free(fvi_spread *b);
/* fft.reals numbers: the mirrored image; and back to its middle. */
void fvi_spread_extend(const fvi_spread *b, const float *image, double *large);
void fvi_spread_crop(const fvi_spread *b, const double *large, float *image);
/* large <- H large, or its transpose. */
void fvi_spread_apply(fvi_spread *b, bool transpose, double *large);

/* FV_ESHAPE unless both have the same number of axes. */
fv_status fvi_want_axes(fv_ctx *ctx, fv_tensor image, fv_tensor psf);

/* fv_convolve_psf, with `unit` as above. */
fv_status fvi_convolve(fv_ctx *ctx, fv_tensor image, fv_tensor psf, bool unit,
                       fv_tensor out);

#endif
