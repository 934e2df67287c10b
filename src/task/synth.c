/* Simulated fluorescence microscopy of nuclei: light, optics and camera. Every
 * random number is a function of (seed, what it is for, row), so the picture
 * does not depend on the number of threads. */
#include "task/nuclei.h"
#include "task/task.h"

#include <math.h>

static const double max_photons = 1e9;

fv_synth fv_synth_default(void)
{
    return (fv_synth){.height = 512,
                      .width = 512,
                      .nuclei = 80,
                      .diameter = 24,
                      .spread = 0.2,
                      .roughness = 0.12,
                      .touching = 0.3,
                      .texture = 0.3,
                      .psf_sigma = 1.3,
                      .photons = 200,
                      .background = 20,
                      .read_noise = 3,
                      .gain = 2,
                      .offset = 100};
}

/* What may be asked, one row per number. */
static fv_status check_options(fv_ctx *ctx, const fv_synth *s)
{
    const struct {
        const char *name;
        double value, lo, hi;
    } rule[] = {
        {"height", (double)s->height, 1, 1e6},
        {"width", (double)s->width, 1, 1e6},
        {"nuclei", s->nuclei, 0, 1e8},
        {"diameter", s->diameter, 2, 1e4},
        {"spread", s->spread, 0, 1},
        {"roughness", s->roughness, 0, 0.5},
        {"touching", s->touching, 0, 1},
        {"texture", s->texture, 0, 10},
        {"psf_sigma", s->psf_sigma, 0, 100},
        {"photons", s->photons, 0, max_photons},
        {"background", s->background, 0, max_photons},
        {"read_noise", s->read_noise, 0, 1e6},
        {"gain", s->gain, 1e-6, 1e6},
        {"offset", s->offset, -1e6, 1e6},
    };
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++)
        if (!(rule[i].value >= rule[i].lo && rule[i].value <= rule[i].hi))
            return fvi_fail(ctx, FV_EINVAL,
                            "synth: %s is %g, expected %g to %g", rule[i].name,
                            rule[i].value, rule[i].lo, rule[i].hi);
    return FV_OK;
}

static fv_status check_views(fv_ctx *ctx, const fv_synth *s, fv_tensor image,
                             fv_tensor labels)
{
    int64_t dim[2] = {s->height, s->width};
    fv_tensor want = fv_dense(NULL, FV_U32, 2, dim);
    char got[64];
    if (!fv_same_shape(image, want) ||
        (image.dtype != FV_F32 && image.dtype != FV_U16)) {
        fv_describe(image, got, sizeof got);
        return fvi_fail(ctx, FV_ESHAPE,
                        "synth: image is %s, expected f32 or u16 [%lld,%lld]",
                        got, (long long)s->height, (long long)s->width);
    }
    if (!fv_same_shape(labels, want) || labels.dtype != FV_U32) {
        fv_describe(labels, got, sizeof got);
        return fvi_fail(ctx, FV_ESHAPE,
                        "synth: labels are %s, expected u32 [%lld,%lld]", got,
                        (long long)s->height, (long long)s->width);
    }
    return FV_OK;
}

static fvi_rng row_numbers(const fv_synth *s, const char *purpose, int64_t y)
{
    return fvi_rng_new(s->seed, fvi_hash_text(purpose) + (uint64_t)y);
}

typedef struct grid {
    int64_t height, width;
    int threads;
} grid;

/* ---- light ---- */

/* Smooth noise of unit variance: the unevenness of chromatin. */
static void fill_texture(grid g, const fv_synth *s, float *a, float *scratch)
{
#pragma omp parallel for schedule(static) num_threads(g.threads)
    for (int64_t y = 0; y < g.height; y++) {
        fvi_rng r = row_numbers(s, "texture", y);
        for (int64_t x = 0; x < g.width; x++)
            a[y * g.width + x] = (float)fvi_rng_normal(&r);
    }
    double shrink = fvi_smooth((int64_t[3]){g.height, g.width, 1}, a, scratch,
                               s->diameter / 12, g.threads);
    for (int64_t i = 0; i < g.height * g.width; i++)
        a[i] = (float)((double)a[i] / shrink);
}

/* Photons sent by each pixel: texture becomes light, 0 outside nuclei. Each
 * nucleus has its own brightness, 0.6 to 1.4 of the mean. */
static void fill_light(grid g, const fv_synth *s, const uint32_t *labels,
                       float *a)
{
#pragma omp parallel for schedule(static) num_threads(g.threads)
    for (int64_t y = 0; y < g.height; y++)
        for (int64_t x = 0; x < g.width; x++) {
            int64_t i = y * g.width + x;
            if (!labels[i]) {
                a[i] = 0;
                continue;
            }
            fvi_rng r = row_numbers(s, "brightness", labels[i]);
            double level = s->photons * fvi_rng_between(&r, 0.6, 1.4);
            double chromatin = 1 + s->texture * (double)a[i];
            a[i] = (float)(level * fmin(fmax(chromatin, 0), 4));
        }
}

/* ---- camera ---- */

/* Background light rises by 30 % from the middle to one side. */
typedef struct slope {
    double y, x;
} slope;

static slope draw_slope(const fv_synth *s)
{
    fvi_rng r = row_numbers(s, "background", 0);
    double t = fvi_rng_between(&r, 0.0, 6.283185307179586);
    return (slope){0.3 * sin(t), 0.3 * cos(t)};
}

static double background_at(const fv_synth *s, slope k, int64_t y, int64_t x)
{
    double v = (2 * (double)y + 1) / (double)s->height - 1;
    double u = (2 * (double)x + 1) / (double)s->width - 1;
    return s->background * (1 + k.y * v + k.x * u);
}

static void store(fv_tensor image, int64_t y, int64_t x, double counts)
{
    int64_t at = y * image.stride[0] + x * image.stride[1];
    if (image.dtype == FV_F32)
        ((float *)image.data)[at] = (float)counts;
    else
        ((uint16_t *)image.data)[at] =
            (uint16_t)floor(fmin(fmax(counts, 0), 65535) + 0.5);
}

static void expose(grid g, const fv_synth *s, const float *light,
                   fv_tensor image)
{
    slope k = draw_slope(s);
#pragma omp parallel for schedule(static) num_threads(g.threads)
    for (int64_t y = 0; y < g.height; y++) {
        fvi_rng r = row_numbers(s, "camera", y);
        for (int64_t x = 0; x < g.width; x++) {
            double mean =
                (double)light[y * g.width + x] + background_at(s, k, y, x);
            double electrons = (double)fvi_rng_poisson(&r, mean);
            electrons += s->read_noise * fvi_rng_normal(&r);
            store(image, y, x, s->offset + s->gain * electrons);
        }
    }
}

static fv_status simulate(fv_ctx *ctx, const fv_synth *s, uint32_t *labels,
                          float *light, float *scratch, fv_tensor image,
                          int64_t *count)
{
    grid g = {s->height, s->width, fv_threads(ctx)};
    FV_TRY(fvi_nuclei_place(ctx, s, labels, count));
    fill_texture(g, s, light, scratch);
    fill_light(g, s, labels, light);
    fvi_smooth((int64_t[3]){s->height, s->width, 1}, light, scratch,
               s->psf_sigma, g.threads);
    expose(g, s, light, image);
    return FV_OK;
}

fv_status fv_synth_nuclei(fv_ctx *ctx, const fv_synth *s, fv_tensor image,
                          fv_tensor labels, int64_t *count)
{
    FV_TRY(check_options(ctx, s));
    FV_TRY(check_views(ctx, s, image, labels));
    int64_t dim[2] = {s->height, s->width};
    size_t n = (size_t)(s->height * s->width); /* at most 1e12 */
    uint32_t *truth = fvi_calloc(ctx, n, sizeof *truth);
    float *light = fvi_calloc(ctx, n, sizeof *light);
    float *scratch = fvi_calloc(ctx, n, sizeof *scratch);
    fv_status status = FV_ENOMEM;
    if (truth && light && scratch)
        status = simulate(ctx, s, truth, light, scratch, image, count);
    if (status == FV_OK)
        status = fv_copy(ctx, fv_dense(truth, FV_U32, 2, dim), labels);
    fvi_free(ctx, truth);
    fvi_free(ctx, light);
    fvi_free(ctx, scratch);
    return status;
}
