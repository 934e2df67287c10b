/* fovea info: what is in an image or a model file. */
#include "model/model.h"
#include "picture.h"
#include "tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct info_args {
    int noise;
    double offset;
} info_args;

static const fv_field options[] = {
    FV_FLAG(info_args, noise,
            "measure the noise of images: gain, read noise, resolution"),
    FV_REAL(info_args, offset, 0, -1e6, 1e6, "counts",
            "noise: what the camera says where there is no light"),
    FV_END,
};

/* ---- images ---- */

typedef struct range {
    double min, low, median, high, max;
} range;

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Linear between order statistics, as numpy does by default. */
static double percentile(const float *sorted, int64_t count, double percent)
{
    double at = percent / 100 * (double)(count - 1);
    int64_t i = (int64_t)at, next = i + 1 < count ? i + 1 : i;
    double part = at - (double)i;
    return (1 - part) * (double)sorted[i] + part * (double)sorted[next];
}

static range range_of(fv_tensor plane, int64_t channel, float *room)
{
    int64_t channels = plane.dim[2], count = plane.dim[0] * plane.dim[1];
    const float *x = plane.data;
    for (int64_t i = 0; i < count; i++)
        room[i] = x[i * channels + channel];
    qsort(room, (size_t)count, sizeof *room, by_value);
    return (range){.min = (double)room[0],
                   .low = percentile(room, count, 1),
                   .median = percentile(room, count, 50),
                   .high = percentile(room, count, 99.8),
                   .max = (double)room[count - 1]};
}

static void describe_shape(const fv_image *im, char *buf, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < im->pixels.ndim && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%c %lld", i ? ", " : "",
                               im->axes[i], (long long)im->pixels.dim[i]);
}

/* The noise of one channel; NaN where it cannot be told. */
typedef struct grain {
    fv_noise noise;
    double resolution; /* px, by rings of the spectrum */
} grain;

/* Small, constant or clipped images do not tell, nor programs without FFTW. */
static bool untold(fv_status status)
{
    return status == FV_ESHAPE || status == FV_EINVAL || status == FV_ENOTSUP;
}

static fv_status measure_noise(cli *c, const info_args *o, const char *path,
                               fv_tensor one, fv_noise *out)
{
    fv_noise noise;
    fv_status status = fv_noise_estimate(c->ctx, one, o->offset, &noise);
    if (status == FV_OK)
        *out = noise;
    if (!untold(status))
        return status;
    tell_note(c, path, "%s", fv_message(c->ctx));
    *out = (fv_noise){.sigma = NAN,
                      .gain = NAN,
                      .intercept = NAN,
                      .read = NAN,
                      .low = NAN,
                      .high = NAN};
    return FV_OK;
}

static fv_status measure_grain(cli *c, const info_args *o, const char *path,
                               fv_tensor one, grain *out)
{
    fv_rings rings;
    *out = (grain){.resolution = NAN};
    FV_TRY(measure_noise(c, o, path, one, &out->noise));
    fv_status status = fv_ring_correlation_single(c->ctx, one, &rings);
    if (untold(status))
        return FV_OK;
    FV_TRY(status);
    out->resolution = rings.resolution;
    fv_rings_free(c->ctx, &rings);
    return FV_OK;
}

static void show_grain(int64_t channel, const grain *g)
{
    const fv_noise *n = &g->noise;
    printf("noise %lld\t", (long long)(channel + 1));
    if (isnan(n->sigma)) {
        printf("cannot be told\n");
        return;
    }
    printf("sigma %.4g counts, gain %.4g counts per electron, read noise %.4g "
           "counts",
           n->sigma, n->gain, n->read);
    if (n->gain > 0)
        printf(" (%.4g electrons)", n->read / n->gain);
    printf(", variance %.4g + %.4g counts between %.4g and %.4g", n->intercept,
           n->gain, n->low, n->high);
    if (!isnan(g->resolution))
        printf(", resolution %.3g px", g->resolution);
    putchar('\n');
}

static json_t *grain_json(const grain *g)
{
    const fv_noise *n = &g->noise;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "sigma",
                     json_number(n->sigma), "gain", json_number(n->gain),
                     "intercept", json_number(n->intercept), "read_noise",
                     json_number(n->read), "low", json_number(n->low), "high",
                     json_number(n->high), "levels", n->levels, "resolution_px",
                     json_number(g->resolution));
}

/* With --noise, of each channel; added to the last entry of `all`. */
static fv_status tell_noise(cli *c, const info_args *o, const char *path,
                            const picture *p, json_t *all)
{
    json_t *list = all ? json_array() : NULL;
    fv_status status = FV_OK;
    for (int64_t k = 0; k < p->plane.dim[2] && status == FV_OK; k++) {
        grain g;
        fv_tensor one = fv_slice(p->plane, 2, k, k + 1);
        one.ndim = 2;
        status = measure_grain(c, o, path, one, &g);
        if (status == FV_OK && all)
            json_array_append_new(list, grain_json(&g));
        else if (status == FV_OK)
            show_grain(k, &g);
    }
    if (all)
        json_object_set_new(json_array_get(all, json_array_size(all) - 1),
                            "noise", list);
    return status;
}

static void show_image(const char *path, const picture *p, float *room)
{
    static const char axis[] = "zyx";
    const fv_image *im = p->image;
    char shape[128];
    describe_shape(im, shape, sizeof shape);
    printf("file\t%s\naxes\t%s (%s)\ntype\t%s%s\n", path, im->axes, shape,
           fv_dtype_name(im->pixels.dtype), im->rgb ? ", RGB" : "");
    printf("pitch\t");
    bool known = false;
    for (int i = 0; i < 3; i++) {
        if (im->pitch[i] > 0)
            printf("%s%c %.6g um", known ? ", " : "", axis[i], im->pitch[i]);
        known = known || im->pitch[i] > 0;
    }
    printf("%s\n", known ? "" : "unknown");
    for (int64_t k = 0; k < p->plane.dim[2]; k++) {
        range r = range_of(p->plane, k, room);
        const char *name = k < im->channels && im->name ? im->name[k] : "";
        printf("channel %lld%s%s\tmin %g, 1 %% %g, median %g, 99.8 %% %g, max "
               "%g\n",
               (long long)(k + 1), *name ? " " : "", name, r.min, r.low,
               r.median, r.high, r.max);
    }
}

static json_t *image_json(const char *path, const picture *p, float *room)
{
    const fv_image *im = p->image;
    json_t *shape = json_array(), *channels = json_array();
    for (int i = 0; i < im->pixels.ndim; i++)
        json_array_append_new(shape, json_integer(im->pixels.dim[i]));
    for (int64_t k = 0; k < p->plane.dim[2]; k++) {
        range r = range_of(p->plane, k, room);
        const char *name = k < im->channels && im->name ? im->name[k] : "";
        json_array_append_new(channels,
                              json_pack("{s:o, s:f, s:f, s:f, s:f, s:f}",
                                        "name", json_text(name), "min", r.min,
                                        "p1", r.low, "median", r.median,
                                        "p99.8", r.high, "max", r.max));
    }
    return json_pack("{s:o, s:s, s:s, s:o, s:s, s:b, s:[f,f,f], s:o}", "file",
                     json_text(path), "kind", "image", "axes", im->axes,
                     "shape", shape, "dtype", fv_dtype_name(im->pixels.dtype),
                     "rgb", im->rgb, "pitch_um", im->pitch[0], im->pitch[1],
                     im->pitch[2], "channels", channels);
}

static fv_status info_image(cli *c, const info_args *o, const char *path,
                            json_t *all)
{
    picture p;
    FV_TRY(picture_read(c, path, 0, &p));
    size_t count = (size_t)(p.plane.dim[0] * p.plane.dim[1]);
    float *room = fvi_calloc(c->ctx, count, sizeof *room);
    if (room && all)
        json_array_append_new(all, image_json(path, &p, room));
    else if (room)
        show_image(path, &p, room);
    fv_status status = room ? FV_OK : FV_ENOMEM;
    if (room && o->noise)
        status = tell_noise(c, o, path, &p, all);
    fvi_free(c->ctx, room);
    picture_free(c, &p);
    return status;
}

/* ---- models ---- */

static void show_config(const fv_model *m)
{
    printf("config\t");
    const char *comma = "";
    for (const fv_field *f = m->arch->fields; f->kind != FV_KIND_END; f++) {
        char value[64];
        fv_field_get(f, m->config, value, sizeof value);
        printf("%s%s=%s", comma, f->name, value);
        comma = ",";
    }
    putchar('\n');
}

static void show_card(const char *text)
{
    json_t *card = json_loads(text, 0, NULL);
    const char *key;
    json_t *value;
    json_object_foreach(card, key, value)
    {
        char *flat = NULL;
        if (!json_is_string(value))
            flat = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                         JSON_REAL_PRECISION(6));
        printf("%s\t%s\n", key, flat ? flat : json_string_value(value));
        free(flat);
    }
    json_decref(card);
}

static void show_range(const fv_model *m)
{
    if (strcmp(m->normalize, "mean_std") != 0) {
        printf("percentiles\t%g %% to 0, %g %% to 1\n", m->percentile[0],
               m->percentile[1]);
        return;
    }
    for (int c = 0; c < fv_channels(m->graph, m->image); c++)
        printf("channel %d\tmean %g, deviation %g\n", c + 1, m->mean[c],
               m->deviation[c]);
}

static void show_task(const fv_model *m)
{
    printf("task\t%s\n", m->task);
    if (strcmp(m->task, "restore") == 0) {
        printf("uncertainty\t%s\n", m->uncertainty ? "yes" : "no");
    } else if (strcmp(m->task, "embed") == 0) {
        printf("side\t%d px\n", m->side);
    } else if (strcmp(m->task, "classify") == 0) {
        printf("side\t%d px\nclasses", m->side);
        for (int k = 0; k < m->classes; k++)
            printf("\t%s", m->class_names[k]);
        putchar('\n');
    } else {
        printf("target\t%s\nthreshold\t%g\nseed\t%g\nmin_area\t%lld px\n"
               "fill_holes\t%s\n",
               fv_target_name(m->target), m->decode.threshold, m->decode.seed,
               (long long)m->decode.min_area,
               m->decode.fill_holes ? "yes" : "no");
        if (m->views > 1)
            printf("views\t%d\n", m->views);
    }
}

static void show_diameter(const fv_model *m)
{
    if (m->diameter > 0)
        printf("diameter\t%g px%s%s\n", m->diameter,
               m->rescaled ? ", of every image" : "",
               m->size ? ", estimated by --diameter auto" : "");
    if (m->diameters[1] > 0)
        printf(
            "diameters\t%g to %g px (nine tenths of the objects trained on)\n",
            m->diameters[0], m->diameters[1]);
}

static void show_model(const char *path, const fv_model *m)
{
    char count[32];
    format_count(fv_param_count(m->graph, 1), count, sizeof count);
    printf("file\t%s\narchitecture\t%s (%s)\n", path, m->arch->name,
           m->arch->title);
    show_config(m);
    printf("parameters\t%s\nchannels\t%d\n", count,
           fv_channels(m->graph, m->image));
    show_range(m);
    show_diameter(m);
    if (m->pitch_um[1] > 0)
        printf("pitch\t%g to %g um\n", m->pitch_um[0], m->pitch_um[1]);
    show_task(m);
    printf("check\t%s\n", m->check_input.data ? "yes" : "no");
    show_card(m->card);
}

static json_t *config_json(const fv_model *m)
{
    json_t *config = json_object();
    for (const fv_field *f = m->arch->fields; f->kind != FV_KIND_END; f++) {
        char value[64];
        fv_field_get(f, m->config, value, sizeof value);
        bool text = f->kind > FV_KIND_FLAG;
        json_object_set_new(config, f->name,
                            text ? json_string(value)
                                 : json_real(strtod(value, NULL)));
    }
    return config;
}

static json_t *decode_json(const fv_model *m)
{
    return json_pack("{s:f, s:f, s:I, s:b, s:i}", "threshold",
                     m->decode.threshold, "seed", m->decode.seed, "min_area",
                     (json_int_t)m->decode.min_area, "fill_holes",
                     m->decode.fill_holes, "views", m->views ? m->views : 1);
}

static json_t *model_json(const char *path, const fv_model *m)
{
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:I, s:i, s:[f,f], s:f, s:[f,f], s:b, s:b, "
        "s:[f,f], s:s, s:s, s:o, s:o, s:o}",
        "file", json_text(path), "kind", "model", "arch", m->arch->name,
        "config", config_json(m), "parameters",
        (json_int_t)fv_param_count(m->graph, 1), "channels",
        fv_channels(m->graph, m->image), "percentile", m->percentile[0],
        m->percentile[1], "diameter", m->diameter, "diameters", m->diameters[0],
        m->diameters[1], "rescaled", m->rescaled, "estimates_diameter",
        m->size != NULL, "pitch_um", m->pitch_um[0], m->pitch_um[1], "task",
        m->task, "target", fv_target_name(m->target), "decode", decode_json(m),
        "card", json_loads(m->card, 0, NULL), "history",
        json_loads(m->history, 0, NULL));
}

static fv_status info_model(cli *c, const char *name, json_t *all)
{
    char *path;
    fv_model *m;
    FV_TRY(fv_model_locate(c->ctx, NULL, name, &path));
    fv_status status = fv_model_read(c->ctx, path, &m);
    if (status == FV_OK) {
        if (all)
            json_array_append_new(all, model_json(path, m));
        else
            show_model(path, m);
        fv_model_free(c->ctx, m);
    }
    fv_text_free(c->ctx, path);
    return status;
}

/* Does the file begin as safetensors: the length of a header, and JSON? What
 * images begin with would be a header of gigabytes. */
static bool begins_as_model(const char *path)
{
    unsigned char head[9] = {0};
    uint64_t length = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | head[i];
    return n == sizeof head && head[8] == '{' && length < (uint64_t)1 << 30;
}

/* A name without a file is a built-in model. */
static bool is_model(const char *name)
{
    size_t n = strlen(name);
    if (n > 6 && strcmp(name + n - 6, ".fovea") == 0)
        return true;
    return fvi_is_file(name) ? begins_as_model(name) : !strpbrk(name, "/.");
}

static int run(cli *c, const void *args, int count, char **operands)
{
    json_t *all = c->json ? json_array() : NULL;
    int failed = 0;
    for (int i = 0; i < count; i++) {
        const char *name = operands[i];
        fv_status status = is_model(name) ? info_model(c, name, all)
                                          : info_image(c, args, name, all);
        if (!all && i + 1 < count)
            putchar('\n');
        if (status == FV_OK)
            continue;
        cli_fail_in(c, name);
        failed += status == FV_ECANCEL ? count - i : 1;
        if (status == FV_ECANCEL)
            break;
    }
    if (all && count == 1 && json_array_size(all) == 1) {
        json_t *only = json_incref(json_array_get(all, 0));
        json_decref(all);
        all = only;
    }
    if (all && tell_json(c, all) != EXIT_DONE)
        return EXIT_FAILED;
    return failed == 0 ? EXIT_DONE : failed < count ? EXIT_SOME : EXIT_FAILED;
}

const fv_cmd cmd_info = {
    .name = "info",
    .summary = "tell what is in an image or a model file",
    .operands = "MODEL|IMAGE...",
    .example = "fovea info nuclei cells.tif",
    .details = "Images: axes, type, pixel pitch and the range of values of "
               "the plane that segment would use; with --noise also gain and "
               "read noise, from how the variance grows with the mean, and "
               "the resolution, from how well every second pixel agrees with "
               "the others (never under 4 px). "
               "Models: architecture, thresholds and card.",
    .options = options,
    .size = sizeof(info_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
