/* fovea check: proves a model on this machine. */
#include "check.h"
#include "tell.h"

typedef struct check_args {
    double tolerance;
    const char *backend;
} check_args;

static const fv_field options[] = {
    FV_REAL(check_args, tolerance, 1e-3, 0, 1, "",
            "largest difference, relative to the largest answer"),
    FV_TEXT(check_args, backend, NULL,
            "kernels: ref, onednn or native; without it the fastest"),
    FV_END,
};

fv_status check_model(cli *c, const char *path, const char *backend,
                      double tolerance, double *error)
{
    fv_model *m;
    FV_TRY(fv_model_read(c->ctx, path, &m));
    fv_status status = fv_model_check(c->ctx, m, backend, error);
    fv_model_free(c->ctx, m);
    if (status == FV_OK && !(*error <= tolerance))
        return fvi_fail(c->ctx, FV_EFORMAT,
                        "answers differ by %.3g of the largest from the "
                        "stored ones, at most %.3g is right",
                        *error, tolerance);
    return status;
}

static fv_status check_one(cli *c, const char *name, const check_args *o,
                           double *error)
{
    char *path;
    FV_TRY(fv_model_locate(c->ctx, NULL, name, &path));
    fv_status status = check_model(c, path, o->backend, o->tolerance, error);
    fv_text_free(c->ctx, path);
    return status;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    json_t *all = c->json ? json_array() : NULL;
    int failed = 0;
    for (int i = 0; i < count; i++) {
        double error = 0;
        fv_status status = check_one(c, operands[i], args, &error);
        bool good = status == FV_OK;
        failed += !good;
        if (!good)
            cli_fail_in(c, operands[i]);
        if (all)
            json_array_append_new(
                all, json_pack("{s:o, s:b, s:o, s:o}", "model",
                               json_text(operands[i]), "good", (int)good,
                               "error", json_number(error), "message",
                               json_text(good ? "" : fv_message(c->ctx))));
        else if (good)
            printf("%s\tgood\t%.2g\n", operands[i], error);
        if (status == FV_ECANCEL) {
            failed += count - i - 1;
            break;
        }
    }
    if (all && tell_json(c, all) != EXIT_DONE)
        return EXIT_FAILED;
    return failed == 0 ? EXIT_DONE : failed < count ? EXIT_SOME : EXIT_FAILED;
}

const fv_cmd cmd_check = {
    .name = "check",
    .summary = "prove that models answer on this machine as they should",
    .operands = "MODEL...",
    .example = "fovea check nuclei",
    .details = "A model file carries a small input and the answer its maker "
               "got. The answer of this machine may differ by rounding only.",
    .options = options,
    .size = sizeof(check_args),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
