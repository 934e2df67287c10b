/* Training: steps, epochs, and what happens between them. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAVE_SECONDS = 120 }; /* at most lost when the power fails */

/* ---- time ---- */

static double elapsed(const fvi_run *r)
{
    return fvi_clock() - r->began;
}

/* A little is kept for the last validation and the tuning. */
static double budget(const fvi_run *r)
{
    return r->o.minutes * 60 * 0.95;
}

static bool out_of_time(const fvi_run *r)
{
    return r->o.minutes > 0 && elapsed(r) >= budget(r);
}

static double seconds_left(const fvi_run *r)
{
    if (r->o.minutes > 0)
        return fmax(0, budget(r) - elapsed(r));
    double done = r->work > 0 ? r->work : 1;
    double left = (double)(r->steps * r->o.epochs - r->state.step);
    return (fvi_clock() - r->first) / done * left;
}

/* Of a run against the clock: what the pace so far makes likely. */
static int64_t steps_in_all(const fvi_run *r)
{
    if (!(r->o.minutes > 0))
        return r->steps * r->o.epochs;
    double pace = (double)r->state.step / fmax(elapsed(r), 1e-3);
    int64_t steps = (int64_t)(pace * budget(r));
    return steps > r->state.step ? steps : r->state.step;
}

/* The learning rate follows the steps, or the share of the time that is over.*/
double fvi_lr_factor(const fvi_run *r)
{
    const fvi_state *s = &r->state;
    fv_schedule rule = r->schedule;
    if (!(r->o.minutes > 0) || rule.kind != FV_LR_COSINE ||
        s->step < rule.warmup)
        return fv_schedule_at(&rule, s->step, (int)s->drops);
    const double fine = 1 << 20;
    rule.warmup = 0;
    rule.total = 1 << 20;
    double share = fmin(elapsed(r) / budget(r), 1);
    return fv_schedule_at(&rule, (int64_t)(share * fine), (int)s->drops);
}

/* ---- telling ---- */

static void tell(fvi_run *r, double loss, bool end_of_epoch)
{
    const fvi_state *s = &r->state;
    int64_t steps = steps_in_all(r);
    if (!r->tell)
        return;
    fv_train_progress p = {.step = s->step,
                           .steps = steps,
                           .epoch = (int)s->epoch + !end_of_epoch,
                           .epochs = (int)((steps + r->steps - 1) / r->steps),
                           .end_of_epoch = end_of_epoch,
                           .loss = loss,
                           .lr = r->optim.lr,
                           .best_val_loss = s->best_val,
                           .best_epoch = (int)s->best_epoch,
                           .seconds = elapsed(r),
                           .seconds_left = seconds_left(r),
                           .note = r->note};
    if (s->rows > 0) {
        p.val_loss = r->row[s->rows - 1].val_loss;
        p.val_score = r->row[s->rows - 1].val_score;
    }
    r->tell(r->user, &p);
}

/* ---- one step ---- */

/* Running means change in a forward run; a step that does not happen must
 * leave them alone. */
static void copy_buffers(const fvi_run *r, const float *from, float *to)
{
    for (int i = 0; i < fv_param_list_size(r->net.graph); i++) {
        fv_param p = fv_param_at(r->net.graph, i);
        if (!p.trained)
            memcpy(to + p.offset, from + p.offset,
                   (size_t)p.count * sizeof *to);
    }
}

static fv_status diverged(fvi_run *r, const char *what, double value)
{
    return fvi_fail(r->ctx, FV_EDIVERGED,
                    "step %lld: the %s is %g; try a smaller lr or a clip (the "
                    "best weights so far are those of epoch %lld)",
                    (long long)r->state.step + 1, what, value,
                    (long long)r->state.best_epoch);
}

static fv_status compute(fvi_run *r, double *loss, double *norm)
{
    const fvi_state *s = &r->state;
    FV_TRY(fvi_batch_fill(r));
    fv_plan_set_step(r->plan, (uint64_t)s->step);
    FV_TRY(fv_plan_run(r->ctx, r->plan));
    *loss = (double)*(float *)fv_plan_at(r->plan, r->net.loss).data;
    if (!isfinite(*loss))
        return diverged(r, "loss", *loss);
    memset(r->g, 0, (size_t)r->count * sizeof *r->g);
    FV_TRY(fv_plan_backward(r->ctx, r->plan, r->net.loss));
    r->optim.lr = r->o.lr * fvi_lr_factor(r);
    fv_status status =
        fv_optim_step(r->ctx, r->net.graph, &r->optim, s->moments + 1, r->w,
                      r->g, r->m1, r->m2, norm);
    return status == FV_EDIVERGED ? diverged(r, "gradient", *norm) : status;
}

static fv_status one_step(fvi_run *r)
{
    fvi_state *s = &r->state;
    double loss = 0, norm = 0;
    copy_buffers(r, r->w, r->buffers);
    fv_status status = compute(r, &loss, &norm);
    if (status != FV_OK) {
        copy_buffers(r, r->buffers, r->w);
        return status;
    }
    fvi_keep_frozen(r, r->buffers, r->w);
    fvi_average_step(r);
    s->loss_sum += loss;
    s->norm_sum += norm;
    s->at++;
    s->step++;
    s->moments++;
    r->work++;
    tell(r, loss, false);
    if (fvi_clock() - r->saved > SAVE_SECONDS)
        return fvi_checkpoint_write(r);
    return FV_OK;
}

/* ---- between epochs ---- */

static fv_status add_row(fvi_run *r, double val_loss, double val_score)
{
    fvi_state *s = &r->state;
    if (s->rows == r->row_room) {
        int64_t wider = r->row_room ? 2 * r->row_room : 64;
        fvi_row *grown =
            fvi_realloc(r->ctx, r->row, (size_t)wider * sizeof *grown);
        if (!grown)
            return FV_ENOMEM;
        r->row = grown;
        r->row_room = wider;
    }
    double steps = s->at > 0 ? (double)s->at : 1;
    r->row[s->rows++] = (fvi_row){.epoch = (double)s->epoch,
                                  .step = (double)s->step,
                                  .seconds = elapsed(r),
                                  .lr = r->optim.lr,
                                  .train_loss = s->loss_sum / steps,
                                  .val_loss = val_loss,
                                  .val_score = val_score,
                                  .norm = s->norm_sum / steps};
    return FV_OK;
}

static double mean_of(const fvi_row *row, int n, bool val)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += val ? row[i].val_loss : row[i].train_loss;
    return sum / n;
}

/* Validation rising while training falls, epoch for epoch too noisy to say. */
static void note_overfitting(fvi_run *r)
{
    enum { SPAN = 5 };
    const fvi_state *s = &r->state;
    r->note[0] = '\0';
    if (s->rows < 2 * SPAN || s->since_best < SPAN)
        return;
    const fvi_row *late = &r->row[s->rows - SPAN], *early = late - SPAN;
    double val = mean_of(late, SPAN, true);
    bool rises = val > mean_of(early, SPAN, true) && val > 1.05 * s->best_val;
    if (rises && mean_of(late, SPAN, false) < mean_of(early, SPAN, false))
        snprintf(r->note, sizeof r->note,
                 "overfitting: validation loss has risen from %.3g to %.3g "
                 "since epoch %lld while training loss falls",
                 s->best_val, val, (long long)s->best_epoch);
}

/* The score is what a user wants, so it decides; equal ones, as at the very
 * beginning, leave it to the loss. */
static bool better(const fvi_state *s, double val_loss, double val_score)
{
    if (s->best_epoch == 0 || val_score > s->best_score)
        return true;
    return !(val_score < s->best_score) && val_loss < s->best_val;
}

/* Best weights are kept; a plateau goes back to them with a smaller rate. */
static void judge(fvi_run *r, double val_loss, double val_score)
{
    fvi_state *s = &r->state;
    size_t bytes = (size_t)r->count * sizeof *r->w;
    s->since_best++;
    s->since_drop++;
    if (better(s, val_loss, val_score)) {
        s->best_val = val_loss;
        s->best_score = val_score;
        s->best_epoch = s->epoch;
        s->since_best = s->since_drop = 0;
        memcpy(r->best, r->mean ? r->mean : r->w, bytes);
    }
    if (r->schedule.kind != FV_LR_PLATEAU ||
        s->since_drop < r->schedule.patience)
        return;
    memcpy(r->w, r->best, bytes);
    if (r->mean)
        memcpy(r->mean, r->best, bytes);
    memset(r->m1, 0, bytes);
    memset(r->m2, 0, bytes);
    s->moments = s->since_drop = 0;
    s->drops++;
}

static bool finished(const fvi_run *r)
{
    const fvi_state *s = &r->state;
    bool patient = r->o.patience == 0 || s->since_best < r->o.patience;
    bool more = r->o.minutes > 0 ? !out_of_time(r) : s->epoch < r->o.epochs;
    return !patient || !more;
}

static fv_status end_epoch(fvi_run *r)
{
    fvi_state *s = &r->state;
    double val_loss = 0, val_score = 0;
    FV_TRY(fvi_validate_mean(r, &val_loss, &val_score));
    if (!isfinite(val_loss))
        return diverged(r, "validation loss", val_loss);
    s->epoch++;
    FV_TRY(add_row(r, val_loss, val_score));
    judge(r, val_loss, val_score);
    note_overfitting(r);
    tell(r, r->row[s->rows - 1].train_loss, true);
    s->at = 0;
    s->loss_sum = s->norm_sum = 0;
    s->done = finished(r);
    if (s->best_epoch == s->epoch)
        FV_TRY(fvi_save_best(r, false));
    FV_TRY(fvi_log_history(r));
    FV_TRY(fvi_progress_write(r));
    return fvi_checkpoint_write(r);
}

/* ---- the run ---- */

static fv_status train_epochs(fvi_run *r)
{
    fvi_state *s = &r->state;
    while (!s->done) {
        while (s->at < r->steps && !(s->at > 0 && out_of_time(r)))
            FV_TRY(one_step(r));
        FV_TRY(end_epoch(r));
    }
    return FV_OK;
}

/* A run that was stopped can go on; one that diverged keeps its best. */
static fv_status stop(fvi_run *r, fv_status why)
{
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%s", fv_message(r->ctx));
    if (why == FV_ECANCEL && fvi_checkpoint_write(r) != FV_OK)
        return FV_EIO;
    if (why == FV_EDIVERGED && r->state.best_epoch > 0)
        (void)!fvi_save_best(r, true);
    return fvi_fail(r->ctx, why, "%s", sentence);
}

/* What a run that is over came to, once more. */
static void tell_again(fvi_run *r)
{
    const fvi_state *s = &r->state;
    if (!s->done || s->rows == 0)
        return;
    snprintf(r->note, sizeof r->note,
             "finished before, after %lld epochs: nothing is left to train",
             (long long)s->epoch);
    tell(r, r->row[s->rows - 1].train_loss, true);
}

static fv_status train(fvi_run *r)
{
    r->began = fvi_clock() - r->state.seconds;
    r->first = r->saved = fvi_clock();
    tell_again(r);
    fv_status status = train_epochs(r);
    if (status != FV_OK)
        return stop(r, status);
    return fvi_save_best(r, true);
}

fv_status fv_train(fv_ctx *ctx, const fv_train_options *o, const char *run,
                   fv_train_callback tell_user, void *user)
{
    fvi_run r = {.ctx = ctx, .folder = run, .tell = tell_user, .user = user};
    fv_status status = fvi_run_open(&r, o);
    if (status == FV_OK)
        status = train(&r);
    fvi_run_close(&r);
    return status;
}
