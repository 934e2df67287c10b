/*
 * Stars painted into a label image, the most probable on top. A pixel belongs
 * to a polygon when its center lies inside by the even-odd rule, or on the
 * outline. Bands of rows are painted side by side.
 */

#include "task/star.h"

#include <math.h>

enum { BAND = 64 };

typedef struct canvas {
    uint32_t *labels;
    int64_t w, top, bottom; /* rows top <= y < bottom are painted here */
} canvas;

/* Pixels from <= x <= to of row y. */
static void fill(const canvas *c, int64_t y, double from, double to,
                 uint32_t number)
{
    double last = (double)(c->w - 1);
    from = ceil(from < 0 ? 0 : from);
    to = floor(to > last ? last : to);
    for (int64_t x = (int64_t)from; from <= to && x <= (int64_t)to; x++)
        c->labels[y * c->w + x] = number;
}

static void insert(double *x, int n, double value)
{
    for (; n > 0 && x[n - 1] > value; n--)
        x[n] = x[n - 1];
    x[n] = value;
}

static void paint_row(const canvas *c, const fvi_corners *p, int64_t row,
                      uint32_t number)
{
    double x[FV_MAX_RAYS], y = (double)row;
    int n = 0;
    for (int k = 0, j = p->count - 1; k < p->count; j = k++) {
        double ya = p->y[j], yb = p->y[k], xa = p->x[j], xb = p->x[k];
        if ((ya <= y) != (yb <= y))
            insert(x, n++, xa + (y - ya) / (yb - ya) * (xb - xa));
        else if (ya == y && yb == y) /* an edge along the row */
            fill(c, row, xa < xb ? xa : xb, xa < xb ? xb : xa, number);
        if (yb == y) /* a corner on the row */
            fill(c, row, xb, xb, number);
    }
    for (int i = 0; i + 1 < n; i += 2)
        fill(c, row, x[i], x[i + 1], number);
}

static void paint_star(const canvas *c, const fvi_star_maps *m,
                       const fvi_star *s, uint32_t number)
{
    /* corners may have been cut by up to a pixel */
    double top = floor(s->lo[1]) - 1, bottom = ceil(s->hi[1]) + 1;
    if (bottom < (double)c->top || top >= (double)c->bottom)
        return;
    int64_t from = top > (double)c->top ? (int64_t)top : c->top;
    int64_t to = bottom < (double)c->bottom ? (int64_t)bottom : c->bottom - 1;
    fvi_corners p;
    fvi_star_corners(m, s->cell, false, &p);
    for (int64_t y = from; y <= to; y++)
        paint_row(c, &p, y, number);
}

void fvi_star_paint(fv_ctx *ctx, const fvi_star_maps *m,
                    const fvi_star_list *list, uint32_t *labels, int64_t h,
                    int64_t w)
{
    int threads = fvi_team(ctx, h * w);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t y = 0; y < h; y += BAND) {
        canvas c = {labels, w, y, y + BAND < h ? y + BAND : h};
        for (int64_t i = c.top * w; i < c.bottom * w; i++)
            labels[i] = 0;
        for (int64_t k = list->count - 1; k >= 0; k--)
            paint_star(&c, m, &list->star[k], (uint32_t)k + 1);
    }
}
