/* Otsu's threshold: of 256 equal bins between the extremes, the cut with the
 * greatest variance between the two classes. Source: Otsu 1979, eq. 18. */

#include "task/task.h"

#include <math.h>

enum { BINS = 256 };

static void extremes(const float *v, int64_t n, double *low, double *high)
{
    *low = HUGE_VAL;
    *high = -HUGE_VAL;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        *low = fmin(*low, (double)v[i]);
        *high = fmax(*high, (double)v[i]);
    }
}

static void histogram(const float *v, int64_t n, double low, double high,
                      int64_t count[BINS])
{
    double scale = BINS / (high - low);
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        int bin = (int)(((double)v[i] - low) * scale);
        count[bin < BINS ? bin : BINS - 1]++;
    }
}

/* The last bin of the lower class. */
static int best_cut(const int64_t count[BINS])
{
    double n = 0, total = 0, n0 = 0, sum0 = 0, best = -1;
    int cut = 0;
    for (int b = 0; b < BINS; b++) {
        n += (double)count[b];
        total += (double)count[b] * b;
    }
    for (int b = 0; b + 1 < BINS; b++) {
        n0 += (double)count[b];
        sum0 += (double)count[b] * b;
        double n1 = n - n0, apart = sum0 / n0 - (total - sum0) / n1;
        double between = n0 > 0 && n1 > 0 ? n0 * n1 * apart * apart : 0;
        /* empty bins repeat a value up to rounding: the first one counts */
        if (between > best * (1 + 1e-12)) {
            best = between;
            cut = b;
        }
    }
    return cut;
}

fv_status fv_otsu(fv_ctx *ctx, fv_tensor gray, double *threshold)
{
    FV_TRY(fvi_want(ctx, "image", gray, FV_F32, 2, "f32 (H,W)"));
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, gray, true, &d));
    int64_t n = fv_count(gray), count[BINS] = {0};
    double low, high;
    extremes(d.view.data, n, &low, &high);
    if (low < high) {
        histogram(d.view.data, n, low, high, count);
        *threshold = low + (best_cut(count) + 0.5) * (high - low) / BINS;
    } else {
        *threshold = isfinite(low) ? low : 0;
    }
    fvi_dense_close(ctx, &d);
    return FV_OK;
}
