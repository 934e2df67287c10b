#ifndef FVI_PREDICT_H
#define FVI_PREDICT_H

/* The inside of a predictor. */

#include "model/model.h"
#include "model/tiles.h"

struct fv_predictor {
    fv_ctx *ctx;
    const fv_model *model;
    fv_predict_options o;
    int64_t multiple, halo, side; /* side: of the largest tile, px; */
    bool one_side;                /* or of every tile               */
    fv_plan *plan;                /* for tiles of plan_size, or NULL */
    int64_t plan_size[2];
};

/* Image px times this are the px that the network was trained on. */
double fvi_predict_scale(const fv_predictor *p);

/* A copy of `plane` f32 (H,W,C) as the network wants it: its channels,
 * normalised with what goes into `range`, at its scale. The caller frees it
 * with fv_plane_free. */
fv_status fvi_prepare(fv_ctx *ctx, const fv_predictor *p, fv_tensor plane,
                      int rgb, fvi_range *range, fv_tensor *out);

/* As fv_predict, and the range the picture was normalised with. */
fv_status fvi_predict(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      fvi_range *range, fv_tensor *maps);

#endif
