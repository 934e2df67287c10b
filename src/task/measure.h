#ifndef FVI_MEASURE_H
#define FVI_MEASURE_H

/* The parts of fv_measure: the runs of one object, and what follows. */

#include "task/task.h"

/* Runs of one object in raster order. */
typedef struct fvi_object_runs {
    const fvi_span *run;
    int64_t count;
} fvi_object_runs;

/* Area, box, center and the ellipse of equal second moments. */
void fvi_moments(fvi_object_runs p, fv_object *o);

/* Pixels whose centers are in the convex hull of the object, where a pixel is
 * the diamond of its four edge centers, as skimage does. `scratch` has room
 * for 3 points per row of the object. */
typedef struct fvi_point {
    int64_t y, x; /* half pixels */
} fvi_point;
int64_t fvi_hull_area(fvi_object_runs p, fvi_point *scratch);

#endif
