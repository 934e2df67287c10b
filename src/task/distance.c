/*
 * Exact Euclidean distance of object pixels to the nearest other label.
 * Columns first, where the nearest other label is the end of a stretch; then
 * each run of a row takes the lower envelope of the parabolas over it.
 * Source: Felzenszwalb & Huttenlocher 2012, section 2.
 */

#include "task/task.h"

#include <math.h>

enum { COLUMNS = 256 }; /* columns done together, so that rows are contiguous */

static void columns(const uint32_t *labels, int64_t h, int64_t w, int64_t lo,
                    int64_t hi, float edge, float *g)
{
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = lo; x < hi; x++) {
            int64_t i = y * w + x;
            float above = y == 0                       ? edge
                          : labels[i - w] == labels[i] ? g[i - w] + 1.0f
                                                       : 1.0f;
            g[i] = labels[i] ? above : 0.0f;
        }
    for (int64_t y = h - 1; y >= 0; y--)
        for (int64_t x = lo; x < hi; x++) {
            int64_t i = y * w + x;
            float below = y == h - 1                   ? edge
                          : labels[i + w] == labels[i] ? g[i + w] + 1.0f
                                                       : 1.0f;
            if (below < g[i])
                g[i] = below;
        }
}

/* Scratch of one thread: the parabolas of the envelope and their starts. */
typedef struct envelope {
    double *height, *from; /* squared distance at the apex; first x it rules */
    int64_t *apex;
} envelope;

static int64_t build(const envelope *e, const float *g, int64_t n)
{
    int64_t k = 0;
    for (int64_t x = 0; x < n; x++) {
        if (isinf(g[x]))
            continue;
        double f = (double)g[x] * (double)g[x], from = -HUGE_VAL;
        while (k > 0) {
            /* (f(q)+q^2 - f(v)-v^2) / (2q - 2v), with x^2 - v^2 factored */
            int64_t v = e->apex[k - 1];
            double d = (double)(x - v);
            from = (f - e->height[k - 1]) / (2 * d) + (double)(x + v) / 2;
            if (from > e->from[k - 1])
                break;
            from = -HUGE_VAL;
            k--;
        }
        e->apex[k] = x;
        e->height[k] = f;
        e->from[k] = from;
        k++;
    }
    return k;
}

/* One run of n pixels; `left` and `right` tell whether another label (or the
 * outside, when it counts) lies just beyond its ends. */
static void run_distance(const envelope *e, float *g, int64_t n, bool left,
                         bool right)
{
    int64_t parabolas = build(e, g, n), k = 0;
    for (int64_t x = 0; x < n; x++) {
        double best = HUGE_VAL;
        if (parabolas) {
            while (k + 1 < parabolas && e->from[k + 1] < (double)x)
                k++;
            double d = (double)(x - e->apex[k]);
            best = d * d + e->height[k];
        }
        double l = (double)(x + 1), r = (double)(n - x);
        if (left && l * l < best)
            best = l * l;
        if (right && r * r < best)
            best = r * r;
        g[x] = (float)sqrt(best);
    }
}

static void row_distance(const envelope *e, const uint32_t *row, int64_t w,
                         int border, float *g)
{
    for (int64_t x = 0; x < w;) {
        int64_t x0 = x;
        while (x < w && row[x] == row[x0])
            x++;
        if (row[x0])
            run_distance(e, g + x0, x - x0, x0 > 0 || border, x < w || border);
    }
}

static bool one_label(const uint32_t *labels, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (labels[i] != labels[0])
            return false;
    return true;
}

fv_status fvi_distance(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                       int64_t w, int border, float *out)
{
    int threads = fvi_team(ctx, h * w);
    /* Alone in the image, an object has only the outside to keep off. */
    if (!border && one_label(labels, h * w))
        border = 1;
    size_t size = (size_t)w * (size_t)threads * sizeof(double);
    double *scratch = fvi_alloc(ctx, 3 * size);
    if (!scratch)
        return FV_ENOMEM;
    float edge = border ? 1.0f : INFINITY;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t x = 0; x < w; x += COLUMNS)
        columns(labels, h, w, x, x + COLUMNS < w ? x + COLUMNS : w, edge, out);
    int64_t strip = (h + threads - 1) / threads;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++) {
        double *own = scratch + 3 * w * t;
        envelope e = {own, own + w, (int64_t *)(void *)(own + 2 * w)};
        for (int64_t y = t * strip; y < (t + 1) * strip && y < h; y++)
            row_distance(&e, labels + y * w, w, border, out + y * w);
    }
    fvi_free(ctx, scratch);
    return FV_OK;
}

fv_status fv_distance_transform(fv_ctx *ctx, fv_tensor labels, int border,
                                fv_tensor out)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "distance", out, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "labels", labels, "distance", out));
    fvi_dense l, d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fvi_dense_open(ctx, out, false, &d);
    if (status == FV_OK) {
        status = fvi_distance(ctx, l.view.data, labels.dim[0], labels.dim[1],
                              border, d.view.data);
        if (status == FV_OK)
            status = fvi_dense_store(ctx, &d, out);
        fvi_dense_close(ctx, &d);
    }
    fvi_dense_close(ctx, &l);
    return status;
}
