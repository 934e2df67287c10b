/* fovea plan: the layers of a network, their shapes, parameters, work and
 * memory, settled without allocating any of it. */
#include "model/model.h"
#include "options.h"
#include "tell.h"

#include <string.h>

typedef struct plan_args {
    const char *set, *precision, *backend;
    int tile, batch, train;
    double pitch;
} plan_args;

static const fv_field options[] = {
    FV_TEXT(plan_args, set, NULL,
            "settings of an architecture, as in=3,out=6,kernel=9"),
    FV_INT(plan_args, tile, 256, 1, 65536, "px",
           "side of the input, rounded up to what the network takes"),
    FV_INT(plan_args, batch, 1, 1, 65536, "", "inputs at a time"),
    FV_FLAG(plan_args, train, "plan for training rather than for use"),
    FV_REAL(plan_args, pitch, 0, 0, 1000, "um",
            "pixel pitch, for the receptive field in micrometers"),
    FV_CHOICE(plan_args, precision, "f32", "f32|bf16", PRECISION_HELP),
    FV_TEXT(plan_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_END,
};

/* What is planned: an architecture with settings, or a model's. */
typedef struct subject {
    const fv_arch *arch;
    void *config;
    char *words; /* text of the settings */
    fv_graph *graph;
    fv_val image, answer;
    fv_model *model; /* owns graph and config when not NULL */
    double pitch;
} subject;

static void subject_free(fv_ctx *ctx, subject *s)
{
    if (s->model) {
        fv_model_free(ctx, s->model);
    } else {
        fv_graph_free(s->graph);
        if (s->config)
            fv_config_free(ctx, s->config);
    }
    fvi_free(ctx, s->words);
}

static const fv_arch *arch_called(const char *name)
{
    for (const fv_arch *const *a = fv_arch_list(); *a; a++)
        if (strcmp((*a)->name, name) == 0)
            return *a;
    return NULL;
}

static fv_status from_arch(fv_ctx *ctx, const plan_args *o, subject *s)
{
    FV_TRY(fv_config_new(ctx, s->arch, &s->config));
    FV_TRY(set_list(ctx, s->arch->fields, s->config, o->set, &s->words));
    return fv_arch_build(ctx, s->arch, s->config, &s->graph, &s->image,
                         &s->answer);
}

static fv_status from_model(fv_ctx *ctx, const plan_args *o, const char *name,
                            subject *s)
{
    if (o->set)
        return fvi_fail(ctx, FV_EINVAL,
                        "'%s' is no architecture: --set needs one", name);
    FV_TRY(fvi_model_open(ctx, name, &s->model));
    s->arch = s->model->arch;
    s->config = s->model->config;
    s->graph = s->model->graph;
    s->image = s->model->image;
    s->answer = s->model->answer;
    s->pitch = s->model->pitch_um[0];
    return FV_OK;
}

static fv_status unknown_name(fv_ctx *ctx, const char *name)
{
    fvi_text list = {.ctx = ctx};
    for (const fv_arch *const *a = fv_arch_list(); *a; a++)
        fvi_text_add(&list, "%s%s", a == fv_arch_list() ? "" : ", ",
                     (*a)->name);
    fv_status status = fvi_text_check(&list);
    if (status == FV_OK)
        status = fvi_fail(ctx, FV_EINVAL,
                          "there is no model or architecture '%s'; "
                          "architectures: %s",
                          name, list.data);
    fvi_text_free(&list);
    return status;
}

static fv_status find_subject(fv_ctx *ctx, const plan_args *o, const char *name,
                              subject *s)
{
    s->arch = arch_called(name);
    if (s->arch)
        return from_arch(ctx, o, s);
    fv_status status = from_model(ctx, o, name, s);
    if (status == FV_EINVAL && !o->set)
        return unknown_name(ctx, name);
    return status;
}

static fv_tensor input_shape(const plan_args *o, const subject *s)
{
    fv_tensor shape = fv_shape(s->graph, s->image);
    int64_t multiple = s->arch->multiple ? s->arch->multiple(s->config) : 1;
    int64_t side = (o->tile + multiple - 1) / multiple * multiple;
    if (s->arch->side)
        side = s->arch->side(s->config);
    shape.dim[0] = o->batch;
    for (int i = 1; i < shape.ndim - 1; i++)
        if (shape.dim[i] < 0)
            shape.dim[i] = side;
    return fv_dense(NULL, FV_F32, shape.ndim, shape.dim);
}

/* ---- what is told ---- */

typedef struct facts {
    fv_tensor input;
    fv_plan_row *row;
    size_t rows, activations, packed;
    int64_t trained, all, field[3];
    double work, weights;
} facts;

/* One answer for the whole image sees all of it; so do linear layers inside a
 * network for images of one side. */
static fv_status find_field(fv_ctx *ctx, const subject *s, facts *f)
{
    int rank = s->arch->rank;
    bool whole = s->arch->side || fv_shape(s->graph, s->answer).ndim < rank + 2;
    if (rank > 0 && !whole)
        return fv_receptive_field(ctx, s->graph, s->image, s->answer, f->field);
    for (int i = 0; i < rank; i++)
        f->field[i] = f->input.dim[1 + i];
    return FV_OK;
}

static fv_status gather(fv_ctx *ctx, const plan_args *o, const subject *s,
                        const fv_plan *plan, facts *f)
{
    f->rows = fv_plan_rows(plan, NULL, 0);
    f->row = fvi_calloc(ctx, f->rows + 1, sizeof *f->row);
    if (!f->row)
        return FV_ENOMEM;
    fv_plan_rows(plan, f->row, f->rows);
    for (size_t i = 0; i < f->rows; i++)
        f->work += f->row[i].work;
    f->activations = fv_plan_memory(plan);
    f->packed = fv_plan_packed(plan);
    f->trained = fv_param_count(s->graph, 1);
    f->all = fv_param_count(s->graph, 0);
    f->weights = o->train ? fv_train_bytes(s->graph) : 4.0 * (double)f->all;
    return find_field(ctx, s, f);
}

static void show_rows(const cli *c, const facts *f)
{
    printf("%-24s %-16s %-8s %-24s %13s %11s\n", "layer", "operation", "kernel",
           "shape", "parameters", "mult-adds");
    for (size_t i = 0; i < f->rows; i++) {
        const fv_plan_row *r = &f->row[i];
        char shape[80], params[32], op[64];
        fv_describe(r->out, shape, sizeof shape);
        format_count(r->params, params, sizeof params);
        snprintf(op, sizeof op, "%s%s%s", r->op,
                 r->fused && *r->fused ? "+" : "", r->fused ? r->fused : "");
        printf("%-24s %-16s %-8s %-24s %13s %11.4g%s\n", r->node, op,
               r->kernel ? r->kernel : "", shape, params, r->work,
               r->precision == FV_BF16 ? " bf16" : "");
        if (c->verbose && r->declined && *r->declined)
            printf("%-24s   %s\n", "", r->declined);
    }
}

static void show_field(const plan_args *o, const subject *s, const facts *f)
{
    double pitch = o->pitch > 0 ? o->pitch : s->pitch;
    if (s->arch->rank == 0)
        return;
    printf("receptive field\t");
    for (int i = 0; i < s->arch->rank; i++)
        printf("%s%lld", i ? " x " : "", (long long)f->field[i]);
    printf(" px");
    for (int i = 0; pitch > 0 && i < s->arch->rank; i++)
        printf("%s%.4g", i ? " x " : ", ", (double)f->field[i] * pitch);
    printf("%s\n", pitch > 0 ? " um" : "");
}

static void show_text(const cli *c, const plan_args *o, const subject *s,
                      const facts *f)
{
    char input[80], count[32], bytes[32];
    show_rows(c, f);
    fv_describe(f->input, input, sizeof input);
    printf("\narchitecture\t%s (%s; %s)\n", s->arch->name, s->arch->title,
           s->arch->cite);
    printf("input\t%s\n", input);
    format_count(f->trained, count, sizeof count);
    printf("parameters\t%s\n", count);
    if (f->all != f->trained) {
        format_count(f->all - f->trained, count, sizeof count);
        printf("running values\t%s\n", count);
    }
    show_field(o, s, f);
    printf("multiply-adds\t%.6g\n", f->work);
    format_bytes((double)f->activations, bytes, sizeof bytes);
    printf("memory\t%s of activations", bytes);
    format_bytes(f->weights, bytes, sizeof bytes);
    printf(", %s of weights%s", bytes,
           o->train ? ", the best ones, gradients and moments" : "");
    format_bytes((double)f->packed, bytes, sizeof bytes);
    if (f->packed)
        printf(", %s of weights as kernels read them", bytes);
    putchar('\n');
}

static json_t *shape_json(fv_tensor t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t.ndim; i++)
        json_array_append_new(shape, json_integer(t.dim[i]));
    return shape;
}

static json_t *row_json(const fv_plan_row *r)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:f, s:I, s:I}", "layer",
        r->node, "precision", r->precision == FV_BF16 ? "bf16" : "f32",
        "operation", r->op, "kernel", r->kernel ? r->kernel : "", "fused",
        r->fused ? r->fused : "", "declined", r->declined ? r->declined : "",
        "shape", shape_json(r->out), "parameters", (json_int_t)r->params,
        "multiply_adds", r->work, "offset", (json_int_t)r->offset, "bytes",
        (json_int_t)r->size);
}

static int show_json(cli *c, const plan_args *o, const subject *s,
                     const facts *f)
{
    double pitch = o->pitch > 0 ? o->pitch : s->pitch;
    json_t *layers = json_array(), *px = json_array(), *um = json_array();
    for (size_t i = 0; i < f->rows; i++)
        json_array_append_new(layers, row_json(&f->row[i]));
    for (int i = 0; i < s->arch->rank; i++) {
        json_array_append_new(px, json_integer(f->field[i]));
        if (pitch > 0)
            json_array_append_new(um, json_real((double)f->field[i] * pitch));
    }
    return tell_json(
        c, json_pack("{s:s, s:b, s:o, s:I, s:I, s:o, s:o, s:f, s:I, s:f, s:I, "
                     "s:o}",
                     "architecture", s->arch->name, "train", o->train, "input",
                     shape_json(f->input), "parameters", (json_int_t)f->trained,
                     "running_values", (json_int_t)(f->all - f->trained),
                     "receptive_field_px", px, "receptive_field_um", um,
                     "multiply_adds", f->work, "activation_bytes",
                     (json_int_t)f->activations, "weight_bytes", f->weights,
                     "packed_bytes", (json_int_t)f->packed, "layers", layers));
}

/* With --max-memory: would it fit? */
static int check_room(cli *c, const plan_args *o, const subject *s,
                      const facts *f)
{
    char what[96];
    snprintf(what, sizeof what, "%s %s", o->train ? "training" : "running",
             s->arch->name);
    double bytes = (double)(f->activations + f->packed) + f->weights;
    if (!c->limited || fvi_room(c->ctx, bytes, what) == FV_OK)
        return EXIT_DONE;
    return cli_fail(c);
}

static int show(cli *c, const plan_args *o, const subject *s)
{
    facts f = {.input = input_shape(o, s)};
    fv_plan_options how = {.mode = o->train ? FV_TRAIN : FV_INFER,
                           .backend = o->backend,
                           .precision = precision_named(o->precision),
                           .dry = 1};
    fv_plan *plan;
    if (fv_plan_new(c->ctx, s->graph, &f.input, how, NULL, NULL, &plan) !=
        FV_OK)
        return cli_fail(c);
    int code = EXIT_DONE;
    if (gather(c->ctx, o, s, plan, &f) != FV_OK)
        code = cli_fail(c);
    else if (c->json)
        code = show_json(c, o, s, &f);
    else
        show_text(c, o, s, &f);
    if (code == EXIT_DONE)
        code = check_room(c, o, s, &f);
    fvi_free(c->ctx, f.row);
    fv_plan_free(plan);
    return code;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    const plan_args *o = args;
    subject s = {0};
    int code = EXIT_FAILED;
    if (find_subject(c->ctx, o, operands[0], &s) == FV_OK)
        code = show(c, o, &s);
    else
        cli_fail(c);
    subject_free(c->ctx, &s);
    return code;
}

const fv_cmd cmd_plan = {
    .name = "plan",
    .summary = "show the layers, parameters, work and memory of a network",
    .operands = "MODEL|ARCHITECTURE",
    .example = "fovea plan unet --set depth=3,base=32 --tile 256 --train",
    .details = "Takes a model file, a built-in model, or the name of an "
               "architecture; a name it does not know makes it list them. "
               "Nothing is allocated, so that any size can be asked for; an "
               "architecture of one side is planned for that. With "
               "--max-memory it fails when the network would need more. -v "
               "tells why a faster kernel was not taken.",
    .options = options,
    .size = sizeof(plan_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
