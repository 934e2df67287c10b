/*
 * One star as a polygon: corners, area, extents, and how much of two stars is
 * common.
 */

#include "task/star.h"

#include <math.h>

enum { X, Y, SUM, DIFFERENCE, AXES };

void fvi_star_corners(const fvi_star_maps *m, uint32_t cell, bool truncate,
                      fvi_corners *out)
{
    const fv_tensor *t = &m->t;
    int64_t i = cell / t->dim[1], j = cell % t->dim[1], step = t->stride[2];
    float row = (float)(i * m->o.grid), column = (float)(j * m->o.grid);
    const float *d =
        (const float *)t->data + i * t->stride[0] + j * t->stride[1] + step;
    out->count = m->rays.count;
    for (int k = 0; k < out->count; k++) {
        float length = fvi_star_ray(m, d[k * step]);
        float y = row + length * m->rays.row[k];
        float x = column + length * m->rays.column[k];
        out->y[k] = truncate ? (double)(int64_t)y : (double)y;
        out->x[k] = truncate ? (double)(int64_t)x : (double)x;
    }
}

fvi_star fvi_star_measure(uint32_t cell, const fvi_corners *p)
{
    fvi_star s = {.cell = cell};
    double twice = 0;
    for (int a = 0; a < AXES; a++) {
        s.lo[a] = HUGE_VAL;
        s.hi[a] = -HUGE_VAL;
    }
    for (int k = 0, j = p->count - 1; k < p->count; j = k++) {
        double x = p->x[k] - p->x[0], y = p->y[k] - p->y[0];
        double along[AXES] = {p->x[k], p->y[k], p->x[k] + p->y[k],
                              p->x[k] - p->y[k]};
        twice += (p->x[j] - p->x[0]) * y - x * (p->y[j] - p->y[0]);
        for (int a = 0; a < AXES; a++) {
            s.lo[a] = along[a] < s.lo[a] ? along[a] : s.lo[a];
            s.hi[a] = along[a] > s.hi[a] ? along[a] : s.hi[a];
        }
    }
    s.area = fabs(twice) / 2;
    return s;
}

/* ---- intersection ---- */

/* The edges of a polygon as functions y(x) on [lo,hi]: those that meet the
 * stretch from..to of x. The sign is +1 where x falls along the polygon and -1
 * where it rises. */
typedef struct edges {
    int count;
    double lo[FV_MAX_RAYS], hi[FV_MAX_RAYS], sign[FV_MAX_RAYS];
    double y0[FV_MAX_RAYS], slope[FV_MAX_RAYS];
} edges;

typedef struct frame {
    double x0, y0, from, to; /* origin, and the common stretch from there */
} frame;

static void stretch(const fvi_corners *p, double x0, double *lo, double *hi)
{
    *lo = *hi = p->x[0] - x0;
    for (int k = 1; k < p->count; k++) {
        double x = p->x[k] - x0;
        *lo = x < *lo ? x : *lo;
        *hi = x > *hi ? x : *hi;
    }
}

static frame common(const fvi_corners *a, const fvi_corners *b)
{
    frame f = {.x0 = a->x[0], .y0 = a->y[0]};
    double from, to;
    stretch(a, f.x0, &f.from, &f.to);
    stretch(b, f.x0, &from, &to);
    f.from = from > f.from ? from : f.from;
    f.to = to < f.to ? to : f.to;
    return f;
}

static void edges_of(const fvi_corners *p, frame f, edges *e)
{
    e->count = 0;
    for (int k = 0, j = p->count - 1; k < p->count; j = k++) {
        double ax = p->x[j] - f.x0, ay = p->y[j] - f.y0;
        double bx = p->x[k] - f.x0, by = p->y[k] - f.y0;
        double lo = ax < bx ? ax : bx, hi = ax < bx ? bx : ax;
        if (ax == bx || hi <= f.from || lo >= f.to)
            continue;
        int n = e->count++;
        e->lo[n] = lo;
        e->hi[n] = hi;
        e->sign[n] = ax < bx ? -1 : 1;
        e->slope[n] = (by - ay) / (bx - ax);
        e->y0[n] = ay - e->slope[n] * ax;
    }
}

/* Twice the signed sum of the integrals of (a - b)+ over b, for one edge a:
 * on the common stretch the difference d is linear, from d0 to d1, and the
 * integral of its positive part is w (d0+ + d1+)^2 / 2(|d0| + |d1|). */
static double above(const edges *a, int i, const edges *b)
{
    const double lo = a->lo[i], hi = a->hi[i];
    const double y0 = a->y0[i], slope = a->slope[i];
    double sum = 0;
    for (int j = 0; j < b->count; j++) {
        double from = b->lo[j] > lo ? b->lo[j] : lo;
        double to = b->hi[j] < hi ? b->hi[j] : hi;
        if (!(to > from))
            continue;
        double y = y0 - b->y0[j], s = slope - b->slope[j];
        double d0 = y + s * from, d1 = y + s * to;
        double up = (d0 > 0 ? d0 : 0) + (d1 > 0 ? d1 : 0);
        double all = fabs(d0) + fabs(d1);
        if (up > 0)
            sum += b->sign[j] * (to - from) * up * up / all;
    }
    return sum;
}

/*
 * A polygon is the signed sum of the strips under its edges, so the area of
 * an intersection is a sum over pairs of edges a(x), b(x) with signs s:
 *   sum s_a s_b (integral of min(a,b)) = - sum s_a s_b (integral of (a - b)+)
 * because min(a,b) = a - (a - b)+ and the signs of b cancel at every x.
 * Nothing here is degenerate: common corners and edges need no care.
 */
double fvi_star_intersection(const fvi_corners *a, const fvi_corners *b)
{
    edges ea, eb;
    double sum = 0;
    frame f = common(a, b);
    edges_of(a, f, &ea);
    edges_of(b, f, &eb);
    for (int i = 0; i < ea.count; i++)
        sum += ea.sign[i] * above(&ea, i, &eb);
    return sum < 0 ? -sum / 2 : 0;
}

/* ---- bounds ---- */

/* Area of the octagon with these extents, each of which touches something:
 * the box without its corners. */
static double octagon(const double lo[AXES], const double hi[AXES])
{
    double a = hi[X] + hi[Y] - hi[SUM], b = lo[SUM] - lo[X] - lo[Y];
    double c = hi[X] - lo[Y] - hi[DIFFERENCE];
    double d = lo[DIFFERENCE] - lo[X] + hi[Y];
    return (hi[X] - lo[X]) * (hi[Y] - lo[Y]) -
           (a * a + b * b + c * c + d * d) / 2;
}

void fvi_star_bounds(const fvi_star *a, const fvi_star *b, double *least,
                     double *most)
{
    double lo[AXES], hi[AXES], side[AXES];
    for (int k = 0; k < AXES; k++) {
        lo[k] = a->lo[k] < b->lo[k] ? a->lo[k] : b->lo[k];
        hi[k] = a->hi[k] > b->hi[k] ? a->hi[k] : b->hi[k];
        double from = a->lo[k] > b->lo[k] ? a->lo[k] : b->lo[k];
        double to = a->hi[k] < b->hi[k] ? a->hi[k] : b->hi[k];
        side[k] = to > from ? to - from : 0;
    }
    /* |A and B| = |A| + |B| - |A or B| */
    *least = a->area + b->area - octagon(lo, hi);
    double box = side[X] * side[Y], diamond = side[SUM] * side[DIFFERENCE] / 2;
    *most = box < diamond ? box : diamond;
}
