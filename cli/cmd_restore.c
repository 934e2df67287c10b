/* fovea restore: images without noise or blur, in their own units. */
#include "restorer.h"
#include "results.h"
#include "stack.h"

#include <string.h>

static const fv_field options[] = {
    FV_PATH(restore_args, output, NULL, "folder for the results, is made"),
    FV_PATH(restore_args, model, NULL, "built-in model, or a .fovea file"),
    FV_CHOICE(restore_args, method, NULL, "gaussian|median|nlm|bm3d|wiener|rl",
              "a filter in place of a model"),
    FV_TEXT(restore_args, save, "restored",
            "what to write: restored, uncertainty, residual"),
    FV_INT(restore_args, tile, 0, 0, 16384, "px",
           "side of the tiles of large images; 0: by memory"),
    FV_INT(restore_args, overlap, 0, 0, 4096, "px",
           "shared by neighboring tiles; 0: by what the network sees"),
    FV_CHOICE(restore_args, augment, "model", "model|none|flips|all", AUGMENT),
    FV_CHOICE(restore_args, precision, "f32", "f32|bf16", PRECISION_HELP),
    FV_TEXT(restore_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_REAL(restore_args, sigma, 0, 0, 1e9, "",
            "gaussian: standard deviation, px (0: 1); nlm, bm3d: that of the "
            "noise, in units of the image (0: measured)"),
    FV_REAL(restore_args, strength, 1, 0.01, 100, "",
            "nlm, bm3d: factor on the noise; over 1 smooths more"),
    FV_INT(restore_args, radius, 1, 0, 15, "px",
           "median: the window has 2 radius + 1 px per side"),
    FV_REAL(restore_args, h, 0.6, 0.01, 100, "",
            "nlm: how different patches may be, in units of the noise"),
    FV_INT(restore_args, patch, 2, 0, 32, "px", "nlm: radius of patches"),
    FV_INT(restore_args, search, 8, 0, 128, "px",
           "nlm: radius in which patches are sought"),
    FV_FLAG(restore_args, stabilize,
            "nlm, bm3d: even out noise that grows with the light first"),
    FV_REAL(restore_args, balance, 0.01, 1e-12, 1e6, "",
            "wiener: power of the noise over that of the object"),
    FV_INT(restore_args, iterations, 30, 1, 100000, "", "rl: how many steps"),
    FV_REAL(restore_args, tv, 0, 0, 1, "",
            "rl: weight of total variation, such as 0.002"),
    FV_REAL(restore_args, offset, 0, -1e6, 1e6, "counts",
            "rl: what the camera says where there is no light; taken off first "
            "and added again"),
    FV_REAL(restore_args, gain, 0, 0, 1e6, "",
            "stabilize: counts per electron; 0: measured, with the offset"),
    FV_FLAG(restore_args, volume, "filter z stacks as volumes"),
    FV_REAL(restore_args, pitch, 0, 0, 1000, "um",
            "PSF: distance of pixels; 0: as the image says"),
    FV_END,
};

enum { RESTORED, UNCERTAINTY, RESIDUAL, KINDS };
static const result_kind kinds[KINDS] = {
    {"restored", "_restored.tif"},
    {"uncertainty", "_uncertainty.tif"},
    {"residual", "_residual.tif"},
};

typedef struct job {
    cli *c;
    const restore_args *o;
    restorer how; /* with --model */
    inputs in;
    results out;
    const fv_image *before;
    fv_image *good, *scale;
    json_t *done, *failed; /* NULL without --json */
} job;

/* What was taken away: image minus restored, in place of restored. */
static fv_status save_residual(job *j, const char *path)
{
    fv_ctx *ctx = j->c->ctx;
    fv_image *rest;
    const fv_image *im = j->before;
    FV_TRY(stack_blank(j->c, im, &rest));
    fv_status status = fv_copy(ctx, im->pixels, rest->pixels);
    float *x = rest->pixels.data;
    const float *y = j->good->pixels.data;
    for (int64_t i = 0; i < fv_count(rest->pixels) && status == FV_OK; i++)
        x[i] -= y[i];
    if (status == FV_OK)
        status = fv_image_write(ctx, path, rest);
    fv_image_free(ctx, rest);
    return status;
}

static fv_status save_kind(void *user, int kind, const char *path)
{
    job *j = user;
    if (kind == RESIDUAL)
        return save_residual(j, path);
    return fv_image_write(j->c->ctx, path,
                          kind == RESTORED ? j->good : j->scale);
}

static fv_status report(const job *j, const char *path, const char *stem,
                        double seconds)
{
    if (!j->done) {
        tell_cell(path);
        printf("\t%.2f\n", seconds);
        fflush(stdout);
        return FV_OK;
    }
    json_t *row =
        json_pack("{s:o, s:f}", "file", json_text(path), "seconds", seconds);
    return results_tell(&j->out, stem, row, j->done);
}

static fv_status filter(job *j, const char *path, const fv_image *im)
{
    FV_TRY(stack_copy(j->c, path, im, &j->good));
    fv_status status = restore_filter(j->c, j->o, path, j->good);
    if (status != FV_OK) {
        fv_image_free(j->c->ctx, j->good);
        j->good = NULL;
    }
    return status;
}

static fv_status restore_read(job *j, const char *path, const fv_image *im,
                              const char *stem)
{
    FV_TRY(j->o->method
               ? filter(j, path, im)
               : restore_image(&j->how, path, im, &j->good, &j->scale));
    j->before = im;
    fv_status status = results_save(&j->out, stem, save_kind, j);
    fv_image_free(j->c->ctx, j->good);
    fv_image_free(j->c->ctx, j->scale);
    return status;
}

static fv_status restore_one(void *user, size_t index, const char *stem)
{
    job *j = user;
    const char *path = j->in.path[index];
    double start = clock_seconds();
    fv_image *im;
    FV_TRY(results_refuse(&j->out, &j->in, index, stem));
    FV_TRY(fv_image_read(j->c->ctx, path, NULL, &im));
    fv_status status = restore_read(j, path, im, stem);
    fv_image_free(j->c->ctx, im);
    if (status == FV_OK)
        status = report(j, path, stem, clock_seconds() - start);
    return status;
}

static fv_status prepare(job *j, const restore_args *o, int count,
                         char **operands)
{
    if (o->model)
        FV_TRY(restore_model_open(j->c, o, &j->how));
    if (j->out.chosen & 1u << UNCERTAINTY && !j->how.uncertain)
        return fvi_fail(j->c->ctx, FV_ENOTSUP,
                        "--save uncertainty: there is none but that of a model "
                        "trained with --loss laplace");
    if (j->out.chosen & 1u << RESIDUAL && j->how.channels)
        return fvi_fail(j->c->ctx, FV_ENOTSUP,
                        "--save residual: the model answers in other units "
                        "than those of the image");
    FV_TRY(inputs_expand(j->c, count, operands, &j->in));
    return fvi_make_folder(j->c->ctx, o->output);
}

static int finish_json(job *j, int code)
{
    int told = tell_json(
        j->c, json_pack("{s:O, s:O}", "images", j->done, "failed", j->failed));
    return told == EXIT_DONE ? code : told;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    const restore_args *o = args;
    job j = {.c = c, .o = o, .out = {c, o->output, kinds, KINDS, 0}};
    if (restore_check(c, o) != FV_OK ||
        results_choose(&j.out, o->save) != FV_OK) {
        cli_fail(c);
        return EXIT_USAGE;
    }
    if (c->json) {
        j.done = json_array();
        j.failed = json_array();
    }
    int code = EXIT_FAILED;
    bool ready = prepare(&j, o, count, operands) == FV_OK;
    if (ready)
        code = inputs_each(c, &j.in, j.failed, restore_one, &j);
    else
        cli_fail(c);
    if (c->json && ready)
        code = finish_json(&j, code);
    json_decref(j.done);
    json_decref(j.failed);
    inputs_free(c, &j.in);
    if (j.how.close)
        j.how.close(&j.how);
    return code;
}

const fv_cmd cmd_restore = {
    .name = "restore",
    .summary = "take noise and blur out of images",
    .operands = "IMAGE...",
    .example = "fovea restore plate/*.tif -o clean --model denoise-fluo",
    .details =
        "Images are files, folders or quoted patterns; all z planes, time "
        "points and channels are restored. For each, the output folder "
        "receives NAME_restored.tif: numbers in the units of the image, with "
        "its axes, pixel pitch and channel names. --save adds residual (image "
        "minus restored: nothing but noise should be left there) and, for "
        "models trained with --loss laplace, uncertainty. Of the filters, "
        "gaussian, median, nlm (non-local means) and bm3d take noise out; "
        "wiener and rl (Richardson-Lucy) take back the blur of a known point "
        "spread function (--psf). Standard output has one line per image: "
        "file, "
        "seconds.",
    .options = options,
    .shared = psf_fields,
    .size = sizeof(restore_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
