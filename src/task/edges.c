/* How near the outlines of two label images run. */

#include "fovea/score.h"
#include "task/task.h"

void fv_boundary_ratios(fv_boundary *b)
{
    double empty = b->pred || b->truth ? 0 : 1;
    double hits = (double)b->pred_near, found = (double)b->truth_near;
    b->precision = b->pred ? hits / (double)b->pred : empty;
    b->recall = b->truth ? found / (double)b->truth : empty;
    double sum = b->precision + b->recall;
    b->f = sum > 0 ? 2 * b->precision * b->recall / sum : 0;
}

/* An object pixel with a 4-neighbor of another label; beyond the image there
 * is nothing. As skimage.segmentation.find_boundaries(mode="inner"). */
static bool on_outline(const uint32_t *l, int64_t h, int64_t w, int64_t y,
                       int64_t x)
{
    int64_t i = y * w + x;
    if (!l[i])
        return false;
    return (y > 0 && l[i - w] != l[i]) || (y + 1 < h && l[i + w] != l[i]) ||
           (x > 0 && l[i - 1] != l[i]) || (x + 1 < w && l[i + 1] != l[i]);
}

/* mark = 0 on outlines, 1 elsewhere; returns the number of outline pixels. */
static int64_t mark_outlines(const fv_ctx *ctx, const uint32_t *labels,
                             int64_t h, int64_t w, uint32_t *mark)
{
    int threads = fvi_team(ctx, h * w);
    int64_t count = 0;
#pragma omp parallel for schedule(static) num_threads(threads) \
    reduction(+ : count)
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            bool on = on_outline(labels, h, w, y, x);
            mark[y * w + x] = !on;
            count += on;
        }
    return count;
}

typedef struct side {
    uint32_t *mark;  /* 0 on outlines                  */
    float *distance; /* px to the nearest outline pixel */
    int64_t count;
} side;

static fv_status side_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                          int64_t w, side *s)
{
    size_t n = (size_t)(h * w);
    s->mark = fvi_alloc(ctx, n * sizeof *s->mark);
    s->distance = fvi_alloc(ctx, n * sizeof *s->distance);
    if (!s->mark || !s->distance)
        return FV_ENOMEM;
    s->count = mark_outlines(ctx, labels, h, w, s->mark);
    return fvi_distance(ctx, s->mark, h, w, 0, s->distance);
}

static int64_t count_near(const side *a, const side *b, int64_t pixels,
                          double tolerance)
{
    int64_t count = 0;
    for (int64_t i = 0; i < pixels && b->count; i++)
        count += !a->mark[i] && (double)b->distance[i] <= tolerance;
    return count;
}

static fv_status compare(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                         double tolerance, fv_boundary *out)
{
    int64_t h = truth.dim[0], w = truth.dim[1];
    side t = {0}, p = {0};
    fv_status status = side_new(ctx, truth.data, h, w, &t);
    if (status == FV_OK)
        status = side_new(ctx, pred.data, h, w, &p);
    if (status == FV_OK) {
        *out = (fv_boundary){.truth = t.count,
                             .pred = p.count,
                             .truth_near = count_near(&t, &p, h * w, tolerance),
                             .pred_near = count_near(&p, &t, h * w, tolerance)};
        fv_boundary_ratios(out);
    }
    fvi_free(ctx, t.mark);
    fvi_free(ctx, t.distance);
    fvi_free(ctx, p.mark);
    fvi_free(ctx, p.distance);
    return status;
}

fv_status fv_boundary_labels(fv_ctx *ctx, fv_tensor truth, fv_tensor pred,
                             double tolerance, fv_boundary *out)
{
    FV_TRY(fvi_want(ctx, "truth", truth, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "prediction", pred, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "truth", truth, "prediction", pred));
    if (!(tolerance >= 0))
        return fvi_fail(ctx, FV_EINVAL,
                        "outline tolerance %g px, expected 0 or more",
                        tolerance);
    fvi_dense t, p;
    FV_TRY(fvi_dense_open(ctx, truth, true, &t));
    fv_status status = fvi_dense_open(ctx, pred, true, &p);
    if (status == FV_OK) {
        status = compare(ctx, t.view, p.view, tolerance, out);
        fvi_dense_close(ctx, &p);
    }
    fvi_dense_close(ctx, &t);
    return status;
}
