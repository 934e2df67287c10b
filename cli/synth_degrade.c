/* Pictures of given images through optics and camera. */
#include "output.h"
#include "picture.h"
#include "results.h"
#include "stack.h"
#include "synth.h"

#include <string.h>
#include <unistd.h>

/* One image: the object, and both pictures of it. */
typedef struct work {
    cli *c;
    const synth_args *o;
    fv_image *object, *noisy, *clean, *counts;
    fv_tensor psf;
} work;

/* The brightest pixel of all parts gives `photons`. */
static void scale_object(fv_image *im, double photons)
{
    float *v = im->pixels.data, most = 0;
    int64_t n = fv_count(im->pixels);
    for (int64_t i = 0; i < n; i++)
        most = v[i] > most ? v[i] : most;
    if (!(photons > 0 && most > 0))
        return;
    float factor = (float)(photons / (double)most);
    for (int64_t i = 0; i < n; i++)
        v[i] *= factor;
}

static fv_status expose(work *w, size_t index)
{
    const synth_args *o = w->o;
    bool volume = strchr(w->object->axes, 'Z') != NULL;
    fv_camera camera = {.psf = w->psf,
                        .sigma = o->psf_sigma,
                        .binning = o->binning,
                        .background = o->background,
                        .read_noise = o->read_noise,
                        .gain = o->gain,
                        .offset = o->offset,
                        .sharp = strcmp(o->clean, "sharp") == 0};
    uint64_t first = ((uint64_t)o->seed + index) << 32;
    scale_object(w->object, o->photons);
    for (int64_t i = 0; i < stack_count(w->object, volume); i++) {
        camera.seed = first + (uint64_t)i;
        FV_TRY(fv_take_picture(w->c->ctx, stack_part(w->object, volume, i),
                               &camera, stack_part(w->noisy, volume, i),
                               stack_part(w->clean, volume, i)));
    }
    return fv_copy(w->c->ctx, w->noisy->pixels, w->counts->pixels);
}

static fv_status make_images(work *w)
{
    const fv_image *im = w->object;
    int bin = w->o->binning;
    int64_t h = axis_extent(im, 'Y') / bin, x = axis_extent(im, 'X') / bin;
    if (h < 1 || x < 1)
        return fvi_fail(w->c->ctx, FV_EINVAL,
                        "is smaller than one camera pixel of %d x %d px", bin,
                        bin);
    FV_TRY(stack_like(w->c, im, FV_F32, h, x, &w->noisy));
    FV_TRY(stack_like(w->c, im, FV_F32, h, x, &w->clean));
    FV_TRY(stack_like(w->c, im, FV_U16, h, x, &w->counts));
    for (int i = 1; i < 3; i++) {
        double pitch = w->o->pitch > 0 ? w->o->pitch : im->pitch[i];
        w->clean->pitch[i] = w->counts->pitch[i] = pitch * bin;
    }
    return FV_OK;
}

static fv_status make(work *w, const char *path, size_t index)
{
    FV_TRY(stack_read(w->c, path, &w->object));
    bool volume = strchr(w->object->axes, 'Z') != NULL;
    if (w->o->psf.psf)
        FV_TRY(psf_make(w->c, &w->o->psf, w->o->pitch, w->object, volume,
                        &w->psf));
    FV_TRY(make_images(w));
    return expose(w, index);
}

/* NULL when out of memory. */
static char *path_in(const work *w, const char *folder, const char *stem)
{
    fvi_text t = {.ctx = w->c->ctx};
    fvi_text_add(&t, "%s/%s/%s.tif", w->o->output, folder, stem);
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

/* Both pictures or none. */
static fv_status write_both(const work *w, const char *noisy, const char *clean)
{
    FV_TRY(fv_image_write(w->c->ctx, noisy, w->counts));
    fv_status status = fv_image_write(w->c->ctx, clean, w->clean);
    if (status != FV_OK)
        unlink(noisy);
    return status;
}

static fv_status make_into(work *w, const char *path, size_t index,
                           const char *stem)
{
    char *noisy = path_in(w, "noisy", stem);
    char *clean = path_in(w, "clean", stem);
    fv_status status = noisy && clean ? FV_OK : FV_ENOMEM;
    if (status == FV_OK)
        status = refuse_existing(w->c, noisy);
    if (status == FV_OK)
        status = refuse_existing(w->c, clean);
    if (status == FV_OK)
        status = make(w, path, index);
    if (status == FV_OK)
        status = write_both(w, noisy, clean);
    fvi_free(w->c->ctx, noisy);
    fvi_free(w->c->ctx, clean);
    return status;
}

typedef struct job {
    cli *c;
    const synth_args *o;
    inputs in;
    json_t *list; /* NULL without --json */
} job;

static void tell(const job *j, const char *path)
{
    if (j->list) {
        json_array_append_new(j->list,
                              json_pack("{s:o}", "file", json_text(path)));
        return;
    }
    tell_cell(path);
    putchar('\n');
}

static fv_status degrade(void *user, size_t index, const char *stem)
{
    const job *j = user;
    const char *path = j->in.path[index];
    work w = {.c = j->c, .o = j->o, .psf = {.ndim = -1}};
    fv_status status = refuse_same_stem(j->c, &j->in, index);
    if (status == FV_OK)
        status = make_into(&w, path, index, stem);
    if (status == FV_OK)
        tell(j, path);
    fv_ctx *ctx = j->c->ctx;
    fvi_free(ctx, w.psf.data);
    fv_image_free(ctx, w.object);
    fv_image_free(ctx, w.noisy);
    fv_image_free(ctx, w.clean);
    fv_image_free(ctx, w.counts);
    return status;
}

static fv_status make_folders(cli *c, const synth_args *o)
{
    static const char *const names[] = {"noisy", "clean"};
    for (int i = 0; i < 2; i++) {
        char *path = fvi_path_join(c->ctx, o->output, names[i]);
        fv_status status = path ? fvi_make_folder(c->ctx, path) : FV_ENOMEM;
        fvi_free(c->ctx, path);
        FV_TRY(status);
    }
    return FV_OK;
}

int synth_degrade(cli *c, const synth_args *o, int count, char **operands)
{
    job j = {.c = c, .o = o};
    int code = EXIT_FAILED;
    if (inputs_expand(c, count, operands, &j.in) != FV_OK ||
        make_folders(c, o) != FV_OK) {
        cli_fail(c);
    } else {
        j.list = c->json ? json_array() : NULL;
        code = inputs_each(c, &j.in, NULL, degrade, &j);
        if (j.list && tell_json(c, j.list) != EXIT_DONE)
            code = EXIT_FAILED;
    }
    inputs_free(c, &j.in);
    return code;
}
