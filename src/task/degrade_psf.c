/* Point spread functions from light and glass. */

#include "fovea/degrade.h"
#include "task/volume.h"

#include <math.h>

static const double pi = 3.141592653589793;

fv_optics fv_optics_default(void)
{
    return (fv_optics){.wavelength = 0.525,
                       .na = 1.4,
                       .index = 1.515,
                       .index_sample = 1.33,
                       .pitch = {0.3, 0.1, 0.1}};
}

static fv_status check_optics(fv_ctx *ctx, const fv_optics *o, bool volume)
{
    const struct {
        const char *name;
        double value, lo, hi;
    } rule[] = {
        {"wavelength", o->wavelength, 0.01, 100},
        {"index", o->index, 1, 4},
        {"index of the sample", o->index_sample, 1, 4},
        {"numerical aperture", o->na, 1e-3, o->index},
        {"depth", o->depth, 0, 1e4},
        {"pitch along z", volume ? o->pitch[0] : 1, 1e-4, 1e3},
        {"pitch along y", o->pitch[1], 1e-4, 1e3},
        {"pitch along x", o->pitch[2], 1e-4, 1e3},
    };
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++)
        if (!(rule[i].value >= rule[i].lo && rule[i].value <= rule[i].hi))
            return fvi_fail(ctx, FV_EINVAL,
                            "optics: %s is %g, expected %g to %g", rule[i].name,
                            rule[i].value, rule[i].lo, rule[i].hi);
    return FV_OK;
}

/* Fills planes of intensity; `args` is what it needs to know. */
typedef void fill_pixel(const void *args, double y, double x, int64_t depth,
                        int64_t step, double *intensity);

static void fill(fv_ctx *ctx, const int64_t dim[3], fill_pixel *pixel,
                 const void *args, double *v)
{
    int threads = fv_threads(ctx);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < dim[1]; y++)
        for (int64_t x = 0; x < dim[2]; x++)
            pixel(args, (double)(y - dim[1] / 2), (double)(x - dim[2] / 2),
                  dim[0], dim[1] * dim[2], v + y * dim[2] + x);
}

/* Fills `out` and scales its sum to 1. */
static fv_status fill_unit(fv_ctx *ctx, fv_tensor out, fill_pixel *pixel,
                           const void *args)
{
    int64_t dim[3], n = fv_count(out);
    double sum = 0;
    FV_TRY(fvi_volume_extents(ctx, "point spread function", out, dim));
    double *v = fvi_alloc(ctx, (size_t)n * sizeof *v);
    if (!v)
        return FV_ENOMEM;
    fill(ctx, dim, pixel, args, v);
    for (int64_t i = 0; i < n; i++)
        sum += v[i];
    for (int64_t i = 0; i < n && sum > 0; i++)
        v[i] /= sum;
    fv_status status =
        fv_copy(ctx, fv_dense(v, FV_F64, out.ndim, out.dim), out);
    fvi_free(ctx, v);
    return status;
}

/* ---- Gauss ---- */

static double bell(double x, double sigma)
{
    if (sigma == 0)
        return x == 0 ? 1 : 0;
    return exp(-0.5 * (x / sigma) * (x / sigma));
}

static void gaussian_pixel(const void *args, double y, double x, int64_t depth,
                           int64_t step, double *intensity)
{
    const double *sigma = args;
    double flat = bell(y, sigma[1]) * bell(x, sigma[2]);
    for (int64_t k = 0; k < depth; k++) {
        double z = (double)(k - depth / 2);
        intensity[k * step] = depth > 1 ? flat * bell(z, sigma[0]) : flat;
    }
}

fv_status fv_psf_gaussian(fv_ctx *ctx, const double sigma[3], fv_tensor out)
{
    for (int i = out.ndim == 3 ? 0 : 1; i < 3; i++)
        if (!(sigma[i] >= 0 && sigma[i] < 1e6))
            return fvi_fail(ctx, FV_EINVAL,
                            "Gaussian: sigma is %g px, expected 0 or more",
                            sigma[i]);
    return fill_unit(ctx, out, gaussian_pixel, sigma);
}

/* ---- Airy ---- */

static double radius_um(const fv_optics *o, double y, double x)
{
    return sqrt(y * o->pitch[1] * y * o->pitch[1] +
                x * o->pitch[2] * x * o->pitch[2]);
}

static void airy_pixel(const void *args, double y, double x, int64_t depth,
                       int64_t step, double *intensity)
{
    const fv_optics *o = args;
    double v = 2 * pi * o->na * radius_um(o, y, x) / o->wavelength;
    double a = v > 1e-6 ? 2 * j1(v) / v : 1;
    (void)depth, (void)step;
    *intensity = a * a;
}

fv_status fv_psf_airy(fv_ctx *ctx, const fv_optics *o, fv_tensor out)
{
    FV_TRY(check_optics(ctx, o, false));
    if (out.ndim != 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "an Airy disk is a plane, for a volume take "
                        "Gibson-Lanni");
    return fill_unit(ctx, out, airy_pixel, o);
}

/* ---- Gibson and Lanni ---- */

enum { STEPS = 512 }; /* of Simpson's rule, even */

/* The pupil: its radius and weight at each node, and the phase that every
 * micrometer of defocus adds, and the depth all in all. */
typedef struct pupil {
    const fv_optics *optics;
    double p[STEPS + 1], weight[STEPS + 1];
    double per_um[STEPS + 1], fixed[STEPS + 1];
} pupil;

static void pupil_fill(const fv_optics *o, pupil *q)
{
    double k = 2 * pi / o->wavelength;
    double edge = fmin(1, o->index_sample / o->na);
    edge = o->depth > 0 ? edge : 1;
    q->optics = o;
    for (int i = 0; i <= STEPS; i++) {
        /* p = edge sin t: the roots are smooth in t up to the edge */
        double t = pi / 2 * i / STEPS, p = edge * sin(t);
        double s = o->na * p * o->na * p;
        double n = sqrt(fmax(o->index * o->index - s, 0));
        double m = sqrt(fmax(o->index_sample * o->index_sample - s, 0));
        double simpson = i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2;
        q->p[i] = p;
        q->weight[i] = simpson * p * edge * cos(t) * (pi / 2) / (3 * STEPS);
        q->per_um[i] = k * n;
        q->fixed[i] = o->depth > 0 ? k * o->depth * (m - n) : 0;
    }
}

static void lanni_pixel(const void *args, double y, double x, int64_t depth,
                        int64_t step, double *intensity)
{
    const pupil *q = args;
    const fv_optics *o = q->optics;
    double v = 2 * pi * o->na * radius_um(o, y, x) / o->wavelength;
    double wave[STEPS + 1];
    for (int i = 0; i <= STEPS; i++)
        wave[i] = q->weight[i] * j0(v * q->p[i]);
    for (int64_t k = 0; k < depth; k++) {
        double z = depth > 1 ? (double)(k - depth / 2) * o->pitch[0] : 0;
        double re = 0, im = 0;
        for (int i = 0; i <= STEPS; i++) {
            double phase = z * q->per_um[i] + q->fixed[i];
            re += wave[i] * cos(phase);
            im += wave[i] * sin(phase);
        }
        intensity[k * step] = re * re + im * im;
    }
}

fv_status fv_psf_gibson_lanni(fv_ctx *ctx, const fv_optics *o, fv_tensor out)
{
    FV_TRY(check_optics(ctx, o, out.ndim == 3));
    pupil *q = fvi_alloc(ctx, sizeof *q);
    if (!q)
        return FV_ENOMEM;
    pupil_fill(o, q);
    fv_status status = fill_unit(ctx, out, lanni_pixel, q);
    fvi_free(ctx, q);
    return status;
}
