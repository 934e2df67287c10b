/* fovea segment: the objects of images, outlined and measured. */
#include "model/predict.h"
#include "picture.h"
#include "results.h"

#include <math.h>
#include <string.h>

typedef struct segment_args {
    const char *output, *model, *save, *precision, *backend, *augment;
    const char *diameter, *stain;
    int channel, tile, overlap;
} segment_args;

static const fv_field options[] = {
    FV_PATH(segment_args, output, NULL, "folder for the results, is made"),
    FV_PATH(segment_args, model, "nuclei", "built-in model, or a .fovea file"),
    FV_TEXT(segment_args, save, "labels,overlay,rois,geojson,csv",
            "what to write: labels, overlay, rois, geojson, csv, maps"),
    FV_TEXT(segment_args, diameter, "0",
            "diameter of the objects here in px; auto: estimated for each "
            "image; refine: then once more from the objects found; 0: as the "
            "model was trained"),
    FV_INT(segment_args, channel, 0, 0, 1000, "",
           "channel to use, from 1; 0: all that the model takes"),
    FV_CHOICE(segment_args, stain, "none", "none|h-dab|h-e",
              "look at the hematoxylin of an RGB image of a section alone, "
              "without the DAB or eosin"),
    FV_INT(segment_args, tile, 0, 0, 16384, "px",
           "side of the tiles of large images; 0: by memory"),
    FV_INT(segment_args, overlap, 0, 0, 4096, "px",
           "shared by neighboring tiles; 0: by what the network sees"),
    FV_CHOICE(segment_args, augment, "model", "model|none|flips|all", AUGMENT),
    FV_CHOICE(segment_args, precision, "f32", "f32|bf16", PRECISION_HELP),
    FV_TEXT(segment_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_END,
};

/* ---- what can be written ---- */

typedef struct result {
    const picture *picture;
    fv_tensor maps, labels;
} result;

static fv_status save_labels(cli *c, const char *path, const result *r)
{
    return fv_labels_write(c->ctx, path, r->labels, r->picture->image->pitch);
}

static fv_status save_overlay(cli *c, const char *path, const result *r)
{
    return fv_overlay_write(c->ctx, path, r->picture->plane, r->labels);
}

static fv_status save_rois(cli *c, const char *path, const result *r)
{
    return fv_rois_write(c->ctx, path, r->labels);
}

static fv_status save_geojson(cli *c, const char *path, const result *r)
{
    return fv_geojson_write(c->ctx, path, r->labels);
}

static fv_status save_csv(cli *c, const char *path, const result *r)
{
    fv_objects objects;
    FV_TRY(fv_measure(c->ctx, r->labels, r->picture->plane, &objects));
    fv_status status =
        fv_objects_write_csv(c->ctx, path, &objects, r->picture->image->pitch);
    fv_objects_free(c->ctx, &objects);
    return status;
}

/* Maps as channels of one image. */
static fv_status save_maps(cli *c, const char *path, const result *r)
{
    const int64_t *from = r->maps.dim;
    int64_t dim[3] = {from[2], from[0], from[1]};
    fv_image *im;
    FV_TRY(fv_image_new(c->ctx, FV_F32, "CYX", dim, &im));
    fv_tensor view = im->pixels;
    for (int i = 0; i < 3; i++) {
        view.dim[i] = from[i];
        view.stride[i] = im->pixels.stride[(i + 1) % 3];
    }
    memcpy(im->pitch, r->picture->image->pitch, sizeof im->pitch);
    fv_status status = fv_copy(c->ctx, r->maps, view);
    if (status == FV_OK)
        status = fv_image_write(c->ctx, path, im);
    fv_image_free(c->ctx, im);
    return status;
}

typedef fv_status (*save_result)(cli *c, const char *path, const result *r);

enum { LABELS, OVERLAY, ROIS, GEOJSON, CSV, MAPS, OUTPUTS };
static const result_kind kinds[OUTPUTS] = {
    {"labels", "_labels.tif"}, {"overlay", "_overlay.png"},
    {"rois", "_rois.zip"},     {"geojson", ".geojson"},
    {"csv", "_objects.csv"},   {"maps", "_maps.tif"},
};
static const save_result savers[OUTPUTS] = {
    save_labels, save_overlay, save_rois, save_geojson, save_csv, save_maps};

/* ---- one run ---- */

typedef struct job {
    cli *c;
    const segment_args *o;
    fv_model *model;
    fv_predictor *predictor;
    double diameter; /* for fv_predict_options */
    inputs in;
    results out;
    const result *now;     /* being saved */
    json_t *done, *failed; /* NULL without --json */
} job;

static fv_status save_kind(void *user, int kind, const char *path)
{
    const job *j = user;
    return savers[kind](j->c, path, j->now);
}

static fv_status report(const job *j, const char *path, const char *stem,
                        int64_t count, double seconds)
{
    double diameter = fv_predictor_diameter(j->predictor);
    if (!j->done) {
        tell_cell(path);
        printf("\t%lld\t%.2f", (long long)count, seconds);
        if (diameter > 0)
            printf("\t%.1f", diameter);
        putchar('\n');
        fflush(stdout);
        return FV_OK;
    }
    json_t *row = json_pack("{s:o, s:I, s:f}", "file", json_text(path),
                            "objects", (json_int_t)count, "seconds", seconds);
    if (diameter > 0)
        json_object_set_new(row, "diameter", json_real(diameter));
    return results_tell(&j->out, stem, row, j->done);
}

static bool wants(const job *j, int kind)
{
    return j->out.chosen & 1u << kind;
}

/* Labels and maps, if they are wanted, become files and are freed. */
static fv_status save_all(job *j, const picture *p, const char *stem, result *r)
{
    r->picture = p;
    j->now = r;
    fv_status status = results_save(&j->out, stem, save_kind, j);
    fv_plane_free(j->c->ctx, &r->labels);
    fv_plane_free(j->c->ctx, &r->maps);
    return status;
}

static bool has_stain(const job *j)
{
    return strcmp(j->o->stain, "none") != 0;
}

/* What a pixel without tissue shows: the most its type can hold. */
static double white(const picture *p)
{
    const float *x = p->plane.data;
    double most = 0;
    if (p->image->pixels.dtype == FV_U8 || p->image->pixels.dtype == FV_U16)
        return p->image->pixels.dtype == FV_U8 ? UINT8_MAX : UINT16_MAX;
    for (int64_t i = 0; i < fv_count(p->plane); i++)
        most = fmax(most, (double)x[i]);
    return most;
}

/* The objects of a picture, or of its hematoxylin. */
static fv_status find(job *j, const picture *p, result *r, int64_t *count)
{
    fv_ctx *ctx = j->c->ctx;
    fv_tensor *maps = wants(j, MAPS) ? &r->maps : NULL, alone;
    if (!has_stain(j))
        return fvi_segment(ctx, j->predictor, p->plane, p->image->rgb, maps,
                           &r->labels, count);
    FV_TRY(fv_hematoxylin(ctx, p->plane, white(p),
                          strcmp(j->o->stain, "h-e") == 0 ? FV_STAIN_H_E
                                                          : FV_STAIN_H_DAB,
                          &alone));
    fv_status status =
        fvi_segment(ctx, j->predictor, alone, 0, maps, &r->labels, count);
    fv_plane_free(ctx, &alone);
    return status;
}

static fv_status segment_whole(job *j, const char *path, const char *stem,
                               int64_t *count)
{
    picture p;
    result r = {.maps = {.ndim = -1}};
    FV_TRY(picture_read(j->c, path, j->o->channel, &p));
    fv_status status = find(j, &p, &r, count);
    if (status == FV_OK && *count == 0 && p.image->rgb && !has_stain(j))
        tell_note(j->c, path,
                  "nothing found; is it a section in brown and "
                  "blue? Then try --stain h-dab");
    if (status == FV_OK)
        status = save_all(j, &p, stem, &r);
    picture_free(j->c, &p);
    return status;
}

/* The network looks at an image that stays in its file; what needs the pixels
 * afterwards reads them when the maps are gone. */
static fv_status segment_large(job *j, const char *path, const char *stem,
                               int64_t *count)
{
    fv_ctx *ctx = j->c->ctx;
    picture p;
    fv_source *source;
    result r = {.maps = {.ndim = -1}};
    FV_TRY(fv_source_open(ctx, path, NULL, &source));
    fv_status status =
        fvi_segment_source(ctx, j->predictor, source, j->o->channel,
                           wants(j, MAPS) ? &r.maps : NULL, &r.labels, count);
    fv_source_close(source);
    FV_TRY(status);
    status = wants(j, OVERLAY) || wants(j, CSV)
                 ? picture_read(j->c, path, j->o->channel, &p)
                 : picture_header(j->c, path, &p);
    if (status == FV_OK) {
        status = save_all(j, &p, stem, &r);
        picture_free(j->c, &p);
        return status;
    }
    fv_plane_free(ctx, &r.labels);
    fv_plane_free(ctx, &r.maps);
    return status;
}

/* Planes of more numbers than this stay in their files. */
static const int64_t large = (int64_t)48 << 20;

static fv_status segment_image(job *j, const char *path, const char *stem,
                               int64_t *count)
{
    fv_image *im;
    FV_TRY(fv_image_read_header(j->c->ctx, path, &im));
    int64_t numbers =
        axis_extent(im, 'Y') * axis_extent(im, 'X') * im->channels;
    bool streams =
        numbers > large && !has_stain(j) && fvi_predict_streams(j->predictor);
    fv_status status = streams ? segment_large(j, path, stem, count)
                               : segment_whole(j, path, stem, count);
    status = picture_channels(j->c, status, im);
    fv_image_free(j->c->ctx, im);
    return status;
}

static fv_status segment_one(void *user, size_t index, const char *stem)
{
    job *j = user;
    const char *path = j->in.path[index];
    double start = clock_seconds();
    int64_t count = 0;
    FV_TRY(results_refuse(&j->out, &j->in, index, stem));
    fv_status status = segment_image(j, path, stem, &count);
    if (status == FV_OK)
        status = report(j, path, stem, count, clock_seconds() - start);
    return status;
}

/* ---- around it ---- */

/* A number of px, "auto" or "refine". */
static fv_status diameter_named(fv_ctx *ctx, const char *text, double *out)
{
    static const fv_field px[] = {
        FV_REAL(fv_predict_options, diameter, 0, 0, 10000, "px", ""), FV_END};
    fv_predict_options o;
    bool refine = strcmp(text, "refine") == 0;
    *out = refine ? FV_DIAMETER_REFINE : FV_DIAMETER_AUTO;
    if (refine || strcmp(text, "auto") == 0)
        return FV_OK;
    FV_TRY(fv_field_set(ctx, px, &o, "diameter", text));
    *out = o.diameter;
    return FV_OK;
}

static fv_status load_model(job *j)
{
    fv_ctx *ctx = j->c->ctx;
    FV_TRY(fvi_model_open(ctx, j->o->model, &j->model));
    fv_predict_options o = {.tile = j->o->tile,
                            .overlap = j->o->overlap,
                            .diameter = j->diameter,
                            .views = views_named(j->o->augment),
                            .backend = j->o->backend,
                            .precision = precision_named(j->o->precision)};
    if (o.diameter > 0 && j->model->diameter <= 0)
        tell_note(j->c, j->o->model,
                  "does not know the diameter it was "
                  "trained on, --diameter has no effect");
    return fv_predictor_new(ctx, j->model, o, &j->predictor);
}

static fv_status prepare(job *j, int count, char **operands)
{
    FV_TRY(load_model(j));
    FV_TRY(inputs_expand(j->c, count, operands, &j->in));
    return fvi_make_folder(j->c->ctx, j->o->output);
}

static int finish_json(job *j, int code)
{
    json_t *all = json_pack("{s:o, s:O, s:O}", "model", json_text(j->o->model),
                            "images", j->done, "failed", j->failed);
    int told = tell_json(j->c, all);
    return told == EXIT_DONE ? code : told;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    job j = {.c = c, .o = args};
    j.out = (results){c, j.o->output, kinds, OUTPUTS, 0};
    if (!j.o->output)
        (void)fvi_fail(c->ctx, FV_EINVAL, "segment: where to? -o FOLDER");
    if (!j.o->output || results_choose(&j.out, j.o->save) != FV_OK ||
        diameter_named(c->ctx, j.o->diameter, &j.diameter) != FV_OK) {
        cli_fail(c);
        return EXIT_USAGE;
    }
    if (c->json) {
        j.done = json_array();
        j.failed = json_array();
    }
    int code = EXIT_FAILED;
    if (prepare(&j, count, operands) == FV_OK)
        code = inputs_each(c, &j.in, j.failed, segment_one, &j);
    else
        cli_fail(c);
    if (c->json && j.model)
        code = finish_json(&j, code);
    json_decref(j.done);
    json_decref(j.failed);
    inputs_free(c, &j.in);
    fv_predictor_free(j.predictor);
    fv_model_free(c->ctx, j.model);
    return code;
}

const fv_cmd cmd_segment = {
    .name = "segment",
    .summary = "find, outline and measure the objects in images",
    .operands = "IMAGE...",
    .example = "fovea segment plate/*.tif -o results",
    .details =
        "Images are files, folders or quoted patterns. For each, the output "
        "folder receives NAME_labels.tif (label image), NAME_overlay.png (the "
        "image with outlines), NAME_rois.zip (ImageJ), NAME.geojson (QuPath), "
        "NAME_objects.csv (measurements) and, with --save maps, NAME_maps.tif "
        "(the network's answer). Standard output has one line per image: "
        "file, objects, seconds, and the diameter when one was given or "
        "estimated.",
    .options = options,
    .size = sizeof(segment_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
