/* fovea convert: weights of other programs as a model. */
#include "help.h"
#include "options.h"
#include "output.h"
#include "tell.h"

#include <string.h>

typedef struct convert_args {
    const char *arch, *set, *names, *inside, *task, *target, *normalize;
    const char *weights, *title, *authors, *license;
    double mean, deviation, percentile_low, percentile_high, diameter;
} convert_args;

static const fv_field options[] = {
    FV_TEXT(convert_args, arch, NULL,
            "architecture of the weights, see 'fovea plan'"),
    FV_TEXT(convert_args, set, NULL, "its settings, as depth=17,batch_norm=0"),
    FV_TEXT(convert_args, names, NULL,
            "how the file calls its tensors: kair, saoyan (dncnn) or same; "
            "without it what fits"),
    FV_TEXT(convert_args, inside, NULL,
            "the dict of the file with the weights, as params_ema"),
    FV_CHOICE(convert_args, task, NULL, "segment|restore",
              "what the network is for"),
    FV_CHOICE(convert_args, target, "cell",
              "cell|boundary|distance|stars|flows|shape",
              "segment: meaning of the maps"),
    FV_CHOICE(convert_args, normalize, "percentile", "percentile|mean_std",
              "what the network sees: percentiles of each image as 0 and 1, "
              "or counts minus mean over deviation"),
    FV_REAL(convert_args, percentile_low, 1, 0, 100, "%",
            "percentile that becomes 0"),
    FV_REAL(convert_args, percentile_high, 99.8, 0, 100, "%",
            "percentile that becomes 1"),
    FV_REAL(convert_args, mean, 0, -1e9, 1e9, "counts",
            "mean_std: what becomes 0"),
    FV_REAL(convert_args, deviation, 1, 1e-9, 1e9, "counts",
            "mean_std: how much more becomes 1; 255 for images of 8 bits"),
    FV_REAL(convert_args, diameter, 0, 0, 1e6, "px",
            "median diameter of the objects trained on; 0: as the file says"),
    FV_CHOICE(convert_args, weights, "f32", "f32|bf16|f16",
              "how numbers are written"),
    FV_TEXT(convert_args, title, NULL, "for the card of the model"),
    FV_TEXT(convert_args, authors, NULL, "who trained it, for the card"),
    FV_TEXT(convert_args, license, NULL, "of the weights, for the card"),
    FV_END,
};

static fv_weights weights_named(const char *name)
{
    return strcmp(name, "bf16") == 0  ? FV_WEIGHTS_BF16
           : strcmp(name, "f16") == 0 ? FV_WEIGHTS_F16
                                      : FV_WEIGHTS_F32;
}

/* ---- what the file does not say ---- */

static fv_status describe_input(fv_ctx *ctx, const convert_args *o, fv_model *m)
{
    if (o->percentile_low >= o->percentile_high)
        return fvi_fail(ctx, FV_EINVAL, "percentiles %g and %g do not rise",
                        o->percentile_low, o->percentile_high);
    snprintf(m->normalize, sizeof m->normalize, "%s", o->normalize);
    m->percentile[0] = o->percentile_low;
    m->percentile[1] = o->percentile_high;
    for (int c = 0; c < FV_MAX_CHANNELS; c++) {
        m->mean[c] = o->mean;
        m->deviation[c] = o->deviation;
    }
    if (o->diameter > 0)
        m->diameter = o->diameter;
    return FV_OK;
}

static fv_status describe_output(fv_ctx *ctx, const convert_args *o,
                                 fv_model *m)
{
    int maps = fv_channels(m->graph, m->answer);
    snprintf(m->task, sizeof m->task, "%s", o->task);
    FV_TRY(fv_target_find(ctx, o->target, &m->target));
    if (strcmp(o->task, "segment") == 0 && fv_target_maps(m->target) != maps)
        return fvi_fail(ctx, FV_EINVAL,
                        "target %s has %d maps, the network answers with %d",
                        o->target, fv_target_maps(m->target), maps);
    return FV_OK;
}

/* Takes over `object`. */
static fv_status set_text(fv_ctx *ctx, char **text, json_t *object)
{
    char *dump = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    char *copy = dump ? fvi_strdup(ctx, dump) : NULL;
    free(dump);
    if (!copy)
        return fvi_fail(ctx, FV_ENOMEM, "out of memory for the card");
    fvi_free(ctx, *text);
    *text = copy;
    return FV_OK;
}

static fv_status describe_origin(fv_ctx *ctx, const convert_args *o,
                                 const char *path, fv_model *m)
{
    unsigned char *bytes;
    size_t size;
    char hash[65];
    const char *slash = strrchr(path, '/');
    FV_TRY(fvi_file_read(ctx, path, (size_t)8 << 30, &bytes, &size));
    fvi_sha256(bytes, size, hash);
    fvi_free(ctx, bytes);
    json_t *card = json_object();
    json_object_set_new(card, "title",
                        json_text(o->title ? o->title : m->arch->title));
    if (o->authors)
        json_object_set_new(card, "authors", json_text(o->authors));
    if (o->license)
        json_object_set_new(card, "license", json_text(o->license));
    FV_TRY(set_text(ctx, &m->card, card));
    return set_text(
        ctx, &m->history,
        json_pack("{s:s, s:{s:o, s:s}}", "fovea", FV_VERSION, "converted_from",
                  "file", json_text(slash ? slash + 1 : path), "sha256", hash));
}

/* ---- reading ---- */

static fv_status from_weights(fv_ctx *ctx, const convert_args *o,
                              const char *path, fv_model *m)
{
    FV_TRY(fv_model_import(ctx, m, path, o->names, o->inside));
    FV_TRY(describe_input(ctx, o, m));
    FV_TRY(describe_output(ctx, o, m));
    FV_TRY(describe_origin(ctx, o, path, m));
    return fv_model_make_check(ctx, m);
}

static fv_status new_model(fv_ctx *ctx, const convert_args *o, fv_model **out)
{
    const fv_arch *arch;
    void *config;
    char *words;
    FV_TRY(fv_arch_find(ctx, o->arch, &arch));
    FV_TRY(fv_config_new(ctx, arch, &config));
    fv_status status = set_list(ctx, arch->fields, config, o->set, &words);
    if (status == FV_OK)
        status = fv_model_new(ctx, arch, config, 0, out);
    if (status != FV_OK)
        fv_config_free(ctx, config);
    fvi_free(ctx, words);
    return status;
}

static fv_status convert_weights(fv_ctx *ctx, const convert_args *o,
                                 const char *path, fv_model **out)
{
    fv_model *m;
    FV_TRY(new_model(ctx, o, &m));
    fv_status status = from_weights(ctx, o, path, m);
    if (status == FV_OK)
        *out = m;
    else
        fv_model_free(ctx, m);
    return status;
}

static bool is_fovea(const char *path)
{
    size_t n = strlen(path);
    return n > 6 && strcmp(path + n - 6, ".fovea") == 0;
}

/* A model keeps all that options say of weights. */
static fv_status check_model_options(fv_ctx *ctx, const convert_args *o,
                                     const char *from)
{
    for (const fv_field *f = options; f->kind != FV_KIND_END; f++) {
        char usage[128];
        if (strcmp(f->name, "weights") == 0 || !option_given(f, o))
            continue;
        option_usage(f, usage, sizeof usage);
        return fvi_fail(
            ctx, FV_EINVAL,
            "%s: is a model, which only --weights changes: leave out %s", from,
            usage);
    }
    return FV_OK;
}

static fv_status check_usage(cli *c, const convert_args *o, const char *from,
                             const char *to)
{
    if (!is_fovea(to))
        return fvi_fail(c->ctx, FV_EINVAL, "%s: expected a name with .fovea",
                        to);
    if (is_fovea(from))
        return check_model_options(c->ctx, o, from);
    if (!o->arch || !o->task)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "%s: weights alone are no model: --arch NAME and "
                        "--task segment or restore say what they are for",
                        from);
    return FV_OK;
}

static fv_status convert(cli *c, const convert_args *o, const char *from,
                         const char *to)
{
    fv_model *m;
    FV_TRY(refuse_existing(c, to));
    FV_TRY(is_fovea(from) ? fv_model_read(c->ctx, from, &m)
                          : convert_weights(c->ctx, o, from, &m));
    fv_status status = fv_model_write(c->ctx, to, m, weights_named(o->weights));
    if (status == FV_OK)
        printf("%s\t%s\t%lld parameters\n", to, m->arch->name,
               (long long)fv_param_count(m->graph, 1));
    fv_model_free(c->ctx, m);
    return status;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    if (check_usage(c, args, operands[0], operands[1]) != FV_OK) {
        cli_fail(c);
        return EXIT_USAGE;
    }
    if (convert(c, args, operands[0], operands[1]) == FV_OK)
        return EXIT_DONE;
    return cli_fail(c);
}

const fv_cmd cmd_convert = {
    .name = "convert",
    .summary = "make a model of weights that another program trained",
    .operands = "IN OUT.fovea",
    .example = "fovea convert dncnn_25.pth dncnn25.fovea --arch dncnn --set "
               "batch_norm=0 --task restore --normalize mean_std --deviation "
               "255",
    .details =
        "IN is a state dict of PyTorch (.pth, .pt) or a .safetensors file; "
        "nothing in it is run, and what is no tensor is refused. The weights "
        "must be those of --arch with --set, by name and extents. IN may also "
        "be a .fovea file, to write its numbers with 16 bits by --weights, the "
        "only option then (fovea tune --card gives it another card). "
        "Standard output says the file, the architecture and its parameters.",
    .options = options,
    .size = sizeof(convert_args),
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
