#ifndef FVI_TASK_FFT_H
#define FVI_TASK_FFT_H

/* Discrete Fourier transforms of real volumes, by FFTW, which no other file
 * knows. Without FFTW (docs/adr/0018) fvi_fft_new says so. */

#include "base/base.h"

typedef struct fvi_complex {
    double re, im;
} fvi_complex;

/* One shape and its two directions. */
typedef struct fvi_fft {
    int64_t dim[3];        /* depth, height, width; 1 where there is none */
    int64_t reals, halves; /* numbers of a volume, and of its spectrum:
                              (depth, height, width/2 + 1)                */
    void *forward, *backward;
} fvi_fft;

bool fvi_fft_built(void);

/* Plans for volumes of this shape. FV_ENOTSUP, FV_EINVAL (too large),
 * FV_ENOMEM. */
fv_status fvi_fft_new(fv_ctx *ctx, const int64_t dim[3], fvi_fft *out);
void fvi_fft_free(fvi_fft *f);

/* Arrays are those of fvi_alloc. Backward divides by the number of voxels, so
 * that it undoes forward; it spoils `half`. */
void fvi_fft_forward(const fvi_fft *f, double *real, fvi_complex *half);
void fvi_fft_backward(const fvi_fft *f, fvi_complex *half, double *real);

#endif
