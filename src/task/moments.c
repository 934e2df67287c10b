/* Area, center and ellipse of an object, from its runs: the sums over a run
 * have closed forms. Angles and axes as in skimage.measure.regionprops. */

#include "task/measure.h"

#include <math.h>

static const double quarter_turn = 0.78539816339744830962; /* pi / 4 */

static void extent(fvi_object_runs p, fv_object *o)
{
    int64_t top = INT64_MAX, left = INT64_MAX, bottom = 0, right = 0;
    int64_t area = 0;
    for (int64_t i = 0; i < p.count; i++) {
        const fvi_span *r = p.run + i;
        top = r->y < top ? r->y : top;
        left = r->x0 < left ? r->x0 : left;
        bottom = r->y + 1 > bottom ? r->y + 1 : bottom;
        right = r->x1 > right ? r->x1 : right;
        area += r->x1 - r->x0;
    }
    o->area = area;
    o->box[0] = top;
    o->box[1] = left;
    o->box[2] = bottom;
    o->box[3] = right;
}

/* Sums of y and x relative to the box, exact below 2^53. */
static void find_center(fvi_object_runs p, fv_object *o)
{
    double sum_y = 0, sum_x = 0;
    for (int64_t i = 0; i < p.count; i++) {
        const fvi_span *r = p.run + i;
        double n = r->x1 - r->x0;
        sum_y += n * (double)(r->y - o->box[0]);
        sum_x += n * ((double)(r->x0 - o->box[1]) + (n - 1) / 2);
    }
    o->center[0] = (double)o->box[0] + sum_y / (double)o->area;
    o->center[1] = (double)o->box[1] + sum_x / (double)o->area;
}

/* Eigenvalues l1 >= l2 of [[yy, yx], [yx, xx]], the variances along the axes
 * of the ellipse; axis length 4 sqrt(l). */
static void ellipse(double yy, double yx, double xx, fv_object *o)
{
    double middle = (yy + xx) / 2, half = (yy - xx) / 2;
    double spread = sqrt(half * half + yx * yx);
    double l1 = middle + spread, l2 = fmax(middle - spread, 0);
    /* what rounding leaves of a straight line is nothing */
    if (l2 < 1e-14 * l1)
        l2 = 0;
    o->major = 4 * sqrt(l1);
    o->minor = 4 * sqrt(l2);
    o->eccentricity = l1 > 0 ? sqrt(1 - l2 / l1) : 0;
    if (fabs(yy - xx) <= 1e-12 * middle)
        o->orientation = yx > 1e-12 * middle ? quarter_turn : -quarter_turn;
    else
        o->orientation = 0.5 * atan2(2 * yx, yy - xx);
}

void fvi_moments(fvi_object_runs p, fv_object *o)
{
    extent(p, o);
    find_center(p, o);
    double yy = 0, yx = 0, xx = 0, area = (double)o->area;
    for (int64_t i = 0; i < p.count; i++) {
        const fvi_span *r = p.run + i;
        double n = r->x1 - r->x0, dy = r->y - o->center[0];
        double dx = r->x0 + (n - 1) / 2 - o->center[1];
        yy += n * dy * dy;
        yx += n * dy * dx;
        /* the variance of n steps is (n^2 - 1) / 12 */
        xx += n * dx * dx + n * (n * n - 1) / 12;
    }
    ellipse(yy / area, yx / area, xx / area, o);
}
