/* Objects found against objects that are there, pooled and averaged. */
#include "inputs.h"
#include "score.h"

enum { LEVELS = 10 };

typedef struct tally {
    size_t images;
    fv_match pooled[LEVELS]; /* of all objects together */
    double iou_sum[LEVELS];
    fv_match mean[LEVELS]; /* ratios only, of images */
    json_t *rows;          /* one per image, NULL without --json */
} tally;

static double level(int i)
{
    return (50 + 5 * i) / 100.0;
}

static fv_status match(cli *c, const score_pair *p, fv_match out[LEVELS])
{
    fv_image *truth, *pred;
    double iou[LEVELS];
    for (int i = 0; i < LEVELS; i++)
        iou[i] = level(i);
    if (!p->pred)
        return fvi_fail(c->ctx, FV_EINVAL, "%s has no prediction", p->truth);
    FV_TRY(fv_labels_read(c->ctx, p->truth, NULL, &truth));
    fv_status status = fv_labels_read(c->ctx, p->pred, NULL, &pred);
    if (status == FV_OK) {
        const int64_t *a = truth->pixels.dim, *b = pred->pixels.dim;
        if (a[0] != b[0] || a[1] != b[1])
            status =
                fvi_fail(c->ctx, FV_ESHAPE,
                         "%s: is %lld x %lld px, the truth is %lld x %lld px",
                         p->pred, (long long)b[1], (long long)b[0],
                         (long long)a[1], (long long)a[0]);
        else
            status = fv_match_labels(c->ctx, truth->pixels, pred->pixels,
                                     LEVELS, iou, out);
        fv_image_free(c->ctx, pred);
    }
    fv_image_free(c->ctx, truth);
    return status;
}

static void add_row(tally *t, const char *stem, const fv_match m[LEVELS])
{
    json_t *ap = json_array();
    for (int i = 0; i < LEVELS; i++)
        json_array_append_new(ap, json_number(m[i].ap));
    json_array_append_new(
        t->rows, json_pack("{s:s, s:I, s:I, s:o}", "name", stem, "true_objects",
                           (json_int_t)(m[0].tp + m[0].fn), "found_objects",
                           (json_int_t)(m[0].tp + m[0].fp), "ap", ap));
}

static void add(tally *t, const char *stem, const fv_match m[LEVELS])
{
    t->images++;
    if (t->rows)
        add_row(t, stem, m);
    for (int i = 0; i < LEVELS; i++) {
        t->pooled[i].tp += m[i].tp;
        t->pooled[i].fp += m[i].fp;
        t->pooled[i].fn += m[i].fn;
        t->iou_sum[i] += m[i].mean_iou * (double)m[i].tp;
        t->mean[i].precision += m[i].precision;
        t->mean[i].recall += m[i].recall;
        t->mean[i].f1 += m[i].f1;
        t->mean[i].ap += m[i].ap;
        t->mean[i].pq += m[i].pq;
    }
}

static void finish(tally *t)
{
    double n = t->images ? (double)t->images : 1;
    for (int i = 0; i < LEVELS; i++) {
        fv_match_ratios(&t->pooled[i], t->iou_sum[i]);
        t->mean[i].precision /= n;
        t->mean[i].recall /= n;
        t->mean[i].f1 /= n;
        t->mean[i].ap /= n;
        t->mean[i].pq /= n;
    }
}

static void show(const tally *t)
{
    const fv_match *p = t->pooled;
    printf("images\t%zu\ntrue objects\t%lld\nfound objects\t%lld\n", t->images,
           (long long)(p->tp + p->fn), (long long)(p->tp + p->fp));
    printf("\niou\ttp\tfp\tfn\tprecision\trecall\tf1\tap\tmean_iou\tpq\t"
           "image_mean_f1\timage_mean_ap\timage_mean_pq\n");
    for (int i = 0; i < LEVELS; i++, p++)
        printf("%.2f\t%lld\t%lld\t%lld\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t"
               "%.4f\t%.4f\t%.4f\n",
               level(i), (long long)p->tp, (long long)p->fp, (long long)p->fn,
               p->precision, p->recall, p->f1, p->ap, p->mean_iou, p->pq,
               t->mean[i].f1, t->mean[i].ap, t->mean[i].pq);
}

static json_t *as_json(const tally *t)
{
    json_t *pooled = json_array(), *mean = json_array();
    for (int i = 0; i < LEVELS; i++) {
        const fv_match *p = &t->pooled[i], *m = &t->mean[i];
        json_array_append_new(
            pooled,
            json_pack("{s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                      "iou", level(i), "tp", (json_int_t)p->tp, "fp",
                      (json_int_t)p->fp, "fn", (json_int_t)p->fn, "precision",
                      p->precision, "recall", p->recall, "f1", p->f1, "ap",
                      p->ap, "mean_iou", p->mean_iou, "mean_true", p->mean_true,
                      "pq", p->pq));
        json_array_append_new(
            mean, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "iou", level(i),
                            "precision", m->precision, "recall", m->recall,
                            "f1", m->f1, "ap", m->ap, "pq", m->pq));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:O}", "task", "segment",
                     "n", (json_int_t)t->images, "true_objects",
                     (json_int_t)(t->pooled[0].tp + t->pooled[0].fn),
                     "found_objects",
                     (json_int_t)(t->pooled[0].tp + t->pooled[0].fp), "pooled",
                     pooled, "mean", mean, "images", t->rows);
}

int score_segment(cli *c, const score_pairs *p)
{
    tally t = {.rows = c->json ? json_array() : NULL};
    size_t failed = 0;
    for (size_t i = 0; i < p->count; i++) {
        fv_match m[LEVELS];
        tell_progress(c, (double)i, (double)p->count, p->pair[i].stem);
        if (match(c, &p->pair[i], m) == FV_OK) {
            add(&t, p->pair[i].stem, m);
            continue;
        }
        tell_progress(c, 1, 1, "");
        cli_fail(c);
        failed++;
    }
    tell_progress(c, 1, 1, "");
    finish(&t);
    int code = exit_code(failed, p->count);
    if (c->json && tell_json(c, as_json(&t)) != EXIT_DONE)
        code = EXIT_FAILED;
    else if (!c->json && t.images)
        show(&t);
    json_decref(t.rows);
    return code;
}
