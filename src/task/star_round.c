/*
 * What a clipper on whole px makes of the area of an intersection: it rounds
 * the points where edges cross. The outline of the intersection is the pieces
 * of either polygon inside the other one; those that end at a crossing change.
 * Source of how crossings are placed: Vatti 1992, "A generic solution to
 * polygon clipping", on whole numbers.
 */

#include "task/star.h"

#include <math.h>

typedef struct point {
    double x, y;
} point;

typedef struct edge {
    point from, to;
} edge;

/* On an edge, where the other polygon is entered or left. */
typedef struct crossing {
    double along; /* the edge, 0 to 1 */
    bool enters;
    point at, whole;
} crossing;

static edge edge_of(const fvi_corners *p, int k)
{
    const int next = k + 1 < p->count ? k + 1 : 0;
    return (edge){{p->x[k], p->y[k]}, {p->x[next], p->y[next]}};
}

/* Twice the area of the triangle, positive when it turns as stars do. */
static double turn(point a, point b, point c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

static double lower(edge e)
{
    return fmin(e.from.y, e.to.y);
}

/* x of a slanted or upright edge at y, rounded. */
static double whole_x(edge e, double y)
{
    if (y == e.to.y)
        return e.to.x;
    const double slope = (e.to.x - e.from.x) / (e.to.y - e.from.y);
    return round(e.from.x + slope * (y - e.from.y));
}

/* The largest y of a corner that is not above `most`. */
static double line_at(const fvi_corners *p, const fvi_corners *q, double most)
{
    double y = -HUGE_VAL;
    for (int k = 0; k < p->count; k++)
        y = p->y[k] <= most ? fmax(y, p->y[k]) : y;
    for (int k = 0; k < q->count; k++)
        y = q->y[k] <= most ? fmax(y, q->y[k]) : y;
    return y;
}

/* The clipper goes from corner to corner by falling y, and sees that edges have
 * crossed once their rounded x differ: until then the crossing moves along. */
static point seen_at(const fvi_corners *p, const fvi_corners *q, edge e, edge f,
                     point at)
{
    point whole = {round(at.x), round(at.y)};
    if (e.from.y == e.to.y || f.from.y == f.to.y)
        return whole;
    const double end = fmax(lower(e), lower(f));
    double y = line_at(p, q, at.y);
    for (; y >= end && whole_x(e, y) == whole_x(f, y);
         y = line_at(p, q, y - 0.5))
        whole = (point){whole_x(e, y), y};
    return whole;
}

/* Edge k of p and edge j of q; false unless each passes the other in between
 * its ends: corners are whole already. */
static bool cross(const fvi_corners *p, int k, const fvi_corners *q, int j,
                  crossing *c)
{
    const edge e = edge_of(p, k), f = edge_of(q, j);
    const double before = turn(f.from, f.to, e.from);
    const double after = turn(f.from, f.to, e.to);
    if (!(before * after < 0 &&
          turn(e.from, e.to, f.from) * turn(e.from, e.to, f.to) < 0))
        return false;
    c->enters = after > 0;
    c->along = before / (before - after);
    c->at.x = e.from.x + before * (e.to.x - e.from.x) / (before - after);
    c->at.y = e.from.y + before * (e.to.y - e.from.y) / (before - after);
    c->whole = seen_at(p, q, e, f, c->at);
    return true;
}

/* Where edge k of p crosses edges of q, in order. */
static int crossings(const fvi_corners *p, int k, const fvi_corners *q,
                     crossing *out)
{
    int n = 0;
    for (int j = 0; j < q->count; j++) {
        crossing c;
        if (!cross(p, k, q, j, &c))
            continue;
        int at = n++;
        for (; at > 0 && out[at - 1].along > c.along; at--)
            out[at] = out[at - 1];
        out[at] = c;
    }
    return n;
}

/* By how much the triangle of o and a piece grows. */
static double growth(point o, const crossing *from, const crossing *to)
{
    return (turn(o, from->whole, to->whole) - turn(o, from->at, to->at)) / 2;
}

/* The same for all pieces of p inside q. */
static double growth_inside(point o, const fvi_corners *p, const fvi_corners *q)
{
    crossing list[FV_MAX_RAYS + 2];
    double sum = 0;
    for (int k = 0; k < p->count; k++) {
        const edge e = edge_of(p, k);
        const int n = crossings(p, k, q, list + 1);
        if (n == 0)
            continue;
        list[0] = (crossing){
            .enters = !list[1].enters, .at = e.from, .whole = e.from};
        list[n + 1] = (crossing){.at = e.to, .whole = e.to};
        for (int i = 0; i <= n; i++)
            if (list[i].enters)
                sum += growth(o, &list[i], &list[i + 1]);
    }
    return sum;
}

double fvi_star_rounding(const fvi_corners *a, const fvi_corners *b)
{
    const point o = edge_of(a, 0).from;
    return growth_inside(o, a, b) + growth_inside(o, b, a);
}
