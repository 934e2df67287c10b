#ifndef FVI_TASK_H
#define FVI_TASK_H

/* What the decoders, judges and exports share: dense planes, runs of equal
 * labels, counters by key, pixels ordered by height, outlines. */

#include "base/base.h"
#include "fovea/segment.h"

/* ---- planes ---- */

/* Threads worth waking for work on so many pixels. */
static inline int fvi_team(const fv_ctx *ctx, int64_t pixels)
{
    return pixels < 1 << 16 ? 1 : fv_threads(ctx);
}

/* FV_ESHAPE unless `t` has this dtype and number of axes; FV_EINVAL when it
 * has more pixels than 32-bit numbers can name. `want` is for the sentence. */
fv_status fvi_want(fv_ctx *ctx, const char *name, fv_tensor t, fv_dtype dtype,
                   int ndim, const char *want);

/* FV_ESHAPE unless height and width of `a` and `b` are equal. */
fv_status fvi_want_same(fv_ctx *ctx, const char *name_a, fv_tensor a,
                        const char *name_b, fv_tensor b);

/* A dense view of a tensor: the tensor itself, or a copy in `block`. */
typedef struct fvi_dense {
    fv_tensor view;
    void *block;
} fvi_dense;

fv_status fvi_dense_open(fv_ctx *ctx, fv_tensor t, bool read, fvi_dense *out);
/* Copies the numbers back to `t` where they are in `block`. */
fv_status fvi_dense_store(fv_ctx *ctx, const fvi_dense *d, fv_tensor t);
void fvi_dense_close(fv_ctx *ctx, fvi_dense *d);

/* ---- counters by key ---- */

/* Sums by 64-bit key, in the order in which keys came first. Start from
 * {.ctx = ctx}; memory is proportional to the number of keys. */
typedef struct fvi_tally {
    fv_ctx *ctx;
    uint64_t *key;
    int64_t *sum;
    int64_t count, room;
    uint32_t *slot; /* hash table: index + 1, 0 is empty */
    uint64_t slots; /* a power of two, or 0              */
} fvi_tally;

/* Adds `amount` to the sum of `key`; `index` may be NULL. FV_ENOMEM. */
fv_status fvi_tally_add(fvi_tally *t, uint64_t key, int64_t amount,
                        int64_t *index);
/* The index of `key`, or -1. */
int64_t fvi_tally_find(const fvi_tally *t, uint64_t key);
void fvi_tally_free(fvi_tally *t);

/* ---- runs ---- */

/* A run: pixels x0 <= x < x1 of row y, all with one label. */
typedef struct fvi_span {
    int32_t y, x0, x1;
    uint32_t label;
} fvi_span;

/* The runs of a label image by row, then by column. */
typedef struct fvi_runs {
    int64_t height, width, count;
    fvi_span *run;
    int64_t *first; /* row y is run[first[y]] .. run[first[y + 1] - 1] */
} fvi_runs;

/* Runs of labels u32 (h,w); those of label 0 only with `background`. */
fv_status fvi_runs_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                       int64_t w, bool background, fvi_runs *out);
void fvi_runs_free(fv_ctx *ctx, fvi_runs *r);

/* Connected parts of equal label. part[i] of run i counts from 0 in raster
 * order of the part's first pixel. `reach` is 0 for 4-connectivity, and 1 for
 * 8, which needs that runs of different labels do not meet. */
fv_status fvi_runs_join(fv_ctx *ctx, const fvi_runs *r, int reach,
                        uint32_t **part, int64_t *count);

/* Replaces each nonzero label of a mask by the number of its component. */
fv_status fvi_components(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                         int reach, int64_t *count);

/* Writes the labels of the runs into `labels` (all pixels they cover). */
void fvi_runs_paint(fv_ctx *ctx, const fvi_runs *r, uint32_t *labels);

/* ---- pixels by height ---- */

/* Pixels of a mask by falling relief, then in raster order. */
typedef struct fvi_order {
    int64_t count, levels;
    uint32_t *pixel; /* count                                             */
    uint32_t *level; /* of each pixel of the image: 0 is the highest;
                        unset outside the mask                            */
} fvi_order;

/* NaN is lower than everything. */
fv_status fvi_order_new(fv_ctx *ctx, const float *relief, const uint8_t *mask,
                        int64_t pixels, fvi_order *out);
void fvi_order_free(fv_ctx *ctx, fvi_order *o);

/* fv_watershed on dense planes with the order at hand. */
fv_status fvi_flood(fv_ctx *ctx, const fvi_order *o, const uint8_t *mask,
                    uint32_t *labels, int64_t h, int64_t w);

/* Marks with 1 in `labels` the top of each hill that rises at least `rise`
 * over the pass to a higher one. `relief` must be finite inside the order. */
fv_status fvi_peaks(fv_ctx *ctx, const fvi_order *o, const float *relief,
                    double rise, uint32_t *labels, int64_t h, int64_t w);

/* ---- the rest ---- */

/* Distances that networks answer are in units of so many px. */
#define FVI_DISTANCE_UNIT 10.0f

/* gaussian.c: Gaussian blur of a dense plane (H,W,C) in place, mirrored at the
 * edges and without allocation; `scratch` has its size. Returns the factor by
 * which the standard deviation of white noise shrinks: the sum of squared taps
 * along one axis. */
double fvi_smooth(const int64_t dim[3], float *a, float *scratch, double sigma,
                  int threads);

/* The table of fv_objects_write_csv as text. */
void fvi_objects_text(fvi_text *t, const fv_objects *o, const double pitch[3]);

/* fv_distance_transform on dense planes. */
fv_status fvi_distance(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                       int64_t w, int border, float *out);

/* fv_clean_labels on a dense plane. */
fv_status fvi_clean(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                    int64_t min_area, int fill_holes, int64_t *count);

#endif
