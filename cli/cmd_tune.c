/* fovea tune: thresholds that suit validation images, kept in the model. */
#include "model/model.h"
#include "output.h"
#include "tell.h"

#include <math.h>
#include <string.h>

typedef struct tune_args {
    const char *model, *images, *labels, *output, *card, *weights, *augment;
    const char *size_images, *size_labels;
} tune_args;

static const fv_field options[] = {
    FV_PATH(tune_args, model, NULL,
            "model file to tune; with --output also a built-in model"),
    FV_PATH(tune_args, images, NULL, "folder of validation images"),
    FV_PATH(tune_args, labels, NULL, "folder of their label images"),
    FV_PATH(tune_args, output, NULL,
            "file to write; without it the model file itself"),
    FV_PATH(tune_args, card, NULL,
            "JSON file that becomes the card of the model"),
    FV_CHOICE(tune_args, weights, "same", "same|f32|bf16|f16",
              "how weights are stored: as they are, or with 32 or 16 bits"),
    FV_CHOICE(tune_args, augment, "model", "model|none|flips|all", AUGMENT),
    FV_PATH(tune_args, size_images, NULL,
            "folder of training images, to learn the diameter of objects from"),
    FV_PATH(tune_args, size_labels, NULL, "folder of their label images"),
    FV_END,
};

static fv_status read_card(fv_ctx *ctx, const char *path, fv_model *m)
{
    unsigned char *bytes;
    size_t size;
    FV_TRY(fvi_file_read(ctx, path, (size_t)1 << 20, &bytes, &size));
    char *card = fvi_strdup(ctx, (const char *)bytes);
    fvi_free(ctx, bytes);
    if (!card)
        return FV_ENOMEM;
    fvi_free(ctx, m->card);
    m->card = card;
    return FV_OK;
}

static fv_weights weights_of(const tune_args *o, const fv_model *m)
{
    if (strcmp(o->weights, "bf16") == 0)
        return FV_WEIGHTS_BF16;
    if (strcmp(o->weights, "f16") == 0)
        return FV_WEIGHTS_F16;
    return strcmp(o->weights, "f32") == 0 ? FV_WEIGHTS_F32 : fvi_weights_of(m);
}

/* What tuning told. */
typedef struct outcome {
    double ap, diameter_error; /* NaN: not asked */
    int64_t images;
} outcome;

static fv_status read_pairs(cli *c, const fv_model *m, const char *images,
                            const char *labels, fv_pair **pairs, int64_t *count)
{
    return fv_pairs_read(c->ctx, images, labels,
                         fv_channels(m->graph, m->image), m->percentile, pairs,
                         count);
}

static fv_status learn_size(cli *c, const tune_args *o, fv_model *m)
{
    fv_pair *pairs;
    int64_t count;
    if (!o->size_images)
        return FV_OK;
    FV_TRY(fvi_model_wants(c->ctx, m, "segment"));
    FV_TRY(read_pairs(c, m, o->size_images,
                      o->size_labels ? o->size_labels : o->size_images, &pairs,
                      &count));
    fv_status status = fv_fit_size(c->ctx, m, pairs, count, 1);
    fv_pairs_free(c->ctx, pairs, count);
    return status;
}

static fv_status tune(cli *c, const tune_args *o, fv_model *m, outcome *out)
{
    fv_pair *pairs;
    FV_TRY(learn_size(c, o, m));
    if (views_named(o->augment))
        m->views = views_named(o->augment);
    if (!o->images)
        return FV_OK;
    FV_TRY(read_pairs(c, m, o->images, o->labels, &pairs, &out->images));
    fv_status status = fv_tune(c->ctx, m, pairs, out->images, &out->ap);
    if (status == FV_OK && m->size)
        status =
            fv_size_error(c->ctx, m, pairs, out->images, &out->diameter_error);
    fv_pairs_free(c->ctx, pairs, out->images);
    return status;
}

static int report(cli *c, const char *file, const fv_model *m, const outcome *r)
{
    if (c->json)
        return tell_json(
            c, json_pack("{s:o, s:I, s:o, s:f, s:f, s:I, s:o}", "model",
                         json_text(file), "images", (json_int_t)r->images,
                         "ap50", json_number(r->ap), "threshold",
                         m->decode.threshold, "seed", m->decode.seed,
                         "min_area", (json_int_t)m->decode.min_area,
                         "diameter_error", json_number(r->diameter_error)));
    if (r->images == 0) {
        printf("model\t%s\n", file);
        return EXIT_DONE;
    }
    printf("model\t%s\nimages\t%lld\nAP at IoU 0.5\t%.4f\nthreshold\t%g\n"
           "seed\t%g\nmin_area\t%lld px\n",
           file, (long long)r->images, r->ap, m->decode.threshold,
           m->decode.seed, (long long)m->decode.min_area);
    if (!isnan(r->diameter_error))
        printf("diameter\toff by %.1f %% (median)\n", 100 * r->diameter_error);
    return EXIT_DONE;
}

static int tune_model(cli *c, const tune_args *o, fv_model *m)
{
    const char *file = o->output ? o->output : o->model;
    outcome r = {.diameter_error = NAN};
    fv_status status = o->output ? refuse_existing(c, o->output) : FV_OK;
    if (status == FV_OK)
        status = tune(c, o, m, &r);
    if (status == FV_OK && o->card)
        status = read_card(c->ctx, o->card, m);
    if (status == FV_OK)
        status = fv_model_write(c->ctx, file, m, weights_of(o, m));
    return status == FV_OK ? report(c, file, m, &r) : cli_fail(c);
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    (void)operands;
    const tune_args *o = args;
    bool kept =
        !o->images && !o->labels && (o->card || o->output || o->size_images);
    if (!o->model || (!kept && (!o->images || !o->labels))) {
        (void)fvi_fail(c->ctx, FV_EINVAL,
                       "tune: wants --model FILE, --images FOLDER and "
                       "--labels FOLDER, or --size-images, --card or --output "
                       "alone");
        cli_fail(c);
        return EXIT_USAGE;
    }
    fv_model *m;
    fv_status status = o->output ? fvi_model_open(c->ctx, o->model, &m)
                                 : fv_model_read(c->ctx, o->model, &m);
    if (status != FV_OK)
        return cli_fail(c);
    int code = tune_model(c, o, m);
    fv_model_free(c->ctx, m);
    return code;
}

const fv_cmd cmd_tune = {
    .name = "tune",
    .summary = "choose the thresholds of a model on validation images",
    .operands = "",
    .example = "fovea tune --model run1/model.fovea --images val/images "
               "--labels val/labels",
    .details =
        "The thresholds with the best mean AP over IoU 0.5 to 0.9 are "
        "written into the model file. Never tune on test images. Without "
        "images the thresholds stay: for another card, or other "
        "--weights, of a model of any task. With --size-images the model "
        "also learns, from training images, to tell how large objects are "
        "(fovea segment --diameter auto): from windows of at most 200 of them.",
    .options = options,
    .size = sizeof(tune_args),
    .run = run,
};
