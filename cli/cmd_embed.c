/* fovea embed: which images are alike, as a map of them. */
#include "atlas.h"
#include "model/model.h"
#include "output.h"
#include "picture.h"
#include "results.h"

#include <string.h>

typedef struct embed_args {
    const char *output, *csv, *model, *precision, *backend;
    int size, thumbnail, channel;
} embed_args;

static const fv_field options[] = {
    FV_PATH(embed_args, output, NULL, "the map, an image file"),
    FV_PATH(embed_args, csv, NULL, "file for a table of the places"),
    FV_PATH(embed_args, model, NULL, "built-in model, or a .fovea file"),
    FV_INT(embed_args, size, 1200, 64, 16384, "px", "side of the map"),
    FV_INT(embed_args, thumbnail, 48, 0, 1024, "px",
           "side of each image on it; 0: dots only"),
    FV_INT(embed_args, channel, 0, 0, 1000, "",
           "channel to use, from 1; 0: all that the model takes"),
    FV_CHOICE(embed_args, precision, "f32", "f32|bf16", PRECISION_HELP),
    FV_TEXT(embed_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_END,
};

typedef struct job {
    cli *c;
    const embed_args *o;
    fv_model *model;
    fv_embedder *embedder;
    inputs in;
    float *code; /* of one image */
    const char *path;
    atlas map;
    int64_t shown;
    json_t *failed; /* NULL without --json */
} job;

/* ---- one image ---- */

static fv_status embed_plane(void *user, const char *name, fv_tensor plane,
                             int rgb)
{
    job *j = user;
    FV_TRY(fv_embed(j->c->ctx, j->embedder, plane, rgb, j->code));
    return atlas_add(&j->map, j->path, name, plane, j->code);
}

static fv_status embed_one(void *user, size_t index, const char *stem)
{
    job *j = user;
    (void)stem;
    j->path = j->in.path[index];
    return picture_each(j->c, j->path, j->o->channel, embed_plane, j);
}

/* ---- the answer ---- */

static int64_t in_group(const atlas *a, int group)
{
    int64_t n = 0;
    for (int64_t i = 0; i < a->count; i++)
        n += atlas_group(a, i) == group;
    return n;
}

static void print_answer(const job *j)
{
    const atlas *a = &j->map;
    printf("images\t%lld\nshown\t%lld\n", (long long)a->count,
           (long long)j->shown);
    if (a->groups.count < 2)
        return;
    for (int k = 0; k < (int)a->groups.count; k++) {
        printf("folder\t");
        tell_cell(a->groups.name[k]);
        printf("\t%lld\t%s\n", (long long)in_group(a, k), atlas_color(k));
    }
    printf("nearest in the same folder\t%.4f\nby chance\t%.4f\n", a->share,
           a->chance);
}

static json_t *places(const atlas *a)
{
    json_t *all = json_array();
    const char *name = a->names.data;
    for (int64_t i = 0; i < a->count; i++, name += strlen(name) + 1)
        json_array_append_new(
            all,
            json_pack("{s:o, s:o, s:f, s:f}", "file", json_text(name), "folder",
                      json_text(a->groups.name[atlas_group(a, i)]), "x",
                      a->xy[2 * i], "y", a->xy[2 * i + 1]));
    return all;
}

static int tell_answer(const job *j)
{
    const atlas *a = &j->map;
    if (j->failed)
        return tell_json(
            j->c,
            json_pack("{s:o, s:o, s:o, s:f, s:f, s:O}", "model",
                      json_text(j->o->model), "map", json_text(j->o->output),
                      "images", places(a), "nearest_in_the_same_folder",
                      a->share, "by_chance", a->chance, "failed", j->failed));
    print_answer(j);
    return EXIT_DONE;
}

static fv_status write_all(job *j)
{
    FV_TRY(atlas_place(&j->map));
    if (j->o->csv)
        FV_TRY(atlas_write(&j->map, j->o->csv));
    return atlas_draw(&j->map, j->o->size, j->o->output, &j->shown);
}

static int finish(job *j, int code)
{
    if (j->map.count == 0)
        return code;
    if (write_all(j) != FV_OK)
        return cli_fail(j->c);
    int told = tell_answer(j);
    return told == EXIT_DONE ? code : told;
}

/* ---- around it ---- */

static fv_status load_model(job *j)
{
    fv_ctx *ctx = j->c->ctx;
    FV_TRY(fvi_model_open(ctx, j->o->model, &j->model));
    FV_TRY(fv_embedder_new(ctx, j->model, j->o->backend,
                           precision_named(j->o->precision), &j->embedder));
    j->map.numbers = fv_embedder_numbers(j->embedder);
    size_t n = (size_t)j->map.numbers;
    j->code = fvi_calloc(ctx, n, sizeof *j->code);
    return j->code ? FV_OK : FV_ENOMEM;
}

static fv_status check_usage(cli *c, const embed_args *o)
{
    if (!o->output)
        return fvi_fail(c->ctx, FV_EINVAL, "embed: where to? -o FILE.png");
    if (!o->model)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "embed: with which model? --model NAME or FILE");
    if (o->thumbnail > o->size)
        return fvi_fail(c->ctx, FV_EINVAL,
                        "embed: images of %d px do not fit on a map of %d",
                        o->thumbnail, o->size);
    return FV_OK;
}

static fv_status prepare(job *j, int count, char **operands)
{
    FV_TRY(refuse_existing(j->c, j->o->output));
    if (j->o->csv)
        FV_TRY(refuse_existing(j->c, j->o->csv));
    FV_TRY(load_model(j));
    return inputs_expand(j->c, count, operands, &j->in);
}

static void release(job *j)
{
    fv_ctx *ctx = j->c->ctx;
    json_decref(j->failed);
    inputs_free(j->c, &j->in);
    atlas_free(&j->map);
    fvi_free(ctx, j->code);
    fv_embedder_free(j->embedder);
    fv_model_free(ctx, j->model);
}

static int run(cli *c, const void *args, int count, char **operands)
{
    const embed_args *o = args;
    if (check_usage(c, o) != FV_OK) {
        cli_fail(c);
        return EXIT_USAGE;
    }
    fvi_text none = {.ctx = c->ctx};
    job j = {.c = c, .o = o};
    j.map = (atlas){.ctx = c->ctx,
                    .side = o->thumbnail,
                    .codes = none,
                    .names = none,
                    .small = none,
                    .group = none};
    if (c->json)
        j.failed = json_array();
    int code = EXIT_FAILED;
    if (prepare(&j, count, operands) == FV_OK)
        code = finish(&j, inputs_each(c, &j.in, j.failed, embed_one, &j));
    else
        cli_fail(c);
    release(&j);
    return code;
}

const fv_cmd cmd_embed = {
    .name = "embed",
    .summary = "draw a map on which images that are alike are close",
    .operands = "IMAGE...",
    .example = "fovea embed 'cells/*/*.png' --model run/model.fovea -o map.png",
    .details =
        "Images are files, folders, quoted patterns or an image file of MNIST. "
        "The model is an autoencoder (fovea train --task embed), whose "
        "bottleneck describes an image, or one for classification, of which "
        "that is what the last layer sees. Of more than two numbers the map "
        "shows the two principal components, x and y, stretched until they "
        "fill it. Every image is a dot, or is drawn itself where there is "
        "room; when they lie in several folders, colors tell these. --csv "
        "writes a table: file, x, y. Standard output says how many there are, "
        "and how often the nearest neighbor on the map lies in the same "
        "folder, beside how often that would be so by chance.",
    .options = options,
    .size = sizeof(embed_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
