/* The methods of fovea restore that need no network. */
#include "restorer.h"
#include "stack.h"
#include "tell.h"

#include <math.h>
#include <string.h>

/* One part of one image: what a method needs to know besides the options. */
typedef struct part {
    cli *c;
    const restore_args *o;
    const char *path;
    fv_tensor psf;
} part;

/* ---- noise first measured ---- */

/* A volume is measured in its middle plane. */
static fv_status measure(const part *p, fv_tensor t, fv_noise *n)
{
    if (t.ndim == 3) {
        int64_t z = t.dim[0] / 2;
        t = fv_slice(t, 0, z, z + 1);
        t = (fv_tensor){.data = t.data,
                        .dtype = t.dtype,
                        .ndim = 2,
                        .dim = {t.dim[1], t.dim[2]},
                        .stride = {t.stride[1], t.stride[2]}};
    }
    return fv_noise_estimate(p->c->ctx, t, p->o->offset, n);
}

typedef fv_status denoise(const part *p, fv_tensor t, double sigma);

/* Noise of 1 everywhere, denoised, and back. */
static fv_status on_even_noise(const part *p, fv_tensor t, denoise *run)
{
    fv_ctx *ctx = p->c->ctx;
    double gain = p->o->gain, offset = p->o->offset;
    if (gain == 0) {
        fv_noise n;
        FV_TRY(measure(p, t, &n));
        if (!(n.gain > 0))
            return fvi_fail(ctx, FV_EINVAL,
                            "--stabilize: the noise does not grow with the "
                            "light here, leave it out or give --gain");
        gain = n.gain;
        offset = -n.intercept / n.gain;
    }
    FV_TRY(fv_stabilize(ctx, t, gain, offset, 0));
    FV_TRY(run(p, t, p->o->strength));
    return fv_unstabilize(ctx, t, gain, offset, 0);
}

static fv_status on_noise(const part *p, fv_tensor t, denoise *run)
{
    double sigma = p->o->sigma;
    if (p->o->stabilize)
        return on_even_noise(p, t, run);
    if (sigma == 0) {
        fv_noise n;
        FV_TRY(measure(p, t, &n));
        sigma = n.sigma;
    }
    if (sigma == 0) {
        tell_note(p->c, p->path, "no noise is found in it, left as it is");
        return FV_OK;
    }
    return run(p, t, sigma * p->o->strength);
}

static fv_status run_nlm(const part *p, fv_tensor t, double sigma)
{
    fv_nlm o = {.sigma = sigma,
                .h = p->o->h,
                .patch = p->o->patch,
                .search = p->o->search};
    return fv_filter_nlm(p->c->ctx, t, o, t);
}

static fv_status run_bm3d(const part *p, fv_tensor t, double sigma)
{
    return fv_filter_bm3d(p->c->ctx, t, sigma, t);
}

/* ---- the methods ---- */

static fv_status gaussian(const part *p, fv_tensor t)
{
    double s = p->o->sigma > 0 ? p->o->sigma : 1;
    return fv_filter_gaussian(p->c->ctx, t, (double[3]){s, s, s}, t);
}

static fv_status median(const part *p, fv_tensor t)
{
    return fv_filter_median(p->c->ctx, t, p->o->radius, t);
}

static fv_status nlm(const part *p, fv_tensor t)
{
    return on_noise(p, t, run_nlm);
}

static fv_status bm3d(const part *p, fv_tensor t)
{
    return on_noise(p, t, run_bm3d);
}

static fv_status wiener(const part *p, fv_tensor t)
{
    return fv_filter_wiener(p->c->ctx, t, p->psf, p->o->balance, t);
}

static void shift(fv_tensor t, float by)
{
    for (int64_t i = 0; i < fv_count(t); i++)
        ((float *)t.data)[i] += by;
}

static fv_status lucy(const part *p, fv_tensor t)
{
    shift(t, (float)-p->o->offset);
    FV_TRY(fv_filter_richardson_lucy(p->c->ctx, t, p->psf, p->o->iterations,
                                     p->o->tv, t));
    shift(t, (float)p->o->offset);
    return FV_OK;
}

static const struct {
    const char *name;
    fv_status (*run)(const part *p, fv_tensor t);
    bool psf; /* needs one */
} methods[] = {
    {"gaussian", gaussian, false}, {"median", median, false},
    {"nlm", nlm, false},           {"bm3d", bm3d, false},
    {"wiener", wiener, true},      {"rl", lucy, true},
};
enum { METHODS = sizeof methods / sizeof *methods };

static int find_method(const char *name)
{
    for (int i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return i;
    return -1;
}

fv_status restore_filter_check(cli *c, const restore_args *o)
{
    int m = find_method(o->method);
    if (m < 0)
        return fvi_fail(c->ctx, FV_EINVAL, "there is no method '%s'",
                        o->method);
    if (methods[m].psf && !o->psf.psf)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "--method %s needs a point spread function: --psf "
                        "gaussian:SIGMA, airy, gibson-lanni or FILE",
                        o->method);
    return FV_OK;
}

/* ---- over an image ---- */

/* Works on a dense copy, which methods may spoil when they fail. */
static fv_status restore_part(const part *p, int method, fv_tensor t)
{
    size_t size = (size_t)fv_count(t) * sizeof(float);
    fv_tensor copy =
        fv_dense(fvi_alloc(p->c->ctx, size), FV_F32, t.ndim, t.dim);
    if (!copy.data)
        return FV_ENOMEM;
    fv_status status = fv_copy(p->c->ctx, t, copy);
    if (status == FV_OK)
        status = methods[method].run(p, copy);
    if (status == FV_OK)
        status = fv_copy(p->c->ctx, copy, t);
    fvi_free(p->c->ctx, copy.data);
    return status;
}

fv_status restore_filter(cli *c, const restore_args *o, const char *path,
                         fv_image *im)
{
    int method = find_method(o->method);
    bool deep = strchr(im->axes, 'Z') != NULL, volume = deep && o->volume;
    part p = {.c = c, .o = o, .path = path, .psf = {.ndim = -1}};
    if (methods[method].psf) {
        FV_TRY(psf_make(c, &o->psf, o->pitch, im, deep, &p.psf));
        volume = p.psf.ndim == 3;
    }
    fv_status status = FV_OK;
    if (volume && !deep)
        status = fvi_fail(c->ctx, FV_ESHAPE,
                          "has no z axis, the point spread function has");
    int64_t count = stack_count(im, volume);
    for (int64_t i = 0; i < count && status == FV_OK; i++)
        status = restore_part(&p, method, stack_part(im, volume, i));
    fvi_free(c->ctx, p.psf.data);
    return status;
}
