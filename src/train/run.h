#ifndef FVI_RUN_H
#define FVI_RUN_H

/* A training run: what it was told, what it holds, where it stands. */

#include "base/base.h"
#include "fovea/augment.h"
#include "fovea/model.h"
#include "fovea/train.h"
#include "train/data.h"

#include <jansson.h>

/* The network with its loss: one graph, the parameters of the model. */
typedef struct fvi_net {
    fv_graph *graph;
    fv_val image, answer, target, weight, loss;
} fvi_net;

fv_status fvi_net_build(fv_ctx *ctx, const fv_model *m, const char *loss,
                        fvi_net *out);

/* What a batch is made from. */
typedef struct fvi_batch {
    const fv_pair *pairs;
    int64_t count; /* of pairs */
    fv_target target;
    fv_augment augment;
    uint64_t seed;
    int64_t size, side, channels;
    float class_weight[4]; /* by class of the truth's first channel */
    float touching;        /* extra weight where objects touch */
    uint32_t *labels;      /* size crops */
    float *scratch;        /* size times fvi_augment_scratch */
    int64_t *order, pass;  /* the shuffled pairs of one pass over them */
} fvi_batch;

/* The three inputs of a plan to fill: image, target and weight. */
typedef struct fvi_inputs {
    fv_tensor image, target, weight;
} fvi_inputs;

fv_status fvi_batch_new(fv_ctx *ctx, const fv_train_options *o,
                        fv_target target, const fv_pair *pairs, int64_t count,
                        int channels, fvi_batch *out);
void fvi_batch_free(fv_ctx *ctx, fvi_batch *b);

/* Augmented crops number `step * size` and on of the epoch. */
fv_status fvi_batch_fill(fv_ctx *ctx, fvi_batch *b, int64_t epoch, int64_t step,
                         int64_t steps, fvi_inputs in);

/* One fixed window of a validation image. */
typedef struct fvi_window_at {
    int64_t pair, y, x;
} fvi_window_at;

/* Unchanged windows; pixels outside the picture are mirrored and weigh 0. */
fv_status fvi_batch_cut(fv_ctx *ctx, fvi_batch *b, const fv_pair *pairs,
                        const fvi_window_at *at, int64_t count, fvi_inputs in);

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

typedef struct fvi_run {
    fv_ctx *ctx;
    fv_train_options o; /* resolved */
    json_t *words;      /* owner of the text in `o` after resuming */
    const char *folder;
    fv_train_callback tell;
    void *user;

    fv_pair *train, *val;
    int64_t train_count, val_count, test_count;
    json_t *names; /* which image went where */
    fvi_window_at *window;
    int64_t windows;

    fv_model *model;
    fvi_net net;
    fvi_batch batch;
    fv_optim optim;
    fv_schedule schedule;
    int64_t count, steps; /* parameters; steps per epoch */
    float *w, *g, *m1, *m2, *best;
    float *buffers; /* what a canceled step would have spoiled */
    fv_plan *plan;
    fvi_inputs in;

    fvi_state state;
    fvi_row *row;
    int64_t row_room;
    double began;       /* clock minus state.seconds */
    double first, work; /* clock and steps of this process, for the rest */
    double saved;
    char note[160];
} fvi_run;

double fvi_clock(void); /* seconds, monotonic */

/* touch.c: times `factor` where two objects are within 2 px; labels and weight
 * have side x side. */
fv_status fvi_weigh_touching(fv_ctx *ctx, const uint32_t *labels, int64_t side,
                             float factor, float *weight);

/* setup.c */
fv_status fvi_run_open(fvi_run *r, const fv_train_options *o);
void fvi_run_close(fvi_run *r);

/* data_set.c: reads and splits (train, val, names); chooses the windows of
 * validation, once the crop is known. */
fv_status fvi_run_data(fvi_run *r);
fv_status fvi_run_windows(fvi_run *r);

/* validate.c: loss and AP at IoU 0.5 on the validation windows. */
fv_status fvi_validate(fvi_run *r, double *loss, double *ap);

/* checkpoint.c */
fv_status fvi_checkpoint_write(fvi_run *r);
fv_status fvi_checkpoint_read(fvi_run *r);

/* log.c */
fv_status fvi_log_options(const fvi_run *r);
fv_status fvi_log_history(const fvi_run *r);
json_t *fvi_options_json(const fv_train_options *o);
/* An object as text (fvi_free); NULL, with the sentence set, when that or
 * making the object ran out of memory. */
char *fvi_json_text(fv_ctx *ctx, const json_t *value);
/* The options in a run.json; `*words` owns their text (json_decref). */
fv_status fvi_options_read(fv_ctx *ctx, const char *path, fv_train_options *o,
                           json_t **words);

/* progress.c */
fv_status fvi_progress_write(const fvi_run *r);

/* finish.c */
fv_status fvi_save_best(fvi_run *r, bool tuned);

/* loop.c */
double fvi_lr_factor(const fvi_run *r);

#endif
