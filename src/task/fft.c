/* The glue to FFTW. */

#include "task/fft.h"

#ifdef FV_WITH_FFTW

#include <fftw3.h>

bool fvi_fft_built(void)
{
    return true;
}

static fv_status check_extents(fv_ctx *ctx, const int64_t dim[3])
{
    int64_t voxels = 1;
    for (int i = 0; i < 3; i++) {
        if (dim[i] < 1 || voxels > INT32_MAX / dim[i])
            return fvi_fail(ctx, FV_EINVAL,
                            "Fourier transform of %lld x %lld x %lld voxels, "
                            "expected fewer than 2^31",
                            (long long)dim[0], (long long)dim[1],
                            (long long)dim[2]);
        voxels *= dim[i];
    }
    return FV_OK;
}

/* Estimated plans, because measured ones differ from run to run, and with them
 * the last bits. The planner is one for all threads. */
static bool make_plans(const int n[3], double *real, fvi_complex *half,
                       fvi_fft *f)
{
    fftw_complex *c = (fftw_complex *)(void *)half;
#pragma omp critical(fvi_fftw_planner)
    {
        f->forward = fftw_plan_dft_r2c(3, n, real, c, FFTW_ESTIMATE);
        f->backward = fftw_plan_dft_c2r(3, n, c, real, FFTW_ESTIMATE);
    }
    return f->forward && f->backward;
}

fv_status fvi_fft_new(fv_ctx *ctx, const int64_t dim[3], fvi_fft *out)
{
    fvi_fft f = {.dim = {dim[0], dim[1], dim[2]}};
    FV_TRY(check_extents(ctx, dim));
    int n[3] = {(int)dim[0], (int)dim[1], (int)dim[2]};
    f.reals = dim[0] * dim[1] * dim[2];
    f.halves = dim[0] * dim[1] * (dim[2] / 2 + 1);
    /* only their alignment counts here */
    double *real = fvi_alloc(ctx, (size_t)f.reals * sizeof *real);
    fvi_complex *half = fvi_alloc(ctx, (size_t)f.halves * sizeof *half);
    fv_status status = FV_ENOMEM;
    if (real && half && make_plans(n, real, half, &f))
        status = FV_OK;
    else if (real && half)
        status = fvi_fail(ctx, FV_ENOMEM, "out of memory for Fourier plans");
    fvi_free(ctx, real);
    fvi_free(ctx, half);
    if (status != FV_OK) {
        fvi_fft_free(&f);
        return status;
    }
    *out = f;
    return FV_OK;
}

void fvi_fft_free(fvi_fft *f)
{
#pragma omp critical(fvi_fftw_planner)
    {
        if (f->forward)
            fftw_destroy_plan(f->forward);
        if (f->backward)
            fftw_destroy_plan(f->backward);
    }
    *f = (fvi_fft){0};
}

void fvi_fft_forward(const fvi_fft *f, double *real, fvi_complex *half)
{
    fftw_execute_dft_r2c(f->forward, real, (fftw_complex *)(void *)half);
}

void fvi_fft_backward(const fvi_fft *f, fvi_complex *half, double *real)
{
    double scale = 1 / (double)f->reals;
    fftw_execute_dft_c2r(f->backward, (fftw_complex *)(void *)half, real);
    for (int64_t i = 0; i < f->reals; i++)
        real[i] *= scale;
}

#else

bool fvi_fft_built(void)
{
    return false;
}

fv_status fvi_fft_new(fv_ctx *ctx, const int64_t dim[3], fvi_fft *out)
{
    (void)dim;
    *out = (fvi_fft){0};
    return fvi_fail(ctx, FV_ENOTSUP,
                    "this needs Fourier transforms, and fovea was built "
                    "without FFTW");
}

void fvi_fft_free(fvi_fft *f)
{
    (void)f;
}

void fvi_fft_forward(const fvi_fft *f, double *real, fvi_complex *half)
{
    (void)f, (void)real, (void)half;
}

void fvi_fft_backward(const fvi_fft *f, fvi_complex *half, double *real)
{
    (void)f, (void)real, (void)half;
}

#endif
