#ifndef FVI_MODEL_H
#define FVI_MODEL_H

/* What the files of this floor share. */

#include "base/base.h"
#include "fovea/model.h"
#include "image/bands.h"

/* A model whose graph is built but which has no parameters yet. Takes over
 * `config` when it succeeds. */
fv_status fvi_model_shell(fv_ctx *ctx, const fv_arch *arch, void *config,
                          fv_model **out);

/* Numbers of all parameters and buffers. */
size_t fvi_model_numbers(const fv_model *m);

/* A dense f32 tensor on its own block (fv_plane_free). FV_ENOMEM. */
fv_status fvi_tensor_new(fv_ctx *ctx, fv_dtype dtype, int ndim,
                         const int64_t dim[], fv_tensor *out);

/* The answer of the network of `m` with `params` to `input`. The caller frees
 * `*output` with fv_plane_free. */
fv_status fvi_model_answer(fv_ctx *ctx, const fv_model *m, float *params,
                           const char *backend, fv_tensor input,
                           fv_tensor *output);

/* What a picture is normalised with: low[c] becomes 0, high[c] becomes 1. */
typedef struct fvi_range {
    double low[FV_MAX_CHANNELS], high[FV_MAX_CHANNELS];
} fvi_range;

/* normalize.c: as the model says; `rgb` takes percentiles of all channels. */
fv_status fvi_range_of(fv_ctx *ctx, const fv_model *m, fv_tensor plane, int rgb,
                       fvi_range *out);
fv_status fvi_range_of_bands(fv_ctx *ctx, const fv_model *m, const fvi_bands *b,
                             int rgb, fvi_range *out);
/* FV_EINVAL unless `task` is what the model is for. */
fv_status fvi_model_wants(fv_ctx *ctx, const fv_model *m, const char *task);

/* square.c: a copy of f32 (H,W,C) with the shorter side `side`, in
 * proportion. */
fv_status fvi_fit(fv_ctx *ctx, fv_tensor plane, int64_t side, fv_tensor *out);
/* `g` with the numbers of `m` for one picture of m->side. FV_EFORMAT: a model
 * that has none. */
fv_status fvi_square_plan(fv_ctx *ctx, const fv_model *m, fv_graph *g,
                          fv_plan_options how, fv_plan **out);
/* The middle of `plane`, fitted and normalised, into the input `image`
 * (1,S,S,C) of such a plan. */
fv_status fvi_square_fill(fv_ctx *ctx, const fv_model *m, fv_tensor plane,
                          int rgb, fv_tensor image);

/* classify.c: what the last layer with weights is given, the mean over
 * pixels. */
fv_val fvi_class_features(fv_graph *g, fv_val answer);

/* prepare.c: a copy with the channels of the model; one stays one, and RGB
 * becomes its mean for a model of one channel. The caller frees it with
 * fv_plane_free. FV_ESHAPE when they do not fit. */
fv_status fvi_match_channels(fv_ctx *ctx, const fv_model *m, fv_tensor plane,
                             int rgb, fv_tensor *out);

void fvi_classes_free(fv_ctx *ctx, fv_model *m);

/* borrow.c: the network of `m`, which takes pictures (FV_ENOTSUP), without any
 * output: whoever names one makes it run no further than there. `*g` is the
 * caller's, also after a failure. */
fv_status fvi_model_graph(fv_ctx *ctx, const fv_model *m, fv_graph **g,
                          fv_val *image, fv_val *answer);
/* The answer of `m` to `image` within `g` (fvi_borrow); its numbers must
 * outlive the plans. Gray feeds all channels. */
fv_val fvi_model_borrow(fv_graph *g, const fv_model *m, fv_val image);
/* The same; what is asked for are the maps before each step that makes them
 * smaller, at most `most`, into `feature`. Returns their number. */
int fvi_model_features(fv_graph *g, const fv_model *m, fv_val image,
                       fv_val feature[], int most);

/* As fv_segment; `*maps` (may be NULL) receives the network's answer, too. */
fv_status fvi_segment(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      fv_tensor *maps, fv_tensor *labels, int64_t *count);

/* fv_segment of the first time point and middle z of an image in its file;
 * `channel` counts from 1, 0: all. fvi_predict_streams must be true. */
fv_status fvi_segment_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps, fv_tensor *labels,
                             int64_t *count);

/* Areas in `o` are those of the scale a network was trained at; here image px
 * times `scale` are its px. */
fv_decode_options fvi_decode_at(fv_decode_options o, double scale);

/* The shortest form that holds the weights of `m` as they are. */
fv_weights fvi_weights_of(const fv_model *m);

/* Reads the model that fv_model_locate finds by this name; caller's. */
fv_status fvi_model_open(fv_ctx *ctx, const char *name, fv_model **out);

/* The folder of built-in models and the names in it (without ".fovea"), in
 * natural order; `*path` NULL and no names when there is none. `folder` as in
 * fv_model_locate. Free with fvi_free and fvi_names_free. */
fv_status fvi_model_names(fv_ctx *ctx, const char *folder, char **path,
                          fvi_names *names);

#endif
