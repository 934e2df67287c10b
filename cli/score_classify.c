/* Classes that a table of predictions gives, against the true ones. */
#include "facts.h"
#include "score.h"

#include <stdlib.h>
#include <string.h>

typedef struct exam {
    cli *c;
    grid pred;
    facts facts;
    int classes; /* columns 2.. of pred */
    int32_t *truth;
    float *probability;
    int64_t n, *confusion;
    size_t failed;
    double *f1, *auc;
    fv_class_scores all;
} exam;

static const char *class_name(const exam *e, int k)
{
    return e->pred.cell[2 + k];
}

static fv_status add_answer(exam *e, size_t row)
{
    const char *file = cell_at(&e->pred, row, 0);
    const fact *f = facts_find(&e->facts, file);
    int known = -1;
    if (!f)
        return fvi_fail(e->c->ctx, FV_EINVAL, "%s: its class is not known",
                        file);
    for (int k = 0; k < e->classes && known < 0; k++)
        if (strcmp(class_name(e, k), f->label) == 0)
            known = k;
    if (known < 0)
        return fvi_fail(e->c->ctx, FV_EINVAL,
                        "%s: is of class '%s', which the predictions do not "
                        "have",
                        file, f->label);
    for (int k = 0; k < e->classes; k++)
        e->probability[e->n * e->classes + k] =
            strtof(cell_at(&e->pred, row, 2 + (size_t)k), NULL);
    e->truth[e->n++] = known;
    return FV_OK;
}

static fv_status allocate(exam *e)
{
    fv_ctx *ctx = e->c->ctx;
    size_t K = (size_t)e->classes, n = e->pred.rows;
    e->truth = fvi_calloc(ctx, n, sizeof *e->truth);
    e->probability = fvi_calloc(ctx, n * K, sizeof *e->probability);
    e->confusion = fvi_calloc(ctx, K * K, sizeof *e->confusion);
    e->f1 = fvi_calloc(ctx, K, sizeof *e->f1);
    e->auc = fvi_calloc(ctx, K, sizeof *e->auc);
    return e->truth && e->probability && e->confusion && e->f1 && e->auc
               ? FV_OK
               : FV_ENOMEM;
}

static fv_status examine(exam *e, const char *pred, const char *truth)
{
    fv_ctx *ctx = e->c->ctx;
    FV_TRY(grid_read(ctx, pred, &e->pred));
    if (e->pred.columns < 4 || strcmp(e->pred.cell[0], "file") != 0 ||
        strcmp(e->pred.cell[1], "class") != 0)
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: is not a table of fovea classify with the "
                        "probabilities of all classes",
                        pred);
    e->classes = (int)e->pred.columns - 2;
    FV_TRY(facts_read(ctx, truth, &e->facts));
    FV_TRY(allocate(e));
    for (size_t row = 1; row < e->pred.rows; row++)
        if (add_answer(e, row) != FV_OK) {
            cli_fail(e->c);
            e->failed++;
        }
    return fv_score_classes(ctx, e->classes, e->n, e->truth, e->probability,
                            e->confusion, e->f1, e->auc, &e->all);
}

/* ---- telling ---- */

static void show_text(const exam *e)
{
    const fv_class_scores *s = &e->all;
    printf("images\t%lld\naccuracy\t%.5f\nbalanced_accuracy\t%.5f\n"
           "macro_f1\t%.5f\nauc\t%.5f\ncalibration_error\t%.5f\n",
           (long long)e->n, s->accuracy, s->balanced_accuracy, s->macro_f1,
           s->auc, s->calibration_error);
    printf("\nclass\timages\tf1\tauc");
    for (int k = 0; k < e->classes; k++)
        printf("\tas %s", class_name(e, k));
    putchar('\n');
    for (int t = 0; t < e->classes; t++) {
        const int64_t *row = e->confusion + t * e->classes;
        int64_t seen = 0;
        for (int k = 0; k < e->classes; k++)
            seen += row[k];
        printf("%s\t%lld\t%.5f\t%.5f", class_name(e, t), (long long)seen,
               e->f1[t], e->auc[t]);
        for (int k = 0; k < e->classes; k++)
            printf("\t%lld", (long long)row[k]);
        putchar('\n');
    }
}

static json_t *scores_json(const exam *e)
{
    const fv_class_scores *s = &e->all;
    json_t *classes = json_array();
    for (int t = 0; t < e->classes; t++) {
        json_t *as = json_object();
        for (int k = 0; k < e->classes; k++)
            json_object_set_new(as, class_name(e, k),
                                json_integer(e->confusion[t * e->classes + k]));
        json_array_append_new(
            classes, json_pack("{s:s, s:o, s:o, s:o}", "class",
                               class_name(e, t), "f1", json_number(e->f1[t]),
                               "auc", json_number(e->auc[t]), "as", as));
    }
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "task",
                     "classify", "n", (json_int_t)e->n, "accuracy",
                     json_number(s->accuracy), "balanced_accuracy",
                     json_number(s->balanced_accuracy), "macro_f1",
                     json_number(s->macro_f1), "auc", json_number(s->auc),
                     "calibration_error", json_number(s->calibration_error),
                     "classes", classes);
}

int score_classify(cli *c, const char *pred, const char *truth)
{
    exam e = {.c = c};
    int code = EXIT_FAILED;
    if (examine(&e, pred, truth) != FV_OK)
        cli_fail(c);
    else if (c->json)
        code = tell_json(c, scores_json(&e));
    else {
        show_text(&e);
        code = EXIT_DONE;
    }
    if (code == EXIT_DONE && e.failed)
        code = EXIT_SOME;
    fv_ctx *ctx = c->ctx;
    grid_free(ctx, &e.pred);
    facts_free(ctx, &e.facts);
    void *block[] = {e.truth, e.probability, e.confusion, e.f1, e.auc};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        fvi_free(ctx, block[i]);
    return code;
}
