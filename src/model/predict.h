#ifndef FVI_PREDICT_H
#define FVI_PREDICT_H

/* The inside of a predictor. */

#include "model/model.h"
#include "model/style.h"
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
    bool automatic;   /* each picture has a diameter of its own */
    double diameter;  /* of the picture at hand, px; 0: as it is */
    fvi_style *style; /* made when it is wanted                  */
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

/* All of `plane` f32 (H,W,C), which stays the caller's. */
fvi_scan fvi_scan_of(fv_tensor plane);

/* Has the rows under tiles that start at `top` and are `tile` high. */
fv_status fvi_scan_want(fvi_scan *v, int64_t top, int64_t tile);

/* The part under a tile (1,h,w,C), mirrored beyond the edges of the picture,
 * whose rows were wanted. */
void fvi_tile_fill(const fvi_scan *v, int64_t top, int64_t left,
                   fv_tensor tile);

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

/* As fv_predict at the scale of p->diameter, and the range the picture was
 * normalised with. */
fv_status fvi_predict(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      fvi_range *range, fv_tensor *maps);

/* Pictures may stay in their files: they are seen once, at their own scale and
 * the right way round. */
bool fvi_predict_streams(const fv_predictor *p);

/* fvi_predict of the first time point and the middle z of an image that stays
 * in its file but for a band of rows; `channel` counts from 1, 0: all.
 * fvi_predict_streams must be true. */
fv_status fvi_predict_source(fv_ctx *ctx, fv_predictor *p, fv_source *source,
                             int channel, fv_tensor *maps);

#endif
