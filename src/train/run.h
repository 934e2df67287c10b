#ifndef FVI_RUN_H
#define FVI_RUN_H

/* A training run: what it was told, what it holds, where it stands. */

#include "base/base.h"
#include "fovea/augment.h"
#include "fovea/model.h"
#include "fovea/train.h"
#include "train/data.h"
#include "train/passes.h"

#include <jansson.h>

typedef struct fvi_run fvi_run;
typedef struct fvi_task fvi_task; /* task.h */

/* The network with its loss: one graph, the parameters of the model. */
typedef struct fvi_net {
    fv_graph *graph;
    fv_val image, answer, target, weight, loss;
    fv_val extra, truth; /* more inputs of the task, or {0} */
} fvi_net;

/* net.c: the network of r->model and the loss of the task. */
fv_status fvi_net_build(fvi_run *r, fvi_net *out);

/* What a batch is made from. */
typedef struct fvi_batch {
    const fvi_task *task;
    const fv_pair *pairs;
    int64_t count; /* of pairs */
    fv_augment augment;
    uint64_t seed;
    int64_t size, side, channels;
    uint32_t *labels;  /* size crops */
    float *scratch;    /* size times fvi_augment_scratch */
    fvi_passes passes; /* over the pairs */
    void *own;         /* of the task: begin makes it, end frees it */
} fvi_batch;

/* The inputs of a plan to fill; `extra` and `truth` have no data unless the net
 * has them. */
typedef struct fvi_inputs {
    fv_tensor image, target, weight, extra, truth;
} fvi_inputs;
/* Those of a plan of r->net. */
fvi_inputs fvi_inputs_of(const fvi_run *r, fv_plan *p);

/* One fixed window of a validation image. */
typedef struct fvi_window_at {
    int64_t pair, y, x;
} fvi_window_at;

/* Where the run stands: everything that resuming needs besides vectors.
 * 64-bit members only: it is written as it is. */
typedef struct fvi_state {
    int64_t epoch, at;     /* finished epochs; steps within this one */
    int64_t step, moments; /* steps of the run; since moments began  */
    int64_t drops, since_drop, since_best, best_epoch, rows, done;
    double best_val, best_score, loss_sum, norm_sum, seconds;
} fvi_state;

typedef struct fvi_row { /* one finished epoch */
    double epoch, step, seconds, lr, train_loss, val_loss, val_score, norm;
} fvi_row;

struct fvi_run {
    fv_ctx *ctx;
    fv_train_options o; /* resolved */
    char *words;        /* text that `o` points to after resuming */
    const char *folder;
    fv_train_callback tell;
    void *user;

    const fvi_task *task;
    fvi_names classes;                /* of classification, in natural order */
    fvi_sources sources, val_sources; /* val: with a folder of its own */
    fv_pair *train, *val;
    int64_t train_count, val_count, test_count;
    json_t *names; /* which image went where */
    fvi_window_at *window;
    int64_t windows;
    int64_t tallies; /* numbers the task counts in validation */

    fv_model *init, *model; /* init: to start from, until model is made */
    fv_model *feature_model, *segment_model; /* a loss asks them, or NULL */
    fvi_net net;
    fvi_batch batch;
    fv_optim optim;
    float *rate; /* by parameter, or NULL */
    fv_schedule schedule;
    int64_t count, steps; /* parameters; steps per epoch */
    float *w, *g, *m1, *m2;
    float *mean;    /* of the weights so far, or NULL */
    float *best;    /* the numbers of the model */
    float *buffers; /* what a canceled step would have spoiled; may be NULL */
    fv_plan *plan;
    fvi_inputs in;

    fvi_state state;
    fvi_row *row;
    int64_t row_room;
    double began;       /* clock minus state.seconds */
    double first, work; /* clock and steps of this process, for the rest */
    double saved;
    char note[160];
};

double fvi_clock(void); /* seconds, monotonic */

/* touch.c: times `factor` where two objects are within 2 px; labels and weight
 * have side x side. */
fv_status fvi_weigh_touching(fv_ctx *ctx, const uint32_t *labels, int64_t side,
                             float factor, float *weight);

/* setup.c */
fv_status fvi_run_open(fvi_run *r, const fv_train_options *o);
void fvi_run_close(fvi_run *r);

/* data_set.c: notes the names of the sources by role; chooses the windows of
 * validation, once the crop is known. */
fv_status fvi_note_sources(fvi_run *r);
/* Notes the SHA-256 of what sha256sum prints for the training files, in order:
 * each image, then its label or target file. FV_EIO, FV_ECANCEL. */
fv_status fvi_note_hash(fvi_run *r);
fv_status fvi_run_windows(fvi_run *r);

/* network.c: r->init from the file of that name; r->model. */
fv_status fvi_read_init(fvi_run *r);
fv_status fvi_make_model(fvi_run *r);

/* inherit.c: fills the parameters of `to` that `from` has, too, by name; where
 * only the setting "base" is larger, all, so that the answers stay the same but
 * for a little noise. Returns how many weights of layers these are. */
int fvi_inherit(const fv_model *from, fv_model *to, uint64_t seed);

/* batch.c */
fv_status fvi_batch_open(fvi_run *r);
void fvi_batch_close(fvi_run *r);
/* Augmented crops of the step at r->state into r->in. */
fv_status fvi_batch_fill(fvi_run *r);
/* Unchanged windows of r->val; beyond `count` they weigh 0. */
fv_status fvi_batch_cut(fvi_run *r, const fvi_window_at *at, int64_t count,
                        fvi_inputs in);

/* validate.c: loss and score on the validation windows. */
fv_status fvi_validate(fvi_run *r, double *loss, double *score);

/* rates.c: r->rate by the options freeze and layer_decay; after a step, the
 * buffers of what is frozen as they were `before`. */
fv_status fvi_make_rates(fvi_run *r);
void fvi_keep_frozen(const fvi_run *r, const float *before, float *w);

/* average.c: r->mean, when there is one, after a step; validation with it in
 * place of r->w, which comes back. */
void fvi_average_step(fvi_run *r);
fv_status fvi_validate_mean(fvi_run *r, double *loss, double *score);

/* checkpoint.c */
fv_status fvi_checkpoint_write(fvi_run *r);
fv_status fvi_checkpoint_read(fvi_run *r);

/* log.c */
fv_status fvi_log_options(const fvi_run *r);
fv_status fvi_log_history(const fvi_run *r);
/* FV_EINVAL: text that run.json cannot hold. */
fv_status fvi_options_check_text(fv_ctx *ctx, const fv_train_options *o);
json_t *fvi_options_json(const fv_train_options *o);
/* An object as text (fvi_free); NULL, with the sentence set, when that or
 * making the object ran out of memory. */
char *fvi_json_text(fv_ctx *ctx, const json_t *value);
/* The options in a run.json, but for `resume`; `*words` holds their text
 * (fvi_free). FV_EIO, FV_EFORMAT, FV_EINVAL (a value that an option does not
 * take), FV_ENOMEM; `*o` is then half set. */
fv_status fvi_options_read(fv_ctx *ctx, const char *path, fv_train_options *o,
                           char **words);

/* progress.c */
fv_status fvi_progress_write(const fvi_run *r);

/* finish.c: model.fovea with the best weights; the `last` time, which may
 * take a while, what the task does when training ends. */
fv_status fvi_save_best(fvi_run *r, bool last);

/* loop.c */
double fvi_lr_factor(const fvi_run *r);

#endif
