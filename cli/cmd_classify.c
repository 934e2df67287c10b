/* fovea classify: what images show. */
#include "model/model.h"
#include "output.h"
#include "picture.h"
#include "results.h"

#include <string.h>

typedef struct classify_args {
    const char *model, *embedding, *precision, *backend;
    int top, channel;
} classify_args;

static const fv_field options[] = {
    FV_PATH(classify_args, model, NULL, "built-in model, or a .fovea file"),
    FV_PATH(classify_args, embedding, NULL,
            "file (.npy or .csv) for what the last layer sees of each image"),
    FV_INT(classify_args, top, 0, 0, 100000, "classes",
           "give only so many, the most probable first; 0: all"),
    FV_INT(classify_args, channel, 0, 0, 1000, "",
           "channel to use, from 1; 0: all that the model takes"),
    FV_CHOICE(classify_args, precision, "f32", "f32|bf16", PRECISION_HELP),
    FV_TEXT(classify_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_END,
};

typedef struct job {
    cli *c;
    const classify_args *o;
    fv_model *model;
    fv_classifier *classifier;
    inputs in;
    float *probability, *features; /* of one image */
    int *order;                    /* classes, the most probable first */
    fvi_text table;                /* features of all: floats or CSV */
    int64_t rows;
    bool csv;
    json_t *done, *failed; /* NULL without --json */
} job;

/* ---- one image ---- */

static void sort_classes(job *j)
{
    const float *p = j->probability;
    for (int i = 0; i < j->model->classes; i++) {
        int k = i;
        for (; k > 0 && p[j->order[k - 1]] < p[i]; k--)
            j->order[k] = j->order[k - 1];
        j->order[k] = i;
    }
}

static int shown(const job *j)
{
    int all = j->model->classes;
    return j->o->top > 0 && j->o->top < all ? j->o->top : all;
}

static void print_class(const job *j, int k)
{
    putchar('\t');
    tell_cell(j->model->class_names[k]);
}

static void print_head(const job *j)
{
    printf("file\tclass");
    for (int k = 0; k < j->model->classes && j->o->top == 0; k++)
        print_class(j, k);
    if (j->o->top > 0)
        for (int k = 1; k <= shown(j); k++)
            printf("\tclass_%d\tprobability_%d", k, k);
    putchar('\n');
}

static void print_row(const job *j, const char *path)
{
    tell_cell(path);
    print_class(j, j->order[0]);
    for (int i = 0; i < shown(j); i++) {
        int k = j->o->top == 0 ? i : j->order[i];
        if (j->o->top > 0)
            print_class(j, k);
        printf("\t%.6f", (double)j->probability[k]);
    }
    putchar('\n');
    fflush(stdout);
}

static void note_row(const job *j, const char *path)
{
    char **name = j->model->class_names;
    json_t *all = json_object();
    for (int i = 0; i < shown(j); i++) {
        int k = j->order[i];
        json_object_set_new(all, name[k],
                            json_number((double)j->probability[k]));
    }
    json_array_append_new(
        j->done, json_pack("{s:o, s:s, s:o}", "file", json_text(path), "class",
                           name[j->order[0]], "probability", all));
}

/* One row of features behind those before it. */
static fv_status keep_features(job *j, const char *path)
{
    int n = fv_classifier_features(j->classifier);
    j->rows++;
    if (!j->csv) {
        fvi_text_bytes(&j->table, j->features, (size_t)n * sizeof(float));
        return fvi_text_check(&j->table);
    }
    tell_field(&j->table, path);
    for (int i = 0; i < n; i++)
        fvi_text_add(&j->table, ",%.9g", (double)j->features[i]);
    fvi_text_add(&j->table, "\n");
    return fvi_text_check(&j->table);
}

static fv_status classify_plane(void *user, const char *name, fv_tensor plane,
                                int rgb)
{
    job *j = user;
    FV_TRY(fv_classify(j->c->ctx, j->classifier, plane, rgb, j->probability,
                       j->features));
    if (j->features)
        FV_TRY(keep_features(j, name));
    sort_classes(j);
    if (j->done)
        note_row(j, name);
    else
        print_row(j, name);
    return FV_OK;
}

static fv_status classify_one(void *user, size_t index, const char *stem)
{
    job *j = user;
    (void)stem;
    return picture_each(j->c, j->in.path[index], j->o->channel, classify_plane,
                        j);
}

/* ---- embeddings ---- */

static fv_status write_npy(job *j)
{
    int64_t dim[2] = {j->rows, fv_classifier_features(j->classifier)};
    fv_image *im;
    FV_TRY(fv_image_new(j->c->ctx, FV_F32, "YX", dim, &im));
    memcpy(im->pixels.data, j->table.data, j->table.size);
    fv_status status = fv_image_write(j->c->ctx, j->o->embedding, im);
    fv_image_free(j->c->ctx, im);
    return status;
}

static fv_status write_features(job *j)
{
    if (!j->o->embedding || j->rows == 0)
        return FV_OK;
    return j->csv ? fvi_file_write(j->c->ctx, j->o->embedding, j->table.data,
                                   j->table.size)
                  : write_npy(j);
}

static fv_status begin_features(job *j)
{
    int n = fv_classifier_features(j->classifier);
    if (!j->o->embedding)
        return FV_OK;
    size_t length = strlen(j->o->embedding);
    j->csv = length > 4 && strcmp(j->o->embedding + length - 4, ".csv") == 0;
    if (!j->csv &&
        (length < 5 || strcmp(j->o->embedding + length - 4, ".npy") != 0))
        return fvi_fail(j->c->ctx, FV_EINVAL,
                        "--embedding: %s ends in neither .npy nor .csv",
                        j->o->embedding);
    FV_TRY(refuse_existing(j->c, j->o->embedding));
    j->features = fvi_calloc(j->c->ctx, (size_t)n, sizeof *j->features);
    if (!j->features)
        return FV_ENOMEM;
    if (j->csv)
        fvi_text_add(&j->table, "file");
    for (int i = 0; i < n && j->csv; i++)
        fvi_text_add(&j->table, ",f%d", i);
    if (j->csv)
        fvi_text_add(&j->table, "\n");
    return fvi_text_check(&j->table);
}

/* ---- around it ---- */

static fv_status load_model(job *j)
{
    fv_ctx *ctx = j->c->ctx;
    FV_TRY(fvi_model_open(ctx, j->o->model, &j->model));
    FV_TRY(fv_classifier_new(ctx, j->model, j->o->backend,
                             precision_named(j->o->precision), &j->classifier));
    size_t n = (size_t)j->model->classes + 1;
    j->probability = fvi_calloc(ctx, n, sizeof *j->probability);
    j->order = fvi_calloc(ctx, n, sizeof *j->order);
    return j->probability && j->order ? FV_OK : FV_ENOMEM;
}

static fv_status prepare(job *j, int count, char **operands)
{
    FV_TRY(load_model(j));
    FV_TRY(begin_features(j));
    FV_TRY(inputs_expand(j->c, count, operands, &j->in));
    if (!j->done)
        print_head(j);
    return FV_OK;
}

static int finish(job *j, int code)
{
    if (write_features(j) != FV_OK)
        code = cli_fail(j->c);
    if (!j->done)
        return code;
    int told = tell_json(j->c, json_pack("{s:o, s:O, s:O}", "model",
                                         json_text(j->o->model), "images",
                                         j->done, "failed", j->failed));
    return told == EXIT_DONE ? code : told;
}

static void release(job *j)
{
    fv_ctx *ctx = j->c->ctx;
    json_decref(j->done);
    json_decref(j->failed);
    inputs_free(j->c, &j->in);
    fvi_text_free(&j->table);
    fvi_free(ctx, j->probability);
    fvi_free(ctx, j->features);
    fvi_free(ctx, j->order);
    fv_classifier_free(j->classifier);
    fv_model_free(ctx, j->model);
}

static int run(cli *c, const void *args, int count, char **operands)
{
    job j = {.c = c, .o = args, .table = {.ctx = c->ctx}};
    if (!j.o->model) {
        (void)fvi_fail(c->ctx, FV_EINVAL,
                       "classify: with which model? --model NAME or FILE");
        cli_fail(c);
        return EXIT_USAGE;
    }
    if (c->json) {
        j.done = json_array();
        j.failed = json_array();
    }
    int code = EXIT_FAILED;
    if (prepare(&j, count, operands) == FV_OK)
        code = finish(&j, inputs_each(c, &j.in, j.failed, classify_one, &j));
    else
        cli_fail(c);
    release(&j);
    return code;
}

const fv_cmd cmd_classify = {
    .name = "classify",
    .summary = "say which class each image belongs to",
    .operands = "IMAGE...",
    .example = "fovea classify cells/*.png --model blood-cells > classes.tsv",
    .details =
        "Images are files, folders, quoted patterns or an image file of MNIST "
        "(NAME-images-idx3-ubyte.gz). Standard output is a table with tabs: "
        "file, the most probable class, and the probability of each class "
        "under its name, or with --top K the K most probable classes with "
        "their probabilities. In names, \\t, \\n, \\r and \\\\ stand for what "
        "would break a row. --embedding writes what the last layer of the "
        "network sees, one row per image.",
    .options = options,
    .size = sizeof(classify_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
