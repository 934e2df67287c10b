/*
 * Area of the convex hull in pixels: both sides of the hull by the monotone
 * chain, then the pixel centers between them, row by row, in whole numbers.
 * Source: Andrew 1979, "Another efficient algorithm for convex hulls".
 */

#include "task/measure.h"

/* Twice the signed area of a, b, c: positive when c is left of a -> b seen
 * with y downward. */
static int64_t turn(fvi_point a, fvi_point b, fvi_point c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* Adds a point below all others and keeps the chain convex toward small x. */
static int64_t add(fvi_point *chain, int64_t n, fvi_point p)
{
    if (n > 0 && chain[n - 1].y == p.y) {
        if (chain[n - 1].x <= p.x)
            return n;
        n--;
    }
    while (n > 1 && turn(chain[n - 2], chain[n - 1], p) >= 0)
        n--;
    chain[n] = p;
    return n + 1;
}

/* The chain along the left of the object, or with `mirror` along its right
 * with the sign of x turned. Points are in half pixels. */
static int64_t side(fvi_object_runs p, bool mirror, fvi_point *chain)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p.count;) {
        int64_t y = 2 * (int64_t)p.run[i].y, last = i;
        while (last + 1 < p.count && p.run[last + 1].y == p.run[i].y)
            last++;
        int64_t x = mirror ? -2 * ((int64_t)p.run[last].x1 - 1)
                           : 2 * (int64_t)p.run[i].x0;
        n = add(chain, n, (fvi_point){y - 1, x});
        n = add(chain, n, (fvi_point){y, x - 1});
        n = add(chain, n, (fvi_point){y + 1, x});
        i = last + 1;
    }
    return n;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/* Sum over pixel rows of the first column at or right of the chain. */
static int64_t sum_columns(const fvi_point *chain, int64_t n)
{
    int64_t sum = 0;
    for (int64_t k = 0; k + 1 < n; k++) {
        fvi_point a = chain[k], b = chain[k + 1];
        int64_t h = b.y - a.y;
        /* rows at even y, each once: a.y <= y < b.y; the ends are odd */
        for (int64_t y = a.y + (a.y & 1); y < b.y; y += 2)
            sum += ceil_div(a.x * h + (b.x - a.x) * (y - a.y), 2 * h);
    }
    return sum;
}

int64_t fvi_hull_area(fvi_object_runs p, fvi_point *scratch)
{
    int64_t rows = p.run[p.count - 1].y - p.run[0].y + 1;
    int64_t left = sum_columns(scratch, side(p, false, scratch));
    int64_t right = sum_columns(scratch, side(p, true, scratch));
    return rows - left - right;
}
