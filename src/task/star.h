#ifndef FVI_STAR_H
#define FVI_STAR_H

/* What the files star_*.c share: rays, the shape of one star, the stars that
 * are kept. */

#include "fovea/stars.h"
#include "task/task.h"

/* Unit steps along the rays. */
typedef struct fvi_rays {
    int count;
    float row[FV_MAX_RAYS], column[FV_MAX_RAYS];
} fvi_rays;

fvi_rays fvi_rays_new(int count);
/* FV_EINVAL unless FV_MIN_RAYS <= count <= FV_MAX_RAYS and grid >= 1. */
fv_status fvi_star_check(fv_ctx *ctx, int64_t rays, int grid);
/* FV_ESHAPE unless `maps` has one cell per grid x grid pixels. */
fv_status fvi_star_fit(fv_ctx *ctx, fv_tensor labels, int grid,
                       const char *name, fv_tensor maps);

/* Dense or strided maps, and the rays they are about. */
typedef struct fvi_star_maps {
    fv_tensor t; /* f32 (H',W',1+rays) */
    fv_star_options o;
    fvi_rays rays;
    float unit; /* px per number */
} fvi_star_maps;

/* A star as a polygon. The ends of its extent along x, y, x+y and x-y bound
 * it; its shape is known again from `cell` when it is needed. */
typedef struct fvi_star {
    uint32_t cell; /* index into the maps */
    double area;   /* of the polygon, px^2 */
    double lo[4], hi[4];
} fvi_star;

/* Corners of the star in `cell`. */
typedef struct fvi_corners {
    int count;
    double x[FV_MAX_RAYS], y[FV_MAX_RAYS];
} fvi_corners;

/* A distance in px, within the limits. */
static inline float fvi_star_ray(const fvi_star_maps *m, float d)
{
    d *= m->unit;
    return d < 1e-3f ? 1e-3f : d > 1e5f ? 1e5f : d;
}

/* Where overlaps are measured (`truncate` counts), and where it is painted. */
void fvi_star_corners(const fvi_star_maps *m, uint32_t cell, bool truncate,
                      fvi_corners *out);
/* Area and extents of a polygon. */
fvi_star fvi_star_measure(uint32_t cell, const fvi_corners *p);
/* Area of the intersection of two polygons; exact but for the last bits. */
double fvi_star_intersection(const fvi_corners *a, const fvi_corners *b);
/* What that area grows by where crossings of edges are rounded to whole px;
 * corners must be whole. */
double fvi_star_rounding(const fvi_corners *a, const fvi_corners *b);
/* Bounds of the area from the extents alone. */
void fvi_star_bounds(const fvi_star *a, const fvi_star *b, double *least,
                     double *most);

/* Stars that are kept, by falling probability. */
typedef struct fvi_star_list {
    fvi_star *star;
    int64_t count, room;
} fvi_star_list;

/* Goes through `cell` (by falling probability) and keeps what no star kept
 * before overlaps too much. fvi_free(out->star) also after a failure. */
fv_status fvi_star_select(fv_ctx *ctx, const fvi_star_maps *m,
                          const uint32_t *cell, int64_t count,
                          fvi_star_list *out);

/* Number k + 1 on the pixels whose centers lie in star k or on its outline;
 * the first is on top. labels (h,w), dense, all written. */
void fvi_star_paint(fv_ctx *ctx, const fvi_star_maps *m,
                    const fvi_star_list *list, uint32_t *labels, int64_t h,
                    int64_t w);

/* fv_star_decode of maps whose distances are in units of so many px. */
fv_status fvi_star_decode(fv_ctx *ctx, fv_tensor maps, fv_star_options o,
                          float unit, fv_tensor labels, fv_stars *stars);

#endif
