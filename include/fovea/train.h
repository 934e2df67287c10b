#ifndef FV_TRAIN_H
#define FV_TRAIN_H

#include "fovea/model.h"
#include "fovea/optim.h"
#include "fovea/score.h"

FV_C_BEGIN

/* What may be asked of a training run; fv_train_fields describes each member
 * (defaults, ranges, help) for the command line and run.json. */
typedef struct fv_train_options {
    /* data */
    const char *task;   /* segment, restore, classify, embed            */
    const char *images; /* folder of images                             */
    const char *labels; /* folder of label images                       */
    const char *val_images, *val_labels; /* NULL: split by seed             */
    const char *targets, *val_targets;   /* folders of clean images           */
    const char *split_csv; /* table with columns id and split              */
    const char *only;      /* "column=value[,value]" keeps rows of the csv */
    double val_fraction, test_fraction; /* 0.1, 0.1 (split by seed)         */
    /* network */
    const char *arch, *target; /* NULL: by the task, boundary              */
    const char *init;      /* built-in model or file; NULL: random weights */
    const char *config;    /* "base=24,depth=3" for the architecture       */
    int channels;          /* 1 gray, 3 RGB; 0: as the images              */
    const char *normalize; /* percentile, mean_std; NULL: the task's own  */
    double percentile_low, percentile_high;
    /* optimisation */
    const char *optimizer, *schedule, *loss;
    double lr, momentum, weight_decay, clip, lr_factor, lr_lowest;
    double average; /* decay of the mean of weights that is kept; 0: off    */
    int epochs, steps, batch, crop, warmup, lr_period, lr_patience, patience;
    double minutes; /* stop in time: the schedule is laid over this; 0: off */
    /* augmentation */
    int flip, rotate;
    double rescale; /* to this median diameter of the objects, px; 0: off  */
    int size;       /* learn to estimate the diameter of objects           */
    double scale_min, scale_max, elastic, intensity, noise, blur, invert;
    double foreground; /* share of crops centered on an object              */
    double by_area;  /* images are drawn by this power of their area; 0: alike*/
    double touching; /* extra weight of pixels between touching objects   */
    /* restoration */
    const char *method;  /* care, n2n, n2v, n2v2                            */
    int target_channels; /* of the answer; 0: as the targets          */
    const char *target_range; /* image, own; NULL: by the channels         */
    double blind_share; /* of pixels hidden from the network, percent       */
    int blind_radius;   /* of the window replacements come from, px         */
    const char *blind_replace; /* uniform, median                           */
    const char *blind_mask;    /* "1x9": also hidden, against structure     */
    const char *feature_model; /* network of the loss perceptual            */
    const char *segment_model; /* network whose maps are to stay the same, or
                                  with `labels` to become what these say    */
    double segment_weight;     /* of their difference in the loss           */
    /* classification */
    double label_smoothing;
    /* fine-tuning */
    const char *freeze; /* names of parameters: "down*,bottom*"            */
    double layer_decay; /* learning rate per layer towards the input        */
    /* the rest */
    int seed, threads, resume;
    const char *backend;
    const char *precision; /* of products in steps: f32 (also NULL), bf16   */
} fv_train_options;

FV_API extern const fv_field fv_train_fields[];

/* What a callback is told after every step and every epoch, and of a resumed
 * run that was finished already once more. */
typedef struct fv_train_progress {
    int64_t step, steps;
    int epoch, epochs;
    int end_of_epoch; /* 1: the validation numbers below are new       */
    double loss, lr;  /* of this step, or the epoch's mean             */
    double val_loss, val_score, best_val_loss;
    int best_epoch;
    double seconds, seconds_left;
    const char *note; /* a sentence worth showing (overfitting), or "" */
} fv_train_progress;
typedef void (*fv_train_callback)(void *user, const fv_train_progress *p);

/*
 * Trains into the folder `run` (docs/training.md): run.json, history.csv,
 * progress.svg, model.fovea (best on validation, thresholds tuned there),
 * last.ckpt. With o->resume continues bit for bit from last.ckpt; o->images
 * NULL then means all options as in run.json. Every stop, also FV_ECANCEL and
 * kill -9, leaves a folder that can be resumed.
 * FV_EIO, FV_EINVAL, FV_EFORMAT, FV_ENOMEM, FV_EDIVERGED (best weights kept).
 */
FV_NODISCARD FV_API fv_status fv_train(fv_ctx *ctx, const fv_train_options *o,
                                       const char *run, fv_train_callback tell,
                                       void *user);

/* Bytes that fv_train takes for the parameters of a network: weights as they
 * are trained and the best ones, gradients, two moments, and running values as
 * they were, where there are any. */
FV_API double fv_train_bytes(const fv_graph *g);

/* One image and its truth in memory, as read. Which truth depends on the task:
 * labels, a target, other shots of the field, or a class. */
typedef struct fv_pair {
    char *name;
    fv_tensor plane;  /* f32 (H,W,C), normalised                           */
    fv_tensor labels; /* u32 (H,W)                                         */
    fv_tensor target; /* f32 (H,W,C), normalised as the plane              */
    int64_t field, shots; /* pairs field .. field + shots - 1 show one field*/
    int64_t category;     /* class number                                  */
    int rgb;      /* 1: channels were red, green and blue              */
    double pitch; /* um per px as the file says; 0: unknown            */
} fv_pair;

/* The thresholds that give `m` the highest mean AP over IoU .5 to .9 on
 * `pairs` (validation images): written into m->decode. `*ap` (may be NULL)
 * receives AP at IoU 0.5, pooled over images, with the chosen thresholds.
 * FV_EINVAL, FV_ESHAPE, FV_ENOMEM, FV_ECANCEL. */
FV_NODISCARD FV_API fv_status fv_tune(fv_ctx *ctx, fv_model *m,
                                      const fv_pair pairs[], int64_t count,
                                      double *ap);

/*
 * Learns m->size from `pairs` (training images): the style of a window at a
 * random scale against the median diameter of the objects in it, by ridge
 * regression of its logarithm. Three windows of at most 256 x 256 px of each of
 * at most 200 images, evenly spread; those without objects are passed over.
 * FV_ENOTSUP: the network has no style; FV_EINVAL: too few windows.
 */
FV_NODISCARD FV_API fv_status fv_fit_size(fv_ctx *ctx, fv_model *m,
                                          const fv_pair pairs[], int64_t count,
                                          uint64_t seed);

/* The median over `pairs` of |estimated/true - 1| of the diameter; NaN when
 * none has objects. Of more than 100 images, or fewer when they are larger than
 * 512 x 512 px, evenly spread ones are judged. FV_ENOTSUP: the model has no
 * `size`. */
FV_NODISCARD FV_API fv_status fv_size_error(fv_ctx *ctx, const fv_model *m,
                                            const fv_pair pairs[],
                                            int64_t count, double *error);

/* Pairs images with labels: the same stem in `labels`, or stem_masks /
 * stem_labels in either folder. FV_EINVAL names the first image without
 * labels; FV_ESHAPE one whose sizes differ. `channels` 0: as the images.
 * Planes are normalised with `percentile` (low, high). FV_EIO, FV_EFORMAT,
 * FV_ENOMEM. The caller frees with fv_pairs_free. */
FV_NODISCARD FV_API fv_status fv_pairs_read(fv_ctx *ctx, const char *images,
                                            const char *labels, int channels,
                                            const double percentile[2],
                                            fv_pair **out, int64_t *count);
FV_API void fv_pairs_free(fv_ctx *ctx, fv_pair *pairs, int64_t count);

FV_C_END

#endif
