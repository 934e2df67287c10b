#ifndef FVI_FLOW_H
#define FVI_FLOW_H

/* What the two directions share: heat in the boxes of objects, and points
 * that follow it. */

#include "fovea/flows.h"
#include "task/pieces.h"

/* ---- heat (flow_heat.c, flow_step.c) ---- */

/*
 * The box of one object with a frame. Pixel (y,x) is cell
 *   (y - y0 + 1) stride + x - x0 + FVI_LANES.
 * Cells are worked on in chunks of FVI_LANES; those that hold no pixel of the
 * object are left out, and `ninth` is 1/9 inside and 0 outside it.
 */
enum { FVI_LANES = 8 };
typedef struct fvi_heat {
    int64_t stride, cells, chunks;
    double *now, *next, *ninth;
    int64_t *chunk; /* first cell of each */
} fvi_heat;

/* Doubles of scratch that an object needs. */
int64_t fvi_heat_room(const fvi_piece *o);

/* Heat after `steps`, in `now`. `team` threads share one object. */
void fvi_heat_spread(const fvi_piece *o, const fvi_span *run,
                     const fv_flow_options *how, int64_t steps, int team,
                     double *scratch, fvi_heat *out);

static inline int64_t fvi_heat_cell(const fvi_heat *t, const fvi_piece *o,
                                    int64_t y, int64_t x)
{
    return (y - o->y0 + 1) * t->stride + x - o->x0 + FVI_LANES;
}

/* One step from `now` to `next` for chunks lo..hi-1: compiled for any
 * processor and for AVX-512, with the same bits. */
typedef void fvi_heat_step(const fvi_heat *t, int64_t lo, int64_t hi);
fvi_heat_step fvi_heat_step_any, fvi_heat_step_v4;

/* ---- directions (flow_field.c) ---- */

/* Called for every pixel of an object, by one thread per object. */
typedef void fvi_flow_use(void *to, int64_t object, int64_t y, int64_t x,
                          double dy, double dx);

fv_status fvi_flow_each(fv_ctx *ctx, const fvi_pieces *o,
                        const fv_flow_options *how, int64_t h, int64_t w,
                        fvi_flow_use *use, void *to);

/* ---- following (flow_follow.c) ---- */

/* The pixels above the threshold. The field is one of all pixels: looking up
 * which point a pixel is would double the reads of a step. */
typedef struct fvi_flow_points {
    int64_t h, w, count;
    uint32_t *pixel; /* y w + x, rising                               */
    float *field;    /* h w pairs (dY, dX) in px; 0 where no point is */
    uint32_t *bin;   /* pixel where each one arrives                  */
} fvi_flow_points;

/* How positions become places in the field along one axis of n pixels. */
typedef struct fvi_flow_axis {
    int64_t n;
    double factor, shift;
} fvi_flow_axis;

typedef struct fvi_flow_walk {
    const float *field;
    fvi_flow_axis y, x;
} fvi_flow_walk;

/* One Euler step; y and x have room for a multiple of FVI_LANES, and what is
 * beyond `count` must lie in the image. */
typedef void fvi_flow_walker(const fvi_flow_walk *k, float *y, float *x,
                             int64_t count);
fvi_flow_walker fvi_flow_walk_any, fvi_flow_walk_v4;

/* Whether the fast twins, named _v4, run on this processor. */
bool fvi_flow_fast(void);

/* Replaces p->bin, which may hold anything. */
fv_status fvi_flow_follow(fv_ctx *ctx, const fvi_flow_points *p, int64_t steps,
                          bool shifted);

/* ---- sinks (flow_sinks.c) ---- */

/* Replaces each bin by the number of its sink from 1, or 0. `plane` is h w
 * numbers of scratch. */
fv_status fvi_flow_sinks(fv_ctx *ctx, fvi_flow_points *p, uint32_t *plane,
                         int64_t *sinks);

/* ---- tidying as the field does (flow_tidy.c) ---- */

/* Small ones removed, holes filled with all that is in them, small ones
 * removed, numbers 1..count. */
fv_status fvi_flow_tidy(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                        const fv_flow_decode_options *o, int64_t *count);

#endif
