#ifndef FV_MODEL_H
#define FV_MODEL_H

#include "fovea/arch.h"
#include "fovea/image.h"
#include "fovea/plan.h"
#include "fovea/segment.h"

FV_C_BEGIN

/* Most channels of a picture that a model takes. */
enum { FV_MAX_CHANNELS = 64 };

/*
 * A trained network and everything needed to use it: the contents of one
 * .fovea file. Owns what it points to; free with fv_model_free.
 */
typedef struct fv_model {
    const fv_arch *arch;
    void *config; /* of arch->fields                                        */
    char *words;  /* the text its members point to                          */
    fv_graph *graph;
    fv_val image, answer;
    float *params; /* fv_param_count(graph, 0) numbers                      */

    /* input: what is done to a picture before the network sees it */
    char normalize[16];   /* "percentile" of each picture, or "mean_std" of
                             the training set, per channel                  */
    double percentile[2]; /* normalisation, e.g. 1 and 99.8                 */
    double mean[FV_MAX_CHANNELS], deviation[FV_MAX_CHANNELS]; /* mean_std   */
    int side; /* classify, embed: px of the square a picture is fitted to */
    double diameter;     /* median object diameter trained on, px; 0: none */
    double diameters[2]; /* 5th and 95th percentile of them, px; 0: unknown */
    int rescaled; /* 1: every training image had objects of this diameter   */
    float *size;  /* log diameter (px) of the objects of a picture: a factor
                     for each number of its style, then a constant; NULL:
                     fv_estimate_diameter is not possible                   */
    int size_count;
    double pitch_um[2]; /* range of pixel pitch trained on; 0: unknown    */

    /* output */
    char task[16];      /* "segment", "restore", "classify" or "embed"      */
    char **class_names; /* classify: one per output; fv_model_set_classes   */
    int classes;
    int uncertainty; /* restore: 1: means, then scales (fv_loss_laplace)    */
    int views;   /* as in fv_predict_options; 0 is 1                          */
    int targets; /* restore: channels in units of their own: what 0 and 1
                        are in counts; 0: in the units of the picture       */
    double target_low[FV_MAX_CHANNELS], target_high[FV_MAX_CHANNELS];
    fv_target target;
    fv_decode_options decode; /* tuned on validation images                 */

    /* JSON objects as text, "{}" when empty */
    char *card;    /* title, summary, authors, license, data, scores, limits*/
    char *history; /* resolved options, seed, versions                      */

    /* check input f32 (1,H,W,C) and the answer to it; data NULL when absent*/
    fv_tensor check_input, check_output;
} fv_model;

/* A model of `arch` with initial weights from `seed` and default settings.
 * Takes over `config` (from fv_config_new) when it succeeds. */
FV_NODISCARD FV_API fv_status fv_model_new(fv_ctx *ctx, const fv_arch *arch,
                                           void *config, uint64_t seed,
                                           fv_model **out);
FV_API void fv_model_free(fv_ctx *ctx, fv_model *m); /* NULL is fine */

/* Copies `count` names into `m`. FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_model_set_classes(fv_ctx *ctx, fv_model *m,
                                                   const char *const name[],
                                                   int count);

/*
 * A .fovea file is a valid safetensors file (docs/file-format.md).
 * FV_EIO, FV_EFORMAT (damaged; or tensors that are not the architecture's,
 * with the first difference), FV_ENOTSUP (a later format), FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_model_read(fv_ctx *ctx, const char *path,
                                            fv_model **out);

typedef enum fv_weights {
    FV_WEIGHTS_F32,
    FV_WEIGHTS_BF16,
    FV_WEIGHTS_F16
} fv_weights;

/* Writes through a temporary file: all or nothing. With 16-bit weights the
 * check output is computed from the rounded ones. FV_EIO, FV_EINVAL (numbers
 * that are not finite, a card or history that is no JSON object), FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_model_write(fv_ctx *ctx, const char *path,
                                             const fv_model *m,
                                             fv_weights kind);

/*
 * Weights that another program trained, from a PyTorch state dict (.pth, .pt)
 * or a .safetensors file, into `m`, which has the architecture and settings
 * they were trained with (docs/file-format.md). Nothing in the file is run.
 * `names` is how the file calls things: "kair" and "saoyan" (dncnn), "same" (as
 * ours, cpnet); NULL: the first under which the file has every parameter.
 * `inside` is the dict that the weights are in ("params_ema"), or NULL.
 * FV_EIO, FV_EFORMAT (damaged; a tensor missing, one too many, or one of other
 * extents, with its name), FV_ENOTSUP (asks for what is no tensor), FV_EINVAL
 * (unknown names), FV_ENOMEM. After a failure the weights are of no use.
 */
FV_NODISCARD FV_API fv_status fv_model_import(fv_ctx *ctx, fv_model *m,
                                              const char *path,
                                              const char *names,
                                              const char *inside);

/* Runs the stored check input; `*error` is the largest absolute difference
 * from the stored output over its largest absolute value. FV_ENOTSUP when the
 * file has none. `backend` as in fv_plan_options; NULL: the fastest. */
FV_NODISCARD FV_API fv_status fv_model_check(fv_ctx *ctx, const fv_model *m,
                                             const char *backend,
                                             double *error);

/* Fills check_input with a fixed pattern and check_output with the answer. */
FV_NODISCARD FV_API fv_status fv_model_make_check(fv_ctx *ctx, fv_model *m);

/* The file of a built-in model ("nuclei"), searched in the folder given by
 * `folder` (NULL: beside the program, then where it was installed), or `name`
 * itself when it is a path. FV_EINVAL: the sentence lists what there is. The
 * caller frees `*path` with fv_text_free. */
FV_NODISCARD FV_API fv_status fv_model_locate(fv_ctx *ctx, const char *folder,
                                              const char *name, char **path);
FV_API void fv_text_free(fv_ctx *ctx, char *text);

/* Copies `count` numbers into m->size; 0: none. FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_model_set_size(fv_ctx *ctx, fv_model *m,
                                                const float *size, int count);

/* ---- running a model on pictures of any size ---- */

/* A diameter that is estimated for each picture, then refined: the median of
 * the objects found is the diameter of a second run. */
#define FV_DIAMETER_AUTO   (-1.0)
#define FV_DIAMETER_REFINE (-2.0)

typedef struct fv_predict_options {
    int tile;        /* side of a tile, px; 0: by memory, at most 512       */
    int overlap;     /* shared by neighbors, px; 0: the receptive field,
                        at most 192                                         */
    double diameter; /* of the objects in this image, px; or one of the two
                        above; 0: as trained, which is FV_DIAMETER_AUTO for
                        a model that is `rescaled` and has a `size`         */
    int views; /* the answer is the mean over so many views of the picture:
                  1: as it is, 4: mirrored, too, 8: also turned by a quarter;
                  0: as the model says                                      */
    const char *backend;
    fv_precision precision; /* as in fv_plan_options                        */
} fv_predict_options;

/* Keeps the plan between images of one tile size. */
typedef struct fv_predictor fv_predictor;
FV_NODISCARD FV_API fv_status fv_predictor_new(fv_ctx *ctx, const fv_model *m,
                                               fv_predict_options o,
                                               fv_predictor **out);
FV_API void fv_predictor_free(fv_predictor *p); /* NULL is fine */

/*
 * The network's answer for `plane` f32 (H,W,C) as recorded (it is copied and
 * normalised inside): maps f32 (H,W,K), in overlapping tiles blended without
 * seams. Gray images feed every channel of an RGB model; RGB images become
 * gray (mean) for a one-channel model. `rgb` normalises channels together.
 * FV_ESHAPE when channels do not fit, FV_ENOMEM, FV_ECANCEL.
 * The caller frees `*maps` with fv_plane_free.
 */
FV_NODISCARD FV_API fv_status fv_predict(fv_ctx *ctx, fv_predictor *p,
                                         fv_tensor plane, int rgb,
                                         fv_tensor *maps);

/*
 * fv_predict of a model for restoration, in the units of `plane`: `*restored`
 * f32 (H,W,C); or f32 (H,W,targets) in units of its own. `*uncertainty` (may
 * be NULL) receives the scale of the Laplace
 * distribution around each number, or ndim -1 when the model has none. A model
 * of one channel restores each channel by itself. The caller frees both with
 * fv_plane_free. FV_EINVAL: a model for something else.
 */
FV_NODISCARD FV_API fv_status fv_restore(fv_ctx *ctx, fv_predictor *p,
                                         fv_tensor plane, int rgb,
                                         fv_tensor *restored,
                                         fv_tensor *uncertainty);

/*
 * The median diameter (px) of the objects in `plane`, as fv_predict takes it,
 * told from its style: seen as it is, then once more at the scale where this
 * becomes the diameter trained on. Within a factor 8 of that.
 * FV_ENOTSUP: the model has no `size`.
 */
FV_NODISCARD FV_API fv_status fv_estimate_diameter(fv_ctx *ctx, fv_predictor *p,
                                                   fv_tensor plane, int rgb,
                                                   double *diameter);

/* The diameter (px) that the last picture was given; 0: as it was. */
FV_API double fv_predictor_diameter(const fv_predictor *p);

/* fv_predict, then fv_decode with the model's options: labels u32 (H,W), owned
 * by the caller (fv_plane_free). */
FV_NODISCARD FV_API fv_status fv_segment(fv_ctx *ctx, fv_predictor *p,
                                         fv_tensor plane, int rgb,
                                         fv_tensor *labels, int64_t *count);

/* ---- classification ---- */

/* A model for classification, planned for one picture at a time. */
typedef struct fv_classifier fv_classifier;
FV_NODISCARD FV_API fv_status fv_classifier_new(fv_ctx *ctx, const fv_model *m,
                                                const char *backend,
                                                fv_precision precision,
                                                fv_classifier **out);
FV_API void fv_classifier_free(fv_classifier *c); /* NULL is fine */

/* Numbers that the last layer sees: the length of an embedding. */
FV_API int fv_classifier_features(const fv_classifier *c);

/*
 * The probability of each class for `plane` f32 (H,W,C) as recorded: it is
 * brought to the model's channels and range, its shorter side to m->side, and
 * the middle is taken. `probability` receives m->classes numbers, `features`
 * (may be NULL) fv_classifier_features. Networks that answer pixel by pixel
 * are averaged over the picture. FV_ESHAPE, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_classify(fv_ctx *ctx, fv_classifier *c,
                                          fv_tensor plane, int rgb,
                                          float *probability, float *features);

/* ---- embedding ---- */

/* A model that makes a few numbers of a whole picture, planned for one picture
 * at a time: an autoencoder (its output "bottleneck") or a classification (what
 * its last layer sees). FV_EINVAL: a model for something else; FV_ENOTSUP: one
 * whose network does not take pictures. */
typedef struct fv_embedder fv_embedder;
FV_NODISCARD FV_API fv_status fv_embedder_new(fv_ctx *ctx, const fv_model *m,
                                              const char *backend,
                                              fv_precision precision,
                                              fv_embedder **out);
FV_API void fv_embedder_free(fv_embedder *e); /* NULL is fine */

/* How many numbers a picture becomes. */
FV_API int fv_embedder_numbers(const fv_embedder *e);

/* The numbers of `plane` f32 (H,W,C) as recorded, which is prepared as in
 * fv_classify: fv_embedder_numbers of them into `code`. FV_ESHAPE, FV_ENOMEM.
 */
FV_NODISCARD FV_API fv_status fv_embed(fv_ctx *ctx, fv_embedder *e,
                                       fv_tensor plane, int rgb, float *code);

FV_C_END

#endif
