/* Point spread functions named on the command line. */
#include "psf.h"
#include "stack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const fv_field psf_fields[] = {
    FV_TEXT(psf_args, psf, NULL,
            "point spread function: gaussian:SIGMA or gaussian:Z,Y,X (px), "
            "airy, gibson-lanni, or an image file"),
    FV_REAL(psf_args, wavelength, 0.525, 0.01, 100, "um",
            "PSF: wavelength of the emission"),
    FV_REAL(psf_args, na, 1.4, 0.001, 4, "", "PSF: numerical aperture"),
    FV_REAL(psf_args, index, 1.515, 1, 4, "",
            "PSF: refractive index of the immersion"),
    FV_REAL(psf_args, index_sample, 1.33, 1, 4, "",
            "PSF: refractive index of the sample"),
    FV_REAL(psf_args, depth, 0, 0, 1e4, "um",
            "PSF: depth of the focus below the coverslip"),
    FV_REAL(psf_args, pitch_z, 0, 0, 1000, "um",
            "PSF: distance of planes; 0: as the image says"),
    FV_END,
};

static fv_status new_psf(cli *c, int ndim, const int64_t radius[3],
                         fv_tensor *out)
{
    int64_t dim[3];
    for (int i = 0; i < ndim; i++)
        dim[i] = 2 * radius[3 - ndim + i] + 1;
    fv_tensor t = fv_dense(NULL, FV_F32, ndim, dim);
    t.data = fvi_calloc(c->ctx, (size_t)fv_count(t), sizeof(float));
    *out = t;
    return t.data ? FV_OK : FV_ENOMEM;
}

/* One number is sigma in the plane; three are sigma along z, y, x. */
static fv_status read_sigmas(cli *c, const char *text, double sigma[3],
                             int *count)
{
    double v[3] = {0};
    const char *at = text;
    char *end;
    int n = 0;
    bool good;
    do {
        v[n] = strtod(at, &end);
        good = end != at && v[n] >= 0 && v[n] <= 64;
        at = end + 1;
        n++;
    } while (good && n < 3 && *end == ',');
    if (!good || *end || n == 2)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "--psf gaussian:%s: expected one number of pixels, or "
                        "three (z,y,x), each 0 to 64",
                        text);
    for (int i = 0; i < 3; i++)
        sigma[i] = v[n == 1 ? 0 : i];
    *count = n;
    return FV_OK;
}

static fv_status gaussian(cli *c, const char *text, fv_tensor *out)
{
    double sigma[3];
    int64_t radius[3];
    int count = 0;
    FV_TRY(read_sigmas(c, text, sigma, &count));
    for (int i = 0; i < 3; i++)
        radius[i] = (int64_t)ceil(4 * sigma[i]);
    FV_TRY(new_psf(c, count == 1 ? 2 : 3, radius, out));
    return fv_psf_gaussian(c->ctx, sigma, *out);
}

static int64_t clamp(double v, int64_t most)
{
    return v < 1 ? 1 : v > (double)most ? most : (int64_t)ceil(v);
}

static fv_status optical(cli *c, bool airy, const fv_optics *o, bool volume,
                         fv_tensor *out)
{
    double disk = 0.61 * o->wavelength / o->na;
    double focus = o->wavelength * o->index / (o->na * o->na);
    volume = volume && !airy;
    for (int i = volume ? 0 : 1; i < 3; i++)
        if (!(o->pitch[i] > 0))
            return fvi_fail(c->ctx, FV_EINVAL,
                            "the image does not know its pixel pitch along %c, "
                            "which this point spread function needs: --pitch%s",
                            "zyx"[i], i ? "" : "-z");
    int64_t radius[3] = {volume ? clamp(4 * focus / o->pitch[0], 32) : 0,
                         clamp(8 * disk / o->pitch[1], 64),
                         clamp(8 * disk / o->pitch[2], 64)};
    FV_TRY(new_psf(c, volume ? 3 : 2, radius, out));
    return airy ? fv_psf_airy(c->ctx, o, *out)
                : fv_psf_gibson_lanni(c->ctx, o, *out);
}

static fv_status measured(cli *c, const char *path, fv_tensor *out)
{
    fv_image *im;
    FV_TRY(stack_read(c, path, &im));
    bool volume = strchr(im->axes, 'Z') != NULL;
    fv_status status = FV_OK;
    if (stack_count(im, volume) != 1)
        status = fvi_fail(c->ctx, FV_ESHAPE,
                          "%s: has axes %s, expected one plane or volume", path,
                          im->axes);
    if (status == FV_OK) {
        fv_tensor part = stack_part(im, volume, 0);
        *out = fv_dense(NULL, FV_F32, part.ndim, part.dim);
        out->data = fvi_calloc(c->ctx, (size_t)fv_count(part), sizeof(float));
        status = out->data ? fv_copy(c->ctx, part, *out) : FV_ENOMEM;
    }
    fv_image_free(c->ctx, im);
    return status;
}

static fv_optics optics_of(const psf_args *o, double pitch, const fv_image *im)
{
    fv_optics s = {.wavelength = o->wavelength,
                   .na = o->na,
                   .index = o->index,
                   .index_sample = o->index_sample,
                   .depth = o->depth,
                   .pitch = {o->pitch_z, pitch, pitch}};
    for (int i = 0; i < 3; i++)
        if (!(s.pitch[i] > 0))
            s.pitch[i] = im->pitch[i];
    return s;
}

fv_status psf_make(cli *c, const psf_args *o, double pitch, const fv_image *im,
                   bool volume, fv_tensor *out)
{
    static const char name[] = "gaussian:";
    const char *spec = o->psf;
    fv_optics optics = optics_of(o, pitch, im);
    fv_status status;
    *out = (fv_tensor){.ndim = -1};
    if (strncmp(spec, name, sizeof name - 1) == 0)
        status = gaussian(c, spec + sizeof name - 1, out);
    else if (strcmp(spec, "airy") == 0)
        status = optical(c, true, &optics, volume, out);
    else if (strcmp(spec, "gibson-lanni") == 0)
        status = optical(c, false, &optics, volume, out);
    else
        status = measured(c, spec, out);
    if (status != FV_OK) {
        fvi_free(c->ctx, out->data);
        *out = (fv_tensor){.ndim = -1};
    }
    return status;
}
