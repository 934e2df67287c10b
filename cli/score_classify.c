/* Classes that a table of predictions gives, against the true ones. */
#include "facts.h"
#include "output.h"
#include "score.h"

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

typedef struct exam {
    cli *c;
    const char *path; /* of pred */
    fvi_csv pred;
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

static fv_status read_probability(const exam *e, int64_t row, int k, float *out)
{
    const char *text = fvi_csv_at(&e->pred, row, 2 + k);
    char *end;
    *out = strtof(text, &end);
    if (end != text && !*end && *out >= 0 && *out <= 1)
        return FV_OK;
    return fvi_fail(e->c->ctx, FV_EFORMAT,
                    "%s: row %lld: '%s' is not a probability, expected 0 to 1",
                    e->path, (long long)row + 1, text);
}

static fv_status add_answer(exam *e, int64_t row)
{
    const char *file = fvi_csv_at(&e->pred, row, 0);
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
    float *to = e->probability + e->n * e->classes;
    for (int k = 0; k < e->classes; k++)
        FV_TRY(read_probability(e, row, k, &to[k]));
    e->truth[e->n++] = known;
    return FV_OK;
}

static fv_status allocate(exam *e)
{
    fv_ctx *ctx = e->c->ctx;
    size_t K = (size_t)e->classes, n = (size_t)e->pred.rows;
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
    FV_TRY(fvi_csv_read(ctx, pred, &e->pred));
    if (e->pred.columns < 4 || strcmp(e->pred.cell[0], "file") != 0 ||
        strcmp(e->pred.cell[1], "class") != 0)
        return fvi_fail(ctx, FV_EFORMAT,
                        "%s: is not a table of fovea classify with the "
                        "probabilities of all classes",
                        pred);
    e->classes = (int)e->pred.columns - 2;
    if (e->pred.rows < 2)
        return fvi_fail(ctx, FV_EFORMAT, "%s: the table has no rows", pred);
    FV_TRY(facts_read(ctx, truth, &e->facts));
    FV_TRY(allocate(e));
    for (int64_t row = 1; row < e->pred.rows; row++)
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

/* ---- tables of curves ---- */

static fv_status write_table(cli *c, const char *path, fvi_text *t)
{
    fv_status status = fvi_text_check(t);
    if (status == FV_OK)
        status = refuse_existing(c, path);
    if (status == FV_OK)
        status = fvi_file_write(c->ctx, path, t->data, t->size);
    fvi_text_free(t);
    return status;
}

static fv_status write_roc(const exam *e, const char *path)
{
    fv_ctx *ctx = e->c->ctx;
    fvi_text t = {.ctx = ctx};
    fv_roc_point *at = fvi_calloc(ctx, (size_t)e->n + 1, sizeof *at);
    fv_status status = at ? FV_OK : FV_ENOMEM;
    fvi_text_add(&t, "class,threshold,false_positive_rate,"
                     "true_positive_rate\n");
    for (int k = 0; k < e->classes && status == FV_OK; k++) {
        int64_t count = 0;
        status = fv_roc(ctx, e->classes, e->n, e->truth, e->probability, k, at,
                        &count);
        for (int64_t i = 0; i < count; i++) {
            tell_field(&t, class_name(e, k));
            fvi_text_add(&t, ",%.9g,%.6f,%.6f\n", at[i].threshold,
                         at[i].false_rate, at[i].true_rate);
        }
    }
    fvi_free(ctx, at);
    if (status == FV_OK)
        return write_table(e->c, path, &t);
    fvi_text_free(&t);
    return status;
}

static fv_status write_calibration(const exam *e, const char *path)
{
    fvi_text t = {.ctx = e->c->ctx};
    fv_calibration_bin bin[FV_CALIBRATION_BINS];
    fv_calibration(e->classes, e->n, e->truth, e->probability, bin);
    fvi_text_add(&t, "from,to,images,probability,accuracy\n");
    for (int b = 0; b < FV_CALIBRATION_BINS; b++)
        if (bin[b].count)
            fvi_text_add(&t, "%.4f,%.4f,%lld,%.6f,%.6f\n",
                         (double)b / FV_CALIBRATION_BINS,
                         (double)(b + 1) / FV_CALIBRATION_BINS,
                         (long long)bin[b].count, bin[b].probability,
                         bin[b].accuracy);
    return write_table(e->c, path, &t);
}

static fv_status write_curves(const exam *e, const score_args *o)
{
    if (o->roc)
        FV_TRY(write_roc(e, o->roc));
    return o->calibration ? write_calibration(e, o->calibration) : FV_OK;
}

int score_classify(cli *c, const score_args *o, const char *pred,
                   const char *truth)
{
    exam e = {.c = c, .path = pred};
    int code = EXIT_FAILED;
    if (examine(&e, pred, truth) != FV_OK || write_curves(&e, o) != FV_OK)
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
    fvi_csv_free(ctx, &e.pred);
    facts_free(ctx, &e.facts);
    void *block[] = {e.truth, e.probability, e.confusion, e.f1, e.auc};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        fvi_free(ctx, block[i]);
    return code;
}
