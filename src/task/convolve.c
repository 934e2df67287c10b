/* Convolution with a point spread function, by Fourier transforms. */

#include "fovea/degrade.h"
#include "task/volume.h"

/* The next number without prime factors over 5. */
static int64_t good_extent(int64_t n)
{
    for (;; n++) {
        int64_t rest = n;
        for (int64_t p = 2; p <= 5; p += p == 2 ? 1 : 2)
            while (rest % p == 0)
                rest /= p;
        if (rest == 1)
            return n;
    }
}

static double sum_of(fv_tensor psf)
{
    const float *v = psf.data;
    double sum = 0;
    for (int64_t i = 0; i < fv_count(psf); i++)
        sum += (double)v[i];
    return sum;
}

/* The PSF with its middle at the first voxel, wrapped around. */
static void place_psf(const fvi_fft *f, fv_tensor psf, const int64_t dim[3],
                      double scale, double *large)
{
    const float *v = psf.data;
    for (int64_t i = 0; i < f->reals; i++)
        large[i] = 0;
    for (int64_t z = 0; z < dim[0]; z++)
        for (int64_t y = 0; y < dim[1]; y++)
            for (int64_t x = 0; x < dim[2]; x++) {
                int64_t k = (z - dim[0] / 2 + f->dim[0]) % f->dim[0];
                int64_t j = (y - dim[1] / 2 + f->dim[1]) % f->dim[1];
                int64_t i = (x - dim[2] / 2 + f->dim[2]) % f->dim[2];
                large[(k * f->dim[1] + j) * f->dim[2] + i] =
                    scale * (double)*v++;
            }
}

static fv_status make_otf(fvi_spread *b, fv_tensor psf, const int64_t dim[3],
                          bool unit)
{
    double sum = sum_of(psf);
    if (unit && !(sum > 0))
        return fvi_fail(b->ctx, FV_EINVAL,
                        "point spread function: its sum is %g, expected over 0",
                        sum);
    double *large = fvi_alloc(b->ctx, (size_t)b->fft.reals * sizeof *large);
    size_t size = (size_t)b->fft.halves * sizeof *b->otf;
    b->otf = fvi_alloc(b->ctx, size);
    b->half = fvi_alloc(b->ctx, size);
    fv_status status = FV_ENOMEM;
    if (large && b->otf && b->half) {
        place_psf(&b->fft, psf, dim, unit ? 1 / sum : 1, large);
        fvi_fft_forward(&b->fft, large, b->otf);
        status = FV_OK;
    }
    fvi_free(b->ctx, large);
    return status;
}

fv_status fvi_spread_new(fv_ctx *ctx, const int64_t dim[3], fv_tensor psf,
                         bool unit, fvi_spread *out)
{
    int64_t size[3], large[3];
    *out = (fvi_spread){.ctx = ctx};
    FV_TRY(fvi_volume_extents(ctx, "point spread function", psf, size));
    for (int i = 0; i < 3; i++) {
        int64_t most = (int64_t)1 << 30;
        if (dim[i] > most || size[i] > most)
            return fvi_fail(ctx, FV_EINVAL, "volume too large to convolve");
        out->dim[i] = dim[i];
        out->before[i] = size[i] / 2;
        large[i] = good_extent(dim[i] + 2 * out->before[i]);
    }
    FV_TRY(fvi_fft_new(ctx, large, &out->fft));
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, psf, true, &d));
    fv_status status = make_otf(out, d.view, size, unit);
    fvi_dense_close(ctx, &d);
    return status;
}

void fvi_spread_free(fvi_spread *b)
{
    fvi_fft_free(&b->fft);
    fvi_free(b->ctx, b->otf);
    fvi_free(b->ctx, b->half);
}

void fvi_spread_extend(const fvi_spread *b, const float *image, double *large)
{
    const int64_t *n = b->fft.dim, *m = b->dim;
    for (int64_t z = 0; z < n[0]; z++)
        for (int64_t y = 0; y < n[1]; y++) {
            int64_t k = fvi_reflect(z - b->before[0], m[0]);
            int64_t j = fvi_reflect(y - b->before[1], m[1]);
            const float *row = image + (k * m[1] + j) * m[2];
            for (int64_t x = 0; x < n[2]; x++)
                *large++ = (double)row[fvi_reflect(x - b->before[2], m[2])];
        }
}

void fvi_spread_crop(const fvi_spread *b, const double *large, float *image)
{
    const int64_t *n = b->fft.dim, *m = b->dim, *p = b->before;
    for (int64_t z = 0; z < m[0]; z++)
        for (int64_t y = 0; y < m[1]; y++)
            for (int64_t x = 0; x < m[2]; x++)
                *image++ = (float)
                    large[((z + p[0]) * n[1] + y + p[1]) * n[2] + x + p[2]];
}

void fvi_spread_apply(fvi_spread *b, bool transpose, double *large)
{
    double sign = transpose ? -1 : 1;
    fvi_fft_forward(&b->fft, large, b->half);
    for (int64_t i = 0; i < b->fft.halves; i++) {
        fvi_complex a = b->half[i], h = b->otf[i];
        h.im *= sign;
        b->half[i] =
            (fvi_complex){a.re * h.re - a.im * h.im, a.re * h.im + a.im * h.re};
    }
    fvi_fft_backward(&b->fft, b->half, large);
}

typedef struct convolve_args {
    fv_tensor psf;
    bool unit;
} convolve_args;

static fv_status convolve(fv_ctx *ctx, const int64_t dim[3], const float *from,
                          float *to, const void *args)
{
    const convolve_args *a = args;
    fvi_spread b;
    double *large = NULL;
    fv_status status = fvi_spread_new(ctx, dim, a->psf, a->unit, &b);
    if (status == FV_OK) {
        large = fvi_alloc(ctx, (size_t)b.fft.reals * sizeof *large);
        status = large ? FV_OK : FV_ENOMEM;
    }
    if (status == FV_OK) {
        fvi_spread_extend(&b, from, large);
        fvi_spread_apply(&b, false, large);
        fvi_spread_crop(&b, large, to);
    }
    fvi_free(ctx, large);
    fvi_spread_free(&b);
    return status;
}

fv_status fvi_convolve(fv_ctx *ctx, fv_tensor image, fv_tensor psf, bool unit,
                       fv_tensor out)
{
    convolve_args a = {psf, unit};
    FV_TRY(fvi_want_axes(ctx, image, psf));
    return fvi_filter_run(ctx, image, 3, convolve, &a, out);
}

fv_status fv_convolve_psf(fv_ctx *ctx, fv_tensor image, fv_tensor psf,
                          fv_tensor out)
{
    return fvi_convolve(ctx, image, psf, false, out);
}

fv_status fvi_want_axes(fv_ctx *ctx, fv_tensor image, fv_tensor psf)
{
    if (image.ndim == psf.ndim)
        return FV_OK;
    return fvi_fail(ctx, FV_ESHAPE,
                    "point spread function has %d axes, image has %d, "
                    "expected the same",
                    psf.ndim, image.ndim);
}
