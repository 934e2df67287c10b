/* fovea train: a network from images and what belongs to them. */
#include "options.h"
#include "output.h"
#include "tell.h"
#include "train/run.h"

#include <string.h>

typedef struct train_args {
    fv_train_options train; /* first: fv_train_fields counts from here */
    const char *output, *like;
} train_args;

static const fv_field options[] = {
    FV_PATH(train_args, output, NULL, "folder of the run, is made"),
    FV_PATH(train_args, like, NULL, "options of another run: its run.json"),
    FV_END,
};

/* ---- options of another run ---- */

static fv_status read_like(fv_ctx *ctx, parsed *p, const char *path)
{
    train_args *o = p->options;
    char *words;
    FV_TRY(fvi_options_read(ctx, path, &o->train, &words));
    return parsed_keep(ctx, p, words);
}

/* --like FILE; a resumed run goes on with its own options. */
static fv_status base(fv_ctx *ctx, parsed *p)
{
    const train_args *o = p->options;
    if (o->like)
        return read_like(ctx, p, o->like);
    if (!o->train.resume || !o->output)
        return FV_OK;
    char *own = fvi_path_join(ctx, o->output, "run.json");
    if (!own)
        return FV_ENOMEM;
    fv_status status = fvi_is_file(own) ? read_like(ctx, p, own) : FV_OK;
    fvi_free(ctx, own);
    return status;
}

/* ---- while it runs ---- */

typedef struct watch {
    cli *c;
    fv_train_progress last; /* of the last epoch */
    char note[256];
} watch;

static void show_note(watch *w, const char *note)
{
    if (!note || !*note || strncmp(note, w->note, sizeof w->note - 1) == 0)
        return;
    snprintf(w->note, sizeof w->note, "%s", note);
    tell_note(w->c, "train", "%s", note);
}

static void show_step(const cli *c, const fv_train_progress *p)
{
    char left[32];
    if (!c->progress)
        return;
    format_time(p->seconds_left, left, sizeof left);
    fprintf(stderr,
            "\r\033[Kepoch %d/%d  step %lld/%lld  loss %.4f  val %.4f  "
            "%s left",
            p->epoch, p->epochs, (long long)p->step, (long long)p->steps,
            p->loss, p->val_loss, left);
    fflush(stderr);
}

static void show_epoch(const cli *c, const fv_train_progress *p)
{
    if (c->quiet || (!c->progress && !c->verbose))
        return;
    char spent[32];
    format_time(p->seconds, spent, sizeof spent);
    fprintf(stderr,
            "%sepoch %d: loss %.4f, validation %.4f (best %.4f in epoch %d), "
            "score %.3f, lr %.3g, %s\n",
            c->progress ? "\r\033[K" : "", p->epoch, p->loss, p->val_loss,
            p->best_val_loss, p->best_epoch, p->val_score, p->lr, spent);
}

static void tell(void *user, const fv_train_progress *p)
{
    watch *w = user;
    show_note(w, p->note);
    if (p->end_of_epoch) {
        w->last = *p;
        show_epoch(w->c, p);
    } else {
        show_step(w->c, p);
    }
}

/* ---- afterwards ---- */

/* What training decided besides weights. */
static void add_decoder(json_t *all, const fv_model *m)
{
    if (strcmp(m->task, "segment") != 0)
        return;
    json_object_set_new(all, "target", json_string(fv_target_name(m->target)));
    json_object_set_new(all, "threshold", json_number(m->decode.threshold));
    json_object_set_new(all, "seed", json_number(m->decode.seed));
    json_object_set_new(all, "min_area", json_integer(m->decode.min_area));
}

static json_t *summary_json(const watch *w, const char *run, const char *file,
                            const fv_model *m)
{
    json_t *all =
        json_pack("{s:o, s:o, s:s, s:i, s:i, s:o, s:o, s:o, s:f}", "run",
                  json_text(run), "model", json_text(file), "task", m->task,
                  "epochs", w->last.epoch, "best_epoch", w->last.best_epoch,
                  "best_val_loss", json_number(w->last.best_val_loss),
                  "val_loss", json_number(w->last.val_loss), "val_score",
                  json_number(w->last.val_score), "seconds", w->last.seconds);
    add_decoder(all, m);
    return all;
}

static void summary_text(const watch *w, const char *run, const char *file,
                         const fv_model *m)
{
    char spent[32];
    format_time(w->last.seconds, spent, sizeof spent);
    printf("run\t%s\nmodel\t%s\nepochs\t%d\nbest epoch\t%d\n", run, file,
           w->last.epoch, w->last.best_epoch);
    printf("best validation loss\t%.6g\nvalidation score\t%.4f\n",
           w->last.best_val_loss, w->last.val_score);
    if (strcmp(m->task, "segment") == 0)
        printf("target\t%s\nthreshold\t%g\nseed\t%g\nmin_area\t%lld px\n",
               fv_target_name(m->target), m->decode.threshold, m->decode.seed,
               (long long)m->decode.min_area);
    printf("time\t%s\n", spent);
}

static int show_summary(const watch *w, const char *run)
{
    cli *c = w->c;
    fv_model *m = NULL;
    char *file = fvi_path_join(c->ctx, run, "model.fovea");
    if (!file || fv_model_read(c->ctx, file, &m) != FV_OK) {
        fvi_free(c->ctx, file);
        return cli_fail(c);
    }
    int code = EXIT_DONE;
    if (c->json)
        code = tell_json(c, summary_json(w, run, file, m));
    else
        summary_text(w, run, file, m);
    fv_model_free(c->ctx, m);
    fvi_free(c->ctx, file);
    return code;
}

/* ---- the verb ---- */

static fv_status refuse_old_run(const cli *c, const train_args *o)
{
    static const char *const names[] = {
        "run.json", "history.csv", "progress.svg", "model.fovea", "last.ckpt"};
    if (c->force || o->train.resume)
        return FV_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *file = fvi_path_join(c->ctx, o->output, names[i]);
        if (!file)
            return FV_ENOMEM;
        bool there = output_exists(file);
        fvi_free(c->ctx, file);
        if (there)
            return fvi_fail(c->ctx, FV_EINVAL,
                            "%s holds %s of a run already: --resume goes on "
                            "with it, --force replaces it",
                            o->output, names[i]);
    }
    return FV_OK;
}

static int wrong_usage(cli *c, const char *sentence)
{
    (void)fvi_fail(c->ctx, FV_EINVAL, "train: %s", sentence);
    cli_fail(c);
    return EXIT_USAGE;
}

static int run(cli *c, const void *args, int count, char **operands)
{
    (void)count;
    (void)operands;
    const train_args *o = args;
    watch w = {.c = c};
    if (!o->output)
        return wrong_usage(c, "where to? -o FOLDER");
    if (!o->train.images)
        return wrong_usage(c, "which images? --images FOLDER");
    if (refuse_old_run(c, o) != FV_OK)
        return cli_fail(c);
    fv_status status = fv_train(c->ctx, &o->train, o->output, tell, &w);
    if (c->progress)
        fprintf(stderr, "\r\033[K");
    if (status == FV_OK)
        return show_summary(&w, o->output);
    if (status == FV_ECANCEL)
        fprintf(stderr,
                "fovea: stopped; the run is in %s, go on with: fovea train -o "
                "%s --resume\n",
                o->output, o->output);
    else
        cli_fail(c);
    return EXIT_FAILED;
}

const fv_cmd cmd_train = {
    .name = "train",
    .summary = "train a network on images and what belongs to them",
    .operands = "",
    .example = "fovea train --task segment --images img --labels lab -o run1",
    .details =
        "Task segment: an image is paired with the label image of the same "
        "name in the label folder, or with NAME_masks or NAME_labels. Task "
        "restore: with the target of the same name (care, n2n), with NAME_2, "
        "NAME_3 (n2n without targets), or with nothing (n2v). Task classify: "
        "each folder in the image folder is a class, maybe within folders "
        "train, val and test. The folder of the "
        "run receives run.json (every option), history.csv, progress.svg, "
        "model.fovea (the best on validation images, with thresholds tuned "
        "there) and last.ckpt. Ctrl-C stops; --resume goes on bit for bit.",
    .options = options,
    .shared = fv_train_fields,
    .size = sizeof(train_args),
    .base = base,
    .run = run,
};
