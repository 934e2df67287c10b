/* fovea measure: the table of objects of an image and its labels. */
#include "output.h"
#include "picture.h"
#include "task/task.h"
#include "tell.h"

#include <math.h>

typedef struct measure_args {
    const char *output;
} measure_args;

static const fv_field options[] = {
    FV_PATH(
        measure_args, output, NULL,
        "file for the table, in place of standard output; with --json both"),
    FV_END,
};

static json_t *object_json(const fv_objects *all, int64_t k)
{
    const fv_object *o = &all->object[k];
    json_t *mean = json_array(), *most = json_array(), *least = json_array();
    for (int ch = 0; ch < all->channels; ch++) {
        const double *v = all->intensities + 3 * (k * all->channels + ch);
        json_array_append_new(mean, json_number(v[0]));
        json_array_append_new(least, json_number(v[1]));
        json_array_append_new(most, json_number(v[2]));
    }
    return json_pack(
        "{s:I, s:I, s:[f,f], s:[I,I,I,I], s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o}",
        "label", (json_int_t)o->label, "area", (json_int_t)o->area, "centroid",
        o->center[0], o->center[1], "bbox", (json_int_t)o->box[0],
        (json_int_t)o->box[1], (json_int_t)o->box[2], (json_int_t)o->box[3],
        "eccentricity", json_number(o->eccentricity), "solidity",
        json_number(o->solidity), "perimeter", json_number(o->perimeter),
        "axis_major_length", json_number(o->major), "axis_minor_length",
        json_number(o->minor), "orientation", json_number(o->orientation),
        "intensity_mean", mean, "intensity_max", most, "intensity_min", least);
}

static int show_json(cli *c, const fv_objects *all, const double pitch[3])
{
    json_t *list = json_array();
    for (int64_t k = 0; k < all->count; k++)
        json_array_append_new(list, object_json(all, k));
    return tell_json(c, json_pack("{s:[f,f], s:o}", "pitch_um", pitch[1],
                                  pitch[2], "objects", list));
}

static int show_table(cli *c, const fv_objects *all, const double pitch[3])
{
    fvi_text t = {.ctx = c->ctx};
    fvi_objects_text(&t, all, pitch);
    fv_status status = fvi_text_check(&t);
    if (status == FV_OK)
        fwrite(t.data, 1, t.size, stdout);
    fvi_text_free(&t);
    return status == FV_OK ? EXIT_DONE : cli_fail(c);
}

static int show(cli *c, const measure_args *o, const fv_objects *all,
                const double pitch[3])
{
    fv_status status = FV_OK;
    if (o->output)
        status = refuse_existing(c, o->output);
    if (status == FV_OK && o->output)
        status = fv_objects_write_csv(c->ctx, o->output, all, pitch);
    if (status != FV_OK)
        return cli_fail(c);
    if (c->json)
        return show_json(c, all, pitch);
    return o->output ? EXIT_DONE : show_table(c, all, pitch);
}

static fv_status measure(cli *c, const picture *p, const char *label_path,
                         fv_objects *out)
{
    fv_image *labels;
    FV_TRY(fv_labels_read(c->ctx, label_path, NULL, &labels));
    const int64_t *a = p->plane.dim, *b = labels->pixels.dim;
    fv_status status = FV_OK;
    if (a[0] != b[0] || a[1] != b[1])
        status = fvi_fail(c->ctx, FV_ESHAPE,
                          "%s: is %lld x %lld px, its image is %lld x %lld px",
                          label_path, (long long)b[1], (long long)b[0],
                          (long long)a[1], (long long)a[0]);
    if (status == FV_OK)
        status = fv_measure(c->ctx, labels->pixels, p->plane, out);
    fv_image_free(c->ctx, labels);
    return status;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    picture p;
    fv_objects objects;
    if (picture_read(c, operands[0], 0, &p) != FV_OK) {
        cli_fail_in(c, operands[0]);
        return EXIT_FAILED;
    }
    int code = EXIT_FAILED;
    if (measure(c, &p, operands[1], &objects) == FV_OK) {
        code = show(c, args, &objects, p.image->pitch);
        fv_objects_free(c->ctx, &objects);
    } else {
        cli_fail(c);
    }
    picture_free(c, &p);
    return code;
}

const fv_cmd cmd_measure = {
    .name = "measure",
    .summary = "measure the objects of a label image",
    .operands = "IMAGE LABELS",
    .example = "fovea measure cells.tif cells_labels.tif > cells.csv",
    .details = "One line per object with the names of skimage's regionprops: "
               "label, area, centroid, bbox, shape, and intensity of each "
               "channel; with a known pixel pitch also in micrometers.",
    .options = options,
    .size = sizeof(measure_args),
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
