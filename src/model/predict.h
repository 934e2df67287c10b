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
    int views;                    /* 1, 4 or 8                      */
    fv_plan *plan;                /* for tiles of plan_size, or NULL */
    int64_t plan_size[2];
};

/* A picture as the network wants it: `rows` f32 (h,W,C) are its rows from
 * `first` on. Where more are wanted `fetch` replaces them by rows lo <= y < hi;
 * NULL when all are there. */
typedef struct fvi_scan {
    int64_t height, width, channels;
    fv_tensor rows;
    int64_t first;
    fv_status (*fetch)(struct fvi_scan *v, int64_t lo, int64_t hi);
} fvi_scan;

/* The network's answer, f32 (H,W,K), for fv_plane_free. */
fv_status fvi_predict_scan(fv_ctx *ctx, fv_predictor *p, fvi_scan *v,
                           fv_tensor *maps);

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

/* fvi_predict of the first time point and the middle z of an image that stays
 * in its file but for a band of rows; `channel` counts from 1, 0: all. At the
 * scale of the image only: fvi_predict_scale must be 1. */
fv_status fvi_predict_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps);

#endif
