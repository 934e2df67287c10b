#ifndef FVI_TRAIN_TASK_H
#define FVI_TRAIN_TASK_H

/*
 * What a network is trained for, described once. The loop, the checkpoint and
 * the logs ask the table of the run's task for everything particular; a new
 * task is one such table and a row in task.c.
 */

#include "train/run.h"

struct fvi_task {
    const char *name; /* "segment": the option and the model file's word */
    const char *noun; /* "segmentation", for the title of the card        */
    int windows; /* of a validation image at most; 1: its middle          */
    const char *arch;  /* without the option */
    const char *score; /* column of history.csv with the validation score */

    /* Options: those that contradict each other; what is left open. */
    fv_status (*check)(fvi_run *r);

    /*
     * Data, in two steps, so that the network is known before pixels are
     * read. `find`: r->sources and r->val_sources with their roles, and
     * r->o.channels when it is 0. `read`: r->train and r->val; FV_EINVAL when
     * there is nothing to learn from.
     */
    fv_status (*find)(fvi_run *r);
    fv_status (*read)(fvi_run *r);

    /* Network: how many maps it answers with. `old` is the model to start
     * from or NULL; `*same` when its last layer can stay. */
    fv_status (*aim)(fvi_run *r, const fv_model *old, int *maps, bool *same);
    /* Settings that a new network of r->o.arch has unless the user says so;
     * those it lacks are passed over. "residual=1,...". NULL: none. */
    void (*settings)(const fvi_run *r, char words[160]);
    /* What the model file says about the answer: into r->model. NULL: no more
     * than the task. */
    fv_status (*mark)(fvi_run *r);
    /* The inputs "target" and "weight" and the loss on n->answer; spatial
     * extents may stay open (-1) and become those of the crop. */
    fv_status (*loss)(fvi_run *r, fvi_net *n);

    /*
     * Batches. The weights are all 1 before `crop` and `cut`.
     *   begin  NULL, or what is worked out once; end frees it (may be NULL)
     *   crop   in many threads, without allocation: the augmented crop number
     *          `index` of the epoch from `p` into slot `i`
     *   cut    the unchanged window at `at` of `p` into slot `i`
     *   truth  NULL, or after each crop: what needs memory
     */
    fv_status (*begin)(fvi_run *r);
    void (*end)(fvi_run *r);
    void (*crop)(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                 int64_t index, int64_t i, fvi_inputs in);
    fv_status (*truth)(fvi_run *r, int64_t i, fvi_inputs in);
    fv_status (*cut)(fvi_run *r, const fvi_window_at *at, int64_t i,
                     fvi_inputs in);

    /*
     * Validation: `count` windows were answered; what they tell is added to
     * the r->tallies numbers of `tally` (set in begin). `total` makes the
     * score of the epoch, higher is better.
     */
    fv_status (*add)(fvi_run *r, fvi_inputs in, fv_tensor answer,
                     const fvi_window_at *at, int64_t count, double *tally);
    double (*total)(const fvi_run *r, const double *tally);

    /* When training ends, with the best weights in r->model: thresholds are
     * tuned; scores for the card are added to `scores`. NULL: nothing. */
    fv_status (*finish)(fvi_run *r, json_t *scores);
    /* What else the card says in its title and of the data. NULL: nothing. */
    void (*describe)(const fvi_run *r, fvi_text *title, json_t *data);
};

extern const fvi_task fvi_task_segment, fvi_task_restore, fvi_task_classify,
    fvi_task_embed;

/* FV_EINVAL: the sentence lists what there is. */
fv_status fvi_task_find(fv_ctx *ctx, const char *name, const fvi_task **out);

/* ---- for tasks ---- */

/* FV_EINVAL unless `value` of an option is in the list "a, b, c". */
fv_status fvi_task_takes(const fvi_run *r, const char *option,
                         const char *value, const char *list);

/* The i-th part of a tensor along its first axis, without that axis. */
fv_tensor fvi_part(fv_tensor t, int64_t i);
/* Slot `i` of the inputs, likewise. */
fvi_inputs fvi_inputs_at(fvi_inputs in, int64_t i);

/* Scratch of slot `i`, for fvi_augment_fill. */
float *fvi_batch_scratch(const fvi_batch *b, int64_t i);

/* Pixels of a window of side S outside `dim` (height, width) weigh 0. */
void fvi_weigh_inside(const int64_t dim[2], const fvi_window_at *at,
                      fv_tensor weight);
/* Large pictures have many windows; each picture counts the same. */
void fvi_share_equally(const int64_t dim[2], fv_tensor weight);

/* data_set.c: images and what belongs to them, by folder, table or seed; notes
 * who trains, validates and is left alone. */
fv_status fvi_find_pairs(fvi_run *r, fvi_truth kind, const char *truth,
                         const char *val_truth);
/* Reads the sources with a role into new pairs; what was read is in `*out`,
 * `*count` also after a failure. */
typedef fv_status fvi_read_role(fvi_run *r, const fvi_sources *s, fvi_role role,
                                fv_pair **out, int64_t *count);
/* r->train and r->val by `read`. FV_EINVAL when nothing is left to train or to
 * validate on. */
fv_status fvi_read_roles(fvi_run *r, fvi_read_role *read);

/* diameters.c: diameters of labeled objects, px: the 5th percentile, the
 * median and the 95th percentile; 0 without any. */
typedef struct fvi_diameter_range {
    double low, median, high;
    int64_t objects;
} fvi_diameter_range;
fv_status fvi_measure_objects(fv_ctx *ctx, const fv_pair *pairs, int64_t count,
                              fvi_diameter_range *out);
/* Resizes each pair so that its median object has this diameter, by factors
 * from 1/8 to 8; pairs without objects stay. */
fv_status fvi_rescale_pairs(fv_ctx *ctx, fv_pair *pairs, int64_t count,
                            double diameter);

/* statistics.c: mean and deviation of each channel of the training images,
 * unless the model has them from the one it starts from. */
fv_status fvi_measure_planes(fvi_run *r);
/* What 0 and 1 are of targets in units of their own: the means of their
 * percentiles over the training images. */
fv_status fvi_measure_targets(fvi_run *r);
/* Brings planes and targets into the range of the model. */
fv_status fvi_normalize_pairs(fvi_run *r, fv_pair *pairs, int64_t count);

/* ---- of classification ---- */

/* classify_find.c: images in folders named after their classes, in a table, or
 * in the files of MNIST: r->sources with categories, r->classes. FV_EINVAL for
 * fewer classes than `fewest`. */
fv_status fvi_find_by_class(fvi_run *r, size_t fewest);
/* classify_idx.c: true when `folder` holds files of MNIST. */
fv_status fvi_idx_find(fvi_run *r, const char *folder, bool *found);
fv_status fvi_idx_pair(fv_ctx *ctx, const fvi_source *s, const void *idx,
                       int channels, fv_pair *out);
/* classify_read.c: pictures with the shorter side r->o.crop, in the range of
 * the model. */
fv_status fvi_squares_read(fvi_run *r);
fv_status fvi_classify_read(fvi_run *r);

/* ---- of restoration ---- */

/* task_restore.c: whether the method hides pixels of noisy images. */
bool fvi_is_blind(const fv_train_options *o);
/* restore_data.c */
fv_status fvi_restore_find(fvi_run *r);
fv_status fvi_restore_read(fvi_run *r);
/* restore_loss.c: FV_EINVAL unless r->o.loss is a sum of known losses that go
 * with the method; reads the networks that it asks. */
fv_status fvi_restore_check_loss(fvi_run *r);
bool fvi_restore_loss_has(const fvi_run *r, const char *name);
/* n->loss of n->answer, n->target and n->weight, which are there. */
fv_status fvi_restore_loss(fvi_run *r, fvi_net *n);
/* restore_labels.c: of the option labels, if it is given: paths into the
 * sources (FV_EINVAL: one is missing); the truth of slot `i`. */
fv_status fvi_restore_find_labels(fvi_run *r);
fv_status fvi_restore_truth(fvi_run *r, int64_t i, fvi_inputs in);
/* restore_batch.c */
fv_status fvi_restore_begin(fvi_run *r);
void fvi_restore_end(fvi_run *r);
void fvi_restore_crop(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                      int64_t index, int64_t i, fvi_inputs in);
fv_status fvi_restore_cut(fvi_run *r, const fvi_window_at *at, int64_t i,
                          fvi_inputs in);
/* PSNR of the windows, summed, and their number. */
fv_status fvi_restore_add(fvi_run *r, fvi_inputs in, fv_tensor answer,
                          const fvi_window_at *at, int64_t count,
                          double *tally);

/* ---- of segmentation ---- */

/* segment_truth.c: truth and weights of crops of labels. */
fv_status fvi_segment_begin(fvi_run *r);
void fvi_segment_end(fvi_run *r);
void fvi_segment_crop(const fvi_batch *b, const fv_pair *p, int64_t epoch,
                      int64_t index, int64_t i, fvi_inputs in);
fv_status fvi_segment_fill(fvi_run *r, int64_t i, fvi_inputs in);
fv_status fvi_segment_cut(fvi_run *r, const fvi_window_at *at, int64_t i,
                          fvi_inputs in);
fv_tensor fvi_segment_labels(const fvi_batch *b, int64_t i);
/* task_segment.c: how far n->answer is from n->target, with n->weight. */
fv_val fvi_segment_loss(const fvi_net *n, fv_target t, bool dice);

#endif
