/* fovea doctor: what this program is made of, and whether it works here. */
#include "check.h"
#include "model/model.h"
#include "task/fft.h"
#include "tell.h"

#include <string.h>
#include <unistd.h>

static const fv_field options[] = {FV_END};

typedef struct report {
    cli *c;
    json_t *json; /* NULL without --json */
    int bad;
} report;

static void say(report *r, const char *key, const char *value)
{
    if (r->json)
        json_object_set_new(r->json, key, json_text(value));
    else
        printf("%s\t%s\n", key, value);
}

static void say_cpu(report *r)
{
    char text[256] = "unknown features";
#if defined(__x86_64__)
    snprintf(text, sizeof text, "x86-64%s%s%s%s%s%s",
             __builtin_cpu_supports("avx") ? " avx" : "",
             __builtin_cpu_supports("avx2") ? " avx2" : "",
             __builtin_cpu_supports("fma") ? " fma" : "",
             __builtin_cpu_supports("avx512f") ? " avx512f" : "",
             __builtin_cpu_supports("avx512bf16") ? " avx512bf16" : "",
             __builtin_cpu_supports("amx-bf16") ? " amx-bf16" : "");
#endif
    say(r, "processor", text);
}

/* A dry plan of one convolution: is the backend there? */
static fv_status try_backend(fv_ctx *ctx, const char *name)
{
    fv_graph *g;
    fv_plan *plan;
    int64_t dim[4] = {1, 8, 8, 1};
    FV_TRY(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "image", 4, dim);
    fv_output(g, "answer", fv_convolve(g, "conv", x, (fv_conv){.channels = 1}));
    fv_tensor input = fv_dense(NULL, FV_F32, 4, dim);
    fv_plan_options o = {.backend = name, .dry = 1};
    fv_status status = fv_plan_new(ctx, g, &input, o, NULL, NULL, &plan);
    if (status == FV_OK)
        fv_plan_free(plan);
    fv_graph_free(g);
    return status;
}

static void say_backends(report *r)
{
    static const char *const names[] = {"ref", "onednn", "native"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[32];
        snprintf(key, sizeof key, "backend %s", names[i]);
        fv_status status = try_backend(r->c->ctx, names[i]);
        say(r, key, status == FV_OK ? "yes" : fv_message(r->c->ctx));
        r->bad += status == FV_ENOMEM || (status != FV_OK && i == 0);
    }
}

/* What is there when a library is. */
static void say_parts(report *r)
{
    say(r, "Fourier transforms",
        fvi_fft_built() ? "yes"
                        : "no (built without FFTW: no deconvolution, no ring "
                          "correlation)");
}

static void say_model(report *r, const char *folder, const char *name)
{
    char key[80], value[128];
    double error = 0;
    fvi_text path = {.ctx = r->c->ctx};
    fvi_text_add(&path, "%s/%s.fovea", folder, name);
    bool good = !path.failed &&
                check_model(r->c, path.data, NULL, 1e-3, &error) == FV_OK;
    snprintf(key, sizeof key, "model %s", name);
    snprintf(value, sizeof value, "good, differs by %.2g", error);
    say(r, key, good ? value : fv_message(r->c->ctx));
    r->bad += !good;
    fvi_text_free(&path);
}

static void say_models(report *r)
{
    char *folder;
    fvi_names names;
    if (fvi_model_names(r->c->ctx, NULL, &folder, &names) != FV_OK) {
        say(r, "models", fv_message(r->c->ctx));
        r->bad++;
        return;
    }
    say(r, "models", folder ? folder : "none are installed");
    for (size_t i = 0; i < names.count && !fvi_canceled(r->c->ctx); i++)
        say_model(r, folder, names.name[i]);
    fvi_names_free(r->c->ctx, &names);
    fvi_free(r->c->ctx, folder);
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)args;
    (void)count;
    (void)operands;
    report r = {.c = c, .json = c->json ? json_object() : NULL};
    char text[64];
    say(&r, "fovea", FV_VERSION);
    say(&r, "built with", FV_BUILT_WITH);
    say_cpu(&r);
    snprintf(text, sizeof text, "%d of %ld cores", fv_threads(c->ctx),
             sysconf(_SC_NPROCESSORS_ONLN));
    say(&r, "threads", text);
    say_backends(&r);
    say_parts(&r);
    say_models(&r);
    say(&r, "health", r.bad ? "something above is wrong" : "good");
    if (r.json && tell_json(c, r.json) != EXIT_DONE)
        return EXIT_FAILED;
    return r.bad ? EXIT_FAILED : EXIT_DONE;
}

const fv_cmd cmd_doctor = {
    .name = "doctor",
    .summary = "show what is built in and check that it works here",
    .operands = "",
    .example = "fovea doctor",
    .options = options,
    .size = 1,
    .run = run,
};
