/* A picture of a known object: optics, sensor, noise, counts. */

#include "fovea/degrade.h"
#include "task/volume.h"

#include <math.h>

static const double max_photons = 1e9;

fv_camera fv_camera_default(void)
{
    return (fv_camera){.psf = {.ndim = -1},
                       .sigma = 1.3,
                       .binning = 1,
                       .photons = 100,
                       .background = 5,
                       .read_noise = 2,
                       .gain = 1,
                       .offset = 100};
}

static fv_status check_camera(fv_ctx *ctx, const fv_camera *c)
{
    const struct {
        const char *name;
        double value, lo, hi;
    } rule[] = {
        {"sigma", c->sigma, 0, 1000},
        {"binning", c->binning, 1, 64},
        {"photons", c->photons, 0, max_photons},
        {"background", c->background, 0, max_photons},
        {"read_noise", c->read_noise, 0, 1e6},
        {"gain", c->gain, 1e-6, 1e6},
        {"offset", c->offset, -1e6, 1e6},
    };
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++)
        if (!(rule[i].value >= rule[i].lo && rule[i].value <= rule[i].hi))
            return fvi_fail(ctx, FV_EINVAL,
                            "camera: %s is %g, expected %g to %g", rule[i].name,
                            rule[i].value, rule[i].lo, rule[i].hi);
    return FV_OK;
}

static fv_status check_result(fv_ctx *ctx, const char *name,
                              const int64_t dim[3], int ndim, fv_tensor t)
{
    bool good = t.ndim == ndim && t.dtype == FV_F32;
    for (int i = 0; good && i < ndim; i++)
        good = t.dim[i] == dim[3 - ndim + i];
    if (good)
        return FV_OK;
    char found[96];
    fv_describe(t, found, sizeof found);
    return fvi_fail(ctx, FV_ESHAPE,
                    "%s: found %s, expected f32 with %lld x %lld x %lld pixels",
                    name, found, (long long)dim[0], (long long)dim[1],
                    (long long)dim[2]);
}

/* Means of `bin` x `bin` pixels; `to` may be `from`. */
static void bin_down(const float *from, const int64_t dim[3], int64_t bin,
                     const int64_t small[3], float *to)
{
    for (int64_t z = 0; z < small[0]; z++)
        for (int64_t y = 0; y < small[1]; y++)
            for (int64_t x = 0; x < small[2]; x++) {
                const float *a =
                    from + (z * dim[1] + y * bin) * dim[2] + x * bin;
                double sum = 0;
                for (int64_t j = 0; j < bin; j++)
                    for (int64_t i = 0; i < bin; i++)
                        sum += (double)a[j * dim[2] + i];
                *to++ = (float)(sum / (double)(bin * bin));
            }
}

/* Negative numbers and NaN become 0; returns the greatest. */
static double tidy(float *v, int64_t n)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++) {
        v[i] = v[i] > 0 && v[i] < INFINITY ? v[i] : 0;
        most = v[i] > most ? v[i] : most;
    }
    return (double)most;
}

static void to_photons(float *v, int64_t n, double scale, double background)
{
    for (int64_t i = 0; i < n; i++) {
        double p = (double)v[i] > 0 ? (double)v[i] * scale : 0;
        v[i] = (float)fmin(p + background, max_photons);
    }
}

static void expose(fv_ctx *ctx, const fv_camera *c, const int64_t dim[3],
                   const float *photons, float *counts)
{
    int threads = fv_threads(ctx);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < dim[0] * dim[1]; y++) {
        fvi_rng r =
            fvi_rng_new(c->seed, fvi_hash_text("picture") + (uint64_t)y);
        for (int64_t x = 0; x < dim[2]; x++) {
            int64_t i = y * dim[2] + x;
            double e = (double)fvi_rng_poisson(&r, (double)photons[i]);
            e += c->read_noise * fvi_rng_normal(&r);
            counts[i] = (float)(c->offset + c->gain * e);
        }
    }
}

static void to_counts(const fv_camera *c, int64_t n, float *v)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(c->offset + c->gain * (double)v[i]);
}

/* The object and what the optics make of it, then both on the sensor. */
typedef struct scene {
    int64_t dim[3], small[3];
    int ndim;
    float *object, *blurred, *counts;
} scene;

static fv_status blur(fv_ctx *ctx, const fv_camera *c, scene *s)
{
    if (c->psf.ndim < 0)
        return fvi_gaussian(ctx, s->dim, s->object,
                            (double[3]){0, c->sigma, c->sigma}, s->blurred);
    const int64_t *dim = s->dim + 3 - s->ndim;
    return fvi_convolve(ctx, fv_dense(s->object, FV_F32, s->ndim, dim), c->psf,
                        true, fv_dense(s->blurred, FV_F32, s->ndim, dim));
}

static fv_status take(fv_ctx *ctx, const fv_camera *c, scene *s,
                      fv_tensor noisy, fv_tensor clean)
{
    const int64_t *dim = s->small + 3 - s->ndim;
    int64_t n = s->small[0] * s->small[1] * s->small[2];
    double most = tidy(s->object, s->dim[0] * s->dim[1] * s->dim[2]);
    double scale = c->photons > 0 && most > 0 ? c->photons / most : 1;
    FV_TRY(blur(ctx, c, s));
    float *kept = c->sharp ? s->object : s->blurred;
    bin_down(s->blurred, s->dim, c->binning, s->small, s->blurred);
    to_photons(s->blurred, n, scale, c->background);
    expose(ctx, c, s->small, s->blurred, s->counts);
    if (c->sharp) {
        bin_down(s->object, s->dim, c->binning, s->small, s->object);
        to_photons(s->object, n, scale, c->background);
    }
    to_counts(c, n, kept);
    FV_TRY(fv_copy(ctx, fv_dense(s->counts, FV_F32, s->ndim, dim), noisy));
    return fv_copy(ctx, fv_dense(kept, FV_F32, s->ndim, dim), clean);
}

fv_status fv_take_picture(fv_ctx *ctx, fv_tensor object,
                          const fv_camera *camera, fv_tensor noisy,
                          fv_tensor clean)
{
    scene s = {.ndim = object.ndim};
    FV_TRY(check_camera(ctx, camera));
    FV_TRY(fvi_volume_extents(ctx, "object", object, s.dim));
    for (int i = 0; i < 3; i++)
        s.small[i] = i ? s.dim[i] / camera->binning : s.dim[i];
    FV_TRY(check_result(ctx, "noisy", s.small, s.ndim, noisy));
    FV_TRY(check_result(ctx, "clean", s.small, s.ndim, clean));
    size_t size = (size_t)fv_count(object) * sizeof(float);
    s.object = fvi_alloc(ctx, size);
    s.blurred = fvi_alloc(ctx, size);
    s.counts = fvi_alloc(ctx, size);
    fv_status status = FV_ENOMEM;
    if (s.object && s.blurred && s.counts)
        status = fv_copy(ctx, object,
                         fv_dense(s.object, FV_F32, object.ndim, object.dim));
    if (status == FV_OK)
        status = take(ctx, camera, &s, noisy, clean);
    fvi_free(ctx, s.object);
    fvi_free(ctx, s.blurred);
    fvi_free(ctx, s.counts);
    return status;
}
