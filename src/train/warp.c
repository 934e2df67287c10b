/* The geometry of a training crop: one map from output to input pixels. */
#include "train/warp.h"

#include <math.h>

int64_t fvi_warp_grid(int64_t side)
{
    return side / FVI_KNOT_SPACING + 4; /* 4 knots reach every pixel */
}

/* ---- drawing ---- */

static uint32_t label_at(fv_tensor labels, int64_t y, int64_t x)
{
    return ((const uint32_t *)labels.data)[y * labels.dim[1] + x];
}

/* A random object pixel: a few guesses, then the next one in raster order. */
static bool object_pixel(fvi_rng *r, fv_tensor labels, int64_t at[2])
{
    int64_t n = fv_count(labels), start = 0;
    const uint32_t *label = labels.data;
    for (int guess = 0; guess < 64; guess++) {
        start = fvi_rng_below(r, n);
        if (label[start])
            break;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t k = (start + i) % n;
        if (label[k]) {
            at[0] = k / labels.dim[1];
            at[1] = k % labels.dim[1];
            return true;
        }
    }
    return false;
}

/* Whole pixels, so that a crop without rotation and zoom is exact. */
static double random_center(fvi_rng *r, int64_t extent, int64_t side)
{
    int64_t slack = extent - side, lo = slack < 0 ? slack : 0;
    int64_t span = (slack < 0 ? -slack : slack) + 1;
    return (double)(lo + fvi_rng_below(r, span)) + 0.5 * (double)(side - 1);
}

static void draw_center(const fv_augment *a, fvi_rng *r, fv_tensor labels,
                        int64_t side, double center[2])
{
    int64_t at[2];
    bool wanted = fvi_rng_uniform(r) < a->foreground;
    if (wanted && object_pixel(r, labels, at)) {
        double half = side % 2 ? 0 : 0.5; /* keeps whole pixels whole */
        center[0] = (double)at[0] - half;
        center[1] = (double)at[1] - half;
        return;
    }
    center[0] = random_center(r, labels.dim[0], side);
    center[1] = random_center(r, labels.dim[1], side);
}

static void draw_map(const fv_augment *a, fvi_rng *r, double map[2][2])
{
    const double turn = 6.283185307179586;
    double flip_y = fvi_rng_uniform(r) < 0.5 && a->flip ? -1 : 1;
    double flip_x = fvi_rng_uniform(r) < 0.5 && a->flip ? -1 : 1;
    double angle = turn * fvi_rng_uniform(r);
    double zoom = log(a->scale_max / a->scale_min) * fvi_rng_uniform(r);
    double c = a->rotate ? cos(angle) : 1, s = a->rotate ? sin(angle) : 0;
    double step = exp(-zoom) / a->scale_min; /* input px per output px */
    map[0][0] = step * flip_y * c;
    map[0][1] = -step * flip_y * s;
    map[1][0] = step * flip_x * s;
    map[1][1] = step * flip_x * c;
}

static void draw_knots(double sigma, fvi_rng *r, int64_t count, float *knots)
{
    /* A uniform cubic B-spline over independent knots of variance 1 has
     * variance 151/315 along each axis, averaged over positions. */
    double scale = sigma * 315.0 / 151.0;
    for (int64_t i = 0; i < count; i++)
        knots[i] = (float)(scale * fvi_rng_normal(r));
}

fvi_warp fvi_warp_draw(const fv_augment *a, fvi_rng *r, fv_tensor labels,
                       int64_t side, float *knots)
{
    fvi_warp w = {.grid = fvi_warp_grid(side)};
    draw_center(a, r, labels, side, w.center);
    draw_map(a, r, w.map);
    if (a->elastic > 0) {
        draw_knots(a->elastic, r, 2 * w.grid * w.grid, knots);
        w.knots = knots;
    }
    return w;
}

fvi_warp fvi_warp_still(int64_t top, int64_t left, int64_t side)
{
    double half = 0.5 * (double)(side - 1);
    return (fvi_warp){.map = {{1, 0}, {0, 1}},
                      .center = {(double)top + half, (double)left + half}};
}

fvi_warp fvi_warp_exact(const fv_augment *a, fvi_rng *r, const int64_t dim[2],
                        int64_t side)
{
    static const int turns[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    fvi_warp w = {.grid = 0};
    w.center[0] = random_center(r, dim[0], side);
    w.center[1] = random_center(r, dim[1], side);
    int flip = fvi_rng_uniform(r) < 0.5 && a->flip ? -1 : 1;
    const int *t = turns[a->rotate ? fvi_rng_below(r, 4) : 0];
    w.map[0][0] = t[0];
    w.map[0][1] = -t[1];
    w.map[1][0] = flip * t[1];
    w.map[1][1] = flip * t[0];
    return w;
}

/* ---- applying ---- */

/* Weights of the four knots around position t in [0,1) of a knot interval. */
static void spline_weights(double t, double b[4])
{
    double u = 1 - t;
    b[0] = u * u * u / 6;
    b[1] = (4 - 6 * t * t + 3 * t * t * t) / 6;
    b[2] = (4 - 6 * u * u + 3 * u * u * u) / 6;
    b[3] = t * t * t / 6;
}

/* The spline's knots along x for output row `i`. */
static void knots_of_row(const fvi_warp *w, int64_t i, float *row)
{
    double b[4];
    int64_t first = i / FVI_KNOT_SPACING;
    spline_weights((double)(i % FVI_KNOT_SPACING) / FVI_KNOT_SPACING, b);
    for (int64_t k = 0; k < 2 * w->grid; k++) {
        double sum = 0;
        for (int64_t j = 0; j < 4; j++)
            sum += b[j] * (double)w->knots[(first + j) * 2 * w->grid + k];
        row[k] = (float)sum;
    }
}

static void displace(const float *row, int64_t j, double d[2])
{
    double b[4];
    const float *knot = row + 2 * (j / FVI_KNOT_SPACING);
    spline_weights((double)(j % FVI_KNOT_SPACING) / FVI_KNOT_SPACING, b);
    d[0] = d[1] = 0;
    for (int k = 0; k < 4; k++) {
        d[0] += b[k] * (double)knot[2 * k];
        d[1] += b[k] * (double)knot[2 * k + 1];
    }
}

/* "dcb|abcd|cba": the picture goes on as in a mirror at its last pixels. */
static int64_t mirror(int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (n == 1)
        return 0;
    int64_t period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

static void bilinear(fv_tensor image, double y, double x, float *out)
{
    int64_t H = image.dim[0], W = image.dim[1], C = image.dim[2];
    double top = floor(y), left = floor(x);
    float fy = (float)(y - top), fx = (float)(x - left);
    int64_t y0 = mirror((int64_t)top, H), y1 = mirror((int64_t)top + 1, H);
    int64_t x0 = mirror((int64_t)left, W), x1 = mirror((int64_t)left + 1, W);
    const float *p = image.data;
    const float *a = p + (y0 * W + x0) * C, *b = p + (y0 * W + x1) * C;
    const float *c = p + (y1 * W + x0) * C, *d = p + (y1 * W + x1) * C;
    for (int64_t k = 0; k < C; k++) {
        float above = (1 - fx) * a[k] + fx * b[k];
        float below = (1 - fx) * c[k] + fx * d[k];
        out[k] = (1 - fy) * above + fy * below;
    }
}

static uint32_t nearest(fv_tensor labels, double y, double x)
{
    return label_at(labels, mirror((int64_t)floor(y + 0.5), labels.dim[0]),
                    mirror((int64_t)floor(x + 0.5), labels.dim[1]));
}

void fvi_warp_apply(const fvi_warp *w, fv_tensor image, fv_tensor labels,
                    fv_tensor image_out, fv_tensor labels_out, float *row)
{
    int64_t side = image_out.dim[0], C = image.dim[2];
    double half = 0.5 * (double)(side - 1), d[2] = {0, 0};
    float *pixel = image_out.data;
    uint32_t *label = labels_out.data;
    for (int64_t i = 0; i < side; i++) {
        if (w->knots)
            knots_of_row(w, i, row);
        for (int64_t j = 0; j < side; j++, pixel += C) {
            if (w->knots)
                displace(row, j, d);
            double v = (double)i - half + d[0], u = (double)j - half + d[1];
            double y = w->center[0] + w->map[0][0] * v + w->map[0][1] * u;
            double x = w->center[1] + w->map[1][0] * v + w->map[1][1] * u;
            bilinear(image, y, x, pixel);
            if (label)
                *label++ = nearest(labels, y, x);
        }
    }
}
