/* Objects found against objects that are there, pooled and averaged. */
#include "inputs.h"
#include "output.h"
#include "score.h"

enum { LEVELS = 10, FATES = FV_MERGED + 1 };

/* What one image says, and the sum of what all say. */
typedef struct verdict {
    fv_match match[LEVELS];
    fv_aji aji;
    fv_boundary edge;
    int64_t fate[2][FATES]; /* of true objects, of found ones */
} verdict;

typedef struct tally {
    const score_args *o;
    size_t images;
    verdict pooled; /* of all objects together */
    double iou_sum[LEVELS];
    fv_match mean[LEVELS]; /* ratios only, of images */
    double mean_aji, mean_edge;
    json_t *rows;     /* one per image, NULL without --json */
    fvi_text objects; /* the table of --objects             */
} tally;

static double level(int i)
{
    return (50 + 5 * i) / 100.0;
}

static double ap_mean(const fv_match m[LEVELS])
{
    double sum = 0;
    for (int i = 0; i < LEVELS; i++)
        sum += m[i].ap;
    return sum / LEVELS;
}

static void count_fates(const fv_object_scores *s, verdict *v)
{
    for (int64_t i = 0; i < s->truths; i++)
        v->fate[0][s->truth[i].fate]++;
    for (int64_t i = 0; i < s->preds; i++)
        v->fate[1][s->pred[i].fate]++;
}

static fv_status judge(cli *c, tally *t, const char *stem, fv_tensor truth,
                       fv_tensor pred, verdict *out)
{
    double iou[LEVELS];
    fv_object_scores s;
    *out = (verdict){0};
    for (int i = 0; i < LEVELS; i++)
        iou[i] = level(i);
    FV_TRY(fv_match_labels(c->ctx, truth, pred, LEVELS, iou, out->match));
    FV_TRY(fv_aji_labels(c->ctx, truth, pred, &out->aji));
    FV_TRY(
        fv_boundary_labels(c->ctx, truth, pred, t->o->tolerance, &out->edge));
    FV_TRY(fv_score_objects(c->ctx, truth, pred, t->o->iou, &s));
    count_fates(&s, out);
    if (t->o->objects)
        score_objects_rows(&t->objects, stem, &s);
    fv_object_scores_free(c->ctx, &s);
    return fvi_text_check(&t->objects);
}

/* As many judges of the field have it: specks count neither way. */
static fv_status drop_small(cli *c, const tally *t, fv_tensor truth,
                            fv_tensor pred)
{
    if (t->o->min_area == 0)
        return FV_OK;
    FV_TRY(fv_drop_small(c->ctx, truth, t->o->min_area));
    return fv_drop_small(c->ctx, pred, t->o->min_area);
}

static fv_status judge_files(cli *c, tally *t, const score_pair *p,
                             verdict *out)
{
    fv_image *truth, *pred;
    if (fvi_canceled(c->ctx))
        return fvi_fail(c->ctx, FV_ECANCEL, "canceled");
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
            status = drop_small(c, t, truth->pixels, pred->pixels);
        if (status == FV_OK)
            status = judge(c, t, p->stem, truth->pixels, pred->pixels, out);
        fv_image_free(c->ctx, pred);
    }
    fv_image_free(c->ctx, truth);
    return status;
}

static json_t *fates_json(const int64_t fate[FATES])
{
    json_t *out = json_object();
    for (int i = 0; i < FATES; i++)
        json_object_set_new(out, fv_fate_name((fv_fate)i),
                            json_integer(fate[i]));
    return out;
}

static void add_row(tally *t, const char *stem, const verdict *v)
{
    const fv_match *m = v->match;
    json_t *ap = json_array();
    for (int i = 0; i < LEVELS; i++)
        json_array_append_new(ap, json_number(m[i].ap));
    json_array_append_new(
        t->rows, json_pack("{s:o, s:I, s:I, s:o, s:f, s:f, s:f, s:o, s:o}",
                           "name", json_text(stem), "true_objects",
                           (json_int_t)(m[0].tp + m[0].fn), "found_objects",
                           (json_int_t)(m[0].tp + m[0].fp), "ap", ap, "ap_mean",
                           ap_mean(m), "aji", v->aji.aji, "boundary_f",
                           v->edge.f, "true_fates", fates_json(v->fate[0]),
                           "found_fates", fates_json(v->fate[1])));
}

static void pool(verdict *sum, const verdict *v)
{
    for (int i = 0; i < LEVELS; i++) {
        sum->match[i].tp += v->match[i].tp;
        sum->match[i].fp += v->match[i].fp;
        sum->match[i].fn += v->match[i].fn;
    }
    for (int i = 0; i < 2 * FATES; i++)
        sum->fate[i / FATES][i % FATES] += v->fate[i / FATES][i % FATES];
    sum->aji.shared += v->aji.shared;
    sum->aji.all += v->aji.all;
    sum->edge.truth += v->edge.truth;
    sum->edge.pred += v->edge.pred;
    sum->edge.truth_near += v->edge.truth_near;
    sum->edge.pred_near += v->edge.pred_near;
}

static void add(tally *t, const char *stem, const verdict *v)
{
    t->images++;
    if (t->rows)
        add_row(t, stem, v);
    pool(&t->pooled, v);
    for (int i = 0; i < LEVELS; i++) {
        const fv_match *m = &v->match[i];
        t->iou_sum[i] += m->mean_iou * (double)m->tp;
        t->mean[i].precision += m->precision;
        t->mean[i].recall += m->recall;
        t->mean[i].f1 += m->f1;
        t->mean[i].ap += m->ap;
        t->mean[i].pq += m->pq;
    }
    t->mean_aji += v->aji.aji;
    t->mean_edge += v->edge.f;
}

static void finish(tally *t)
{
    double n = t->images ? (double)t->images : 1;
    for (int i = 0; i < LEVELS; i++) {
        fv_match_ratios(&t->pooled.match[i], t->iou_sum[i]);
        t->mean[i].precision /= n;
        t->mean[i].recall /= n;
        t->mean[i].f1 /= n;
        t->mean[i].ap /= n;
        t->mean[i].pq /= n;
    }
    fv_aji_ratio(&t->pooled.aji);
    fv_boundary_ratios(&t->pooled.edge);
    t->mean_aji /= n;
    t->mean_edge /= n;
}

static void show_fates(const tally *t)
{
    printf("\nfate at iou %.2f", t->o->iou);
    for (int i = 0; i < FATES; i++)
        printf("\t%s", fv_fate_name((fv_fate)i));
    for (int side = 0; side < 2; side++) {
        printf("\n%s objects", side ? "found" : "true");
        for (int i = 0; i < FATES; i++)
            printf("\t%lld", (long long)t->pooled.fate[side][i]);
    }
    printf("\n");
}

static void show(const tally *t)
{
    const fv_match *p = t->pooled.match;
    const fv_boundary *edge = &t->pooled.edge;
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
    printf("\nscore\tpooled\timage_mean\nap_mean\t%.4f\t%.4f\naji\t%.4f\t%.4f\n"
           "boundary_f\t%.4f\t%.4f\n",
           ap_mean(t->pooled.match), ap_mean(t->mean), t->pooled.aji.aji,
           t->mean_aji, edge->f, t->mean_edge);
    printf("boundary_precision\t%.4f\nboundary_recall\t%.4f\n", edge->precision,
           edge->recall);
    show_fates(t);
}

static json_t *levels_json(const fv_match m[LEVELS])
{
    json_t *out = json_array();
    for (int i = 0; i < LEVELS; i++, m++)
        json_array_append_new(
            out,
            json_pack("{s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                      "iou", level(i), "tp", (json_int_t)m->tp, "fp",
                      (json_int_t)m->fp, "fn", (json_int_t)m->fn, "precision",
                      m->precision, "recall", m->recall, "f1", m->f1, "ap",
                      m->ap, "mean_iou", m->mean_iou, "mean_true", m->mean_true,
                      "pq", m->pq));
    return out;
}

static json_t *means_json(const fv_match m[LEVELS])
{
    json_t *out = json_array();
    for (int i = 0; i < LEVELS; i++, m++)
        json_array_append_new(
            out, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "iou", level(i),
                           "precision", m->precision, "recall", m->recall, "f1",
                           m->f1, "ap", m->ap, "pq", m->pq));
    return out;
}

static json_t *as_json(const tally *t)
{
    const verdict *v = &t->pooled;
    json_t *all = json_pack(
        "{s:s, s:I, s:I, s:I, s:o, s:o}", "task", "segment", "n",
        (json_int_t)t->images, "true_objects",
        (json_int_t)(v->match[0].tp + v->match[0].fn), "found_objects",
        (json_int_t)(v->match[0].tp + v->match[0].fp), "pooled",
        levels_json(v->match), "mean", means_json(t->mean));
    json_t *more = json_pack(
        "{s:{s:f, s:f}, s:{s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f}, s:{s:f, "
        "s:o, s:o}, s:O}",
        "ap_mean", "pooled", ap_mean(v->match), "mean", ap_mean(t->mean), "aji",
        "pooled", v->aji.aji, "mean", t->mean_aji, "boundary", "tolerance_px",
        t->o->tolerance, "precision", v->edge.precision, "recall",
        v->edge.recall, "f", v->edge.f, "mean_f", t->mean_edge, "fates", "iou",
        t->o->iou, "true", fates_json(v->fate[0]), "found",
        fates_json(v->fate[1]), "images", t->rows);
    if (all && more)
        json_object_update(all, more);
    json_decref(more);
    return all;
}

static fv_status write_objects(cli *c, const tally *t)
{
    const char *path = t->o->objects;
    if (!path || !t->images)
        return FV_OK;
    return fvi_file_write(c->ctx, path, t->objects.data, t->objects.size);
}

static fv_status begin_objects(cli *c, tally *t)
{
    const char *path = t->o->objects;
    if (!path)
        return FV_OK;
    FV_TRY(refuse_existing(c, path));
    score_objects_head(&t->objects);
    return fvi_text_check(&t->objects);
}

static int tell(cli *c, tally *t, int code)
{
    finish(t);
    if (c->json && tell_json(c, as_json(t)) != EXIT_DONE)
        return EXIT_FAILED;
    if (!c->json && t->images)
        show(t);
    return write_objects(c, t) == FV_OK ? code : cli_fail(c);
}

int score_segment(cli *c, const score_args *o, const score_pairs *p)
{
    tally t = {.o = o, .objects = {.ctx = c->ctx}};
    size_t failed = 0;
    if (begin_objects(c, &t) != FV_OK) {
        fvi_text_free(&t.objects);
        return cli_fail(c);
    }
    t.rows = c->json ? json_array() : NULL;
    fv_status status = FV_OK;
    for (size_t i = 0; i < p->count && status != FV_ECANCEL; i++) {
        verdict v;
        tell_progress(c, (double)i, (double)p->count, p->pair[i].stem);
        status = judge_files(c, &t, &p->pair[i], &v);
        if (status == FV_OK) {
            add(&t, p->pair[i].stem, &v);
            continue;
        }
        tell_progress(c, 1, 1, "");
        cli_fail(c);
        failed++;
    }
    tell_progress(c, 1, 1, "");
    int code = EXIT_FAILED;
    if (status != FV_ECANCEL)
        code = tell(c, &t, exit_code(failed, p->count));
    json_decref(t.rows);
    fvi_text_free(&t.objects);
    return code;
}
