/* fovea synth: simulated images of nuclei with known truth, and pictures of
 * given ones. */
#include "output.h"
#include "synth.h"
#include "tell.h"

#include <string.h>
#include <unistd.h>

static const fv_field options[] = {
    FV_PATH(synth_args, output, NULL,
            "folder; images/ and labels/ (degrade: noisy/ and clean/) are made "
            "in it"),
    FV_INT(synth_args, count, 1, 1, 100000, "", "how many images"),
    FV_INT(synth_args, size, 512, 8, 16384, "px", "side of the images"),
    FV_INT(synth_args, width, 0, 0, 16384, "px",
           "width of the images; 0: as --size"),
    FV_INT(synth_args, height, 0, 0, 16384, "px",
           "height of the images; 0: as --size"),
    FV_INT(synth_args, nuclei, 80, 0, 1000000, "",
           "nuclei wanted; fewer when there is no room"),
    FV_REAL(synth_args, diameter, 24, 4, 1000, "px", "mean diameter"),
    FV_REAL(synth_args, spread, 0.2, 0, 1, "",
            "relative standard deviation of the diameter"),
    FV_REAL(synth_args, roughness, 0.12, 0, 0.5, "",
            "relative amplitude of the outline's waves"),
    FV_REAL(synth_args, touching, 0.3, 0, 1, "",
            "share of nuclei placed against another"),
    FV_REAL(synth_args, texture, 0.3, 0, 1, "", "contrast of chromatin"),
    FV_REAL(synth_args, psf_sigma, 1.3, 0, 50, "px",
            "standard deviation of the Gaussian point spread function"),
    FV_REAL(synth_args, photons, 200, 0, 1e6, "photons",
            "mean signal per object pixel; degrade: where the image is "
            "brightest, 0: its values are photons"),
    FV_REAL(synth_args, background, 20, 0, 1e6, "photons",
            "light beside the objects, per pixel, with a slow gradient"),
    FV_REAL(synth_args, read_noise, 3, 0, 1e4, "electrons",
            "standard deviation of the camera's noise"),
    FV_REAL(synth_args, gain, 2, 1e-3, 1e4, "", "counts per electron"),
    FV_REAL(synth_args, offset, 100, 0, 60000, "counts",
            "what the camera says where there is no light"),
    FV_REAL(synth_args, pitch, 0, 0, 1000, "um",
            "pixel pitch to write; 0: none (degrade: that of the image)"),
    FV_INT(synth_args, seed, 1, 0, 2147483647, "",
           "seed of the first image; each next one takes the next seed"),
    FV_INT(synth_args, binning, 1, 1, 64, "px",
           "degrade: pixels of the image per side of a camera pixel"),
    FV_CHOICE(synth_args, clean, "blurred", "blurred|sharp",
              "degrade: whether the clean picture keeps the blur"),
    FV_END,
};

static fv_synth settings(const synth_args *o, int index)
{
    return (fv_synth){
        .height = o->height ? o->height : o->size,
        .width = o->width ? o->width : o->size,
        .nuclei = o->nuclei,
        .diameter = o->diameter,
        .spread = o->spread,
        .roughness = o->roughness,
        .touching = o->touching,
        .texture = o->texture,
        .psf_sigma = o->psf_sigma,
        .photons = o->photons,
        .background = o->background,
        .read_noise = o->read_noise,
        .gain = o->gain,
        .offset = o->offset,
        .seed = (uint64_t)o->seed + (uint64_t)index,
    };
}

static char *field_path(const cli *c, const synth_args *o, const char *folder,
                        int index)
{
    fvi_text t = {.ctx = c->ctx};
    fvi_text_add(&t, "%s/%s", o->output, folder);
    if (index >= 0)
        fvi_text_add(&t, "/field_%03d.tif", index + 1);
    if (fvi_text_check(&t) != FV_OK)
        fvi_text_free(&t);
    return t.data;
}

/* The image and its labels, or none. */
static fv_status write_both(cli *c, const char *image_path, const fv_image *im,
                            const char *label_path, fv_tensor labels)
{
    FV_TRY(fv_image_write(c->ctx, image_path, im));
    fv_status status = fv_labels_write(c->ctx, label_path, labels, im->pitch);
    if (status != FV_OK)
        unlink(image_path);
    return status;
}

static fv_status write_to(cli *c, const synth_args *o, int index,
                          const fv_image *im, fv_tensor labels)
{
    char *image_path = field_path(c, o, "images", index);
    char *label_path = field_path(c, o, "labels", index);
    fv_status status = FV_ENOMEM;
    if (image_path && label_path)
        status = refuse_existing(c, image_path);
    if (status == FV_OK)
        status = refuse_existing(c, label_path);
    if (status == FV_OK)
        status = write_both(c, image_path, im, label_path, labels);
    fvi_free(c->ctx, image_path);
    fvi_free(c->ctx, label_path);
    return status;
}

static fv_status make_into(cli *c, const synth_args *o, int index, fv_image *im,
                           fv_image *labels, int64_t *count)
{
    fv_synth s = settings(o, index);
    im->pitch[1] = im->pitch[2] = o->pitch;
    FV_TRY(fv_synth_nuclei(c->ctx, &s, im->pixels, labels->pixels, count));
    return write_to(c, o, index, im, labels->pixels);
}

static fv_status make_one(cli *c, const synth_args *o, int index,
                          int64_t *count)
{
    fv_synth s = settings(o, index);
    int64_t dim[2] = {s.height, s.width};
    fv_image *im = NULL, *labels = NULL;
    fv_status status = fv_image_new(c->ctx, FV_U16, "YX", dim, &im);
    if (status == FV_OK)
        status = fv_image_new(c->ctx, FV_U32, "YX", dim, &labels);
    if (status == FV_OK)
        status = make_into(c, o, index, im, labels, count);
    fv_image_free(c->ctx, im);
    fv_image_free(c->ctx, labels);
    return status;
}

static fv_status make_folders(cli *c, const synth_args *o)
{
    char *images = field_path(c, o, "images", -1);
    char *labels = field_path(c, o, "labels", -1);
    fv_status status = FV_ENOMEM;
    if (images && labels)
        status = fvi_make_folder(c->ctx, images);
    if (status == FV_OK)
        status = fvi_make_folder(c->ctx, labels);
    fvi_free(c->ctx, images);
    fvi_free(c->ctx, labels);
    return status;
}

static fv_status make_all(cli *c, const synth_args *o, json_t *list)
{
    FV_TRY(make_folders(c, o));
    for (int i = 0; i < o->count; i++) {
        int64_t count = 0;
        char name[32];
        snprintf(name, sizeof name, "field_%03d.tif", i + 1);
        tell_progress(c, i, o->count, name);
        FV_TRY(make_one(c, o, i, &count));
        if (list)
            json_array_append_new(list,
                                  json_pack("{s:s, s:I}", "file", name,
                                            "objects", (json_int_t)count));
        else
            printf("%s\t%lld\n", name, (long long)count);
    }
    return FV_OK;
}

static int run_nuclei(cli *c, const synth_args *o)
{
    json_t *list = c->json ? json_array() : NULL;
    fv_status status = make_all(c, o, list);
    tell_progress(c, 1, 1, "");
    if (status != FV_OK) {
        json_decref(list);
        return cli_fail(c);
    }
    return list ? tell_json(c, list) : EXIT_DONE;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    const synth_args *o = args;
    bool degrade = count > 0 && strcmp(operands[0], "degrade") == 0;
    if (count > 0 && !degrade)
        (void)fvi_fail(c->ctx, FV_EINVAL,
                       "synth: '%s' is not 'degrade', and nuclei need no word",
                       operands[0]);
    else if (degrade && count < 2)
        (void)fvi_fail(c->ctx, FV_EINVAL, "synth degrade: wants IMAGE...");
    else if (!o->output)
        (void)fvi_fail(c->ctx, FV_EINVAL, "synth: where to? -o FOLDER");
    else
        return degrade ? synth_degrade(c, o, count - 1, operands + 1)
                       : run_nuclei(c, o);
    cli_fail(c);
    return EXIT_USAGE;
}

const fv_cmd cmd_synth = {
    .name = "synth",
    .summary = "simulate microscope images with known truth",
    .operands = "[degrade IMAGE...]",
    .example = "fovea synth -o fields --count 4 --seed 7",
    .details =
        "Writes images/field_001.tif ... (16 bit, camera counts) and "
        "labels/field_001.tif ... Shapes, chromatin, optical blur, "
        "photon and read noise are simulated; the same options and "
        "seed give the same pixels. With 'degrade', given images are "
        "the object: noisy/NAME.tif (16 bit) is a picture of it through "
        "optics and camera, clean/NAME.tif (float) the same without "
        "noise. --psf and the options after it belong to 'degrade'. Stacks "
        "in z are blurred as volumes.",
    .options = options,
    .shared = psf_fields,
    .size = sizeof(synth_args),
    .max_operands = -1,
    .run = run,
};
