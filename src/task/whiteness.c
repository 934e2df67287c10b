/* Structure that is left in a residual. */

#include "fovea/score.h"
#include "task/task.h"

#include <math.h>

/* r(p) r(p + d) summed over rows first, so that threads change nothing. */
static double product(const double *r, int64_t h, int64_t w, int64_t dy,
                      int64_t dx)
{
    double sum = 0;
    for (int64_t y = 0; y + dy < h; y++) {
        double row = 0;
        for (int64_t x = 0; x + dx < w; x++)
            row += r[y * w + x] * r[(y + dy) * w + x + dx];
        sum += row;
    }
    return sum / (double)((h - dy) * (w - dx));
}

/* Along axis 0 or 1 at lag d: the mean product, and 1 over how many. */
static double at_lag(const double *r, int64_t h, int64_t w, int axis, int d,
                     double *share)
{
    int64_t dy = axis == 0 ? d : 0, dx = axis == 1 ? d : 0;
    *share = 1 / (double)((h - dy) * (w - dx));
    return product(r, h, w, dy, dx);
}

static void measure(const double *r, int64_t h, int64_t w, int lags,
                    fv_whiteness *out)
{
    double variance = product(r, h, w, 0, 0), squares = 0, expected = 0;
    *out = (fv_whiteness){.lags = lags};
    for (int axis = 0; axis < 2; axis++)
        for (int d = 1; d <= lags; d++) {
            double share, p = at_lag(r, h, w, axis, d, &share);
            double rho = variance > 0 ? p / variance : 0;
            out->along[axis][d - 1] = rho;
            squares += rho * rho;
            expected += share;
        }
    out->rms = sqrt(squares / (2 * lags));
    out->white = sqrt(expected / (2 * lags));
}

fv_status fv_residual_whiteness(fv_ctx *ctx, fv_tensor residual, int lags,
                                fv_whiteness *out)
{
    FV_TRY(fvi_want(ctx, "residual", residual, FV_F32, 2, "f32 (H,W)"));
    int64_t h = residual.dim[0], w = residual.dim[1];
    if (lags < 1 || lags > FV_MOST_LAGS)
        return fvi_fail(ctx, FV_EINVAL, "%d lags, expected 1 to %d", lags,
                        FV_MOST_LAGS);
    if (h <= lags || w <= lags)
        return fvi_fail(ctx, FV_ESHAPE,
                        "residual: found %lld x %lld pixels, expected over %d",
                        (long long)h, (long long)w, lags);
    double *r = fvi_alloc(ctx, (size_t)(h * w) * sizeof *r), mean = 0;
    if (!r)
        return FV_ENOMEM;
    fv_status status =
        fv_copy(ctx, residual, fv_dense(r, FV_F64, 2, residual.dim));
    for (int64_t i = 0; i < h * w; i++)
        mean += r[i];
    for (int64_t i = 0; i < h * w; i++)
        r[i] -= mean / (double)(h * w);
    measure(r, h, w, lags, out);
    fvi_free(ctx, r);
    return status;
}
