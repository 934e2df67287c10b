/* New sizes: bilinear when growing, area average when shrinking, nearest for
 * labels. Pixel centers lie at half-integers, so output pixel i looks at
 * (i + 1/2) * old/new - 1/2 in the input. */
#include "image/load.h"

#include <math.h>

int64_t fvi_scaled_extent(int64_t extent, double scale)
{
    double n = floor((double)extent * scale + 0.5);
    return n < 1 ? 1 : (int64_t)n;
}

/* Output i of one axis is the sum of weight[i*taps + k] * input[first[i]+k]. */
typedef struct axis {
    int64_t n, taps;
    int64_t *first;
    double *weight;
} axis;

static void free_axis(fv_ctx *ctx, axis *a)
{
    fvi_free(ctx, a->first);
    fvi_free(ctx, a->weight);
}

static void grow(axis *a, int64_t old)
{
    double scale = (double)old / (double)a->n;
    for (int64_t i = 0; i < a->n; i++) {
        double x = ((double)i + 0.5) * scale - 0.5;
        x = fmin(fmax(x, 0), (double)(old - 1));
        int64_t at = (int64_t)x < old - 2 ? (int64_t)x : old - 2;
        at = at < 0 ? 0 : at;
        a->first[i] = at;
        a->weight[2 * i + 1] = x - (double)at;
        a->weight[2 * i] = 1 - a->weight[2 * i + 1];
    }
}

/* Shares of the input pixels in [i*scale, (i+1)*scale). */
static void shrink(axis *a, int64_t old)
{
    double scale = (double)old / (double)a->n;
    for (int64_t i = 0; i < a->n; i++) {
        double lo = (double)i * scale, hi = (double)(i + 1) * scale;
        int64_t at = (int64_t)lo;
        at = at + a->taps > old ? old - a->taps : at;
        a->first[i] = at;
        for (int64_t k = 0; k < a->taps; k++) {
            double from = fmax(lo, (double)(at + k));
            double to = fmin(hi, (double)(at + k + 1));
            a->weight[i * a->taps + k] = to > from ? (to - from) / scale : 0;
        }
    }
}

static fv_status plan(fv_ctx *ctx, int64_t old, int64_t n, axis *a)
{
    *a = (axis){.n = n, .taps = 2};
    if (n < old)
        a->taps = (old + n - 1) / n + 1;
    a->taps = a->taps > old ? old : a->taps;
    a->first = fvi_calloc(ctx, (size_t)n, sizeof *a->first);
    /* Growing writes two weights even over one input pixel. */
    a->weight = fvi_calloc(ctx, (size_t)n * (size_t)(a->taps < 2 ? 2 : a->taps),
                           sizeof *a->weight);
    if (!a->first || !a->weight)
        return FV_ENOMEM; /* the caller frees both axes */
    if (n < old)
        shrink(a, old);
    else if (old > 1)
        grow(a, old);
    else
        for (int64_t i = 0; i < n; i++)
            a->weight[i] = 1;
    return FV_OK;
}

/* One line: `n` outputs of `c` interleaved values, `step` between pixels. */
static void apply(const axis *a, const float *x, int64_t step, int64_t c,
                  float *y)
{
    for (int64_t i = 0; i < a->n; i++) {
        const double *weight = a->weight + i * a->taps;
        for (int64_t k = 0; k < c; k++) {
            double sum = 0;
            for (int64_t j = 0; j < a->taps; j++)
                sum += weight[j] * (double)x[(a->first[i] + j) * step + k];
            y[i * step + k] = (float)sum;
        }
    }
}

/* Columns of `width` = W*C values at once: output row i of the y axis. */
static void apply_row(const axis *a, const float *x, int64_t width, int64_t i,
                      float *y)
{
    const double *weight = a->weight + i * a->taps;
    for (int64_t k = 0; k < width; k++) {
        double sum = 0;
        for (int64_t j = 0; j < a->taps; j++)
            sum += weight[j] * (double)x[(a->first[i] + j) * width + k];
        y[k] = (float)sum;
    }
}

static fv_status make(fv_ctx *ctx, fv_dtype dtype, int ndim,
                      const int64_t dim[3], fv_tensor *out)
{
    *out = fv_dense(NULL, dtype, ndim, dim);
    if (out->ndim < 0)
        return fvi_fail(ctx, FV_ESHAPE, "resize: the result is too large");
    out->data = fvi_calloc(ctx, (size_t)fv_count(*out), fv_dtype_size(dtype));
    return out->data ? FV_OK : FV_ENOMEM;
}

static void run(fv_ctx *ctx, const axis *ys, const axis *xs, fv_tensor from,
                fv_tensor wide, fv_tensor to)
{
    int64_t c = from.dim[2], rows = from.dim[0];
    int threads = fv_threads(ctx);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < rows; y++)
        apply(xs, (const float *)from.data + y * from.stride[0], c, c,
              (float *)wide.data + y * wide.stride[0]);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < ys->n; y++)
        apply_row(ys, wide.data, wide.stride[0], y,
                  (float *)to.data + y * to.stride[0]);
}

static fv_status check(fv_ctx *ctx, fv_tensor t, int ndim, fv_dtype dtype,
                       int64_t height, int64_t width)
{
    if (t.ndim != ndim || t.dtype != dtype || !fv_is_dense(t) ||
        fv_count(t) < 1)
        return fvi_fail(ctx, FV_ESHAPE, "resize: expected a dense %s[H,W%s]",
                        fv_dtype_name(dtype), ndim == 3 ? ",C" : "");
    if (height < 1 || width < 1)
        return fvi_fail(ctx, FV_EINVAL, "resize: to %lld x %lld pixels",
                        (long long)height, (long long)width);
    return FV_OK;
}

fv_status fv_resize(fv_ctx *ctx, fv_tensor plane, int64_t height, int64_t width,
                    fv_tensor *out)
{
    axis ys = {0}, xs = {0};
    fv_tensor wide = {.data = NULL}, to = {.data = NULL};
    FV_TRY(check(ctx, plane, 3, FV_F32, height, width));
    int64_t between[3] = {plane.dim[0], width, plane.dim[2]};
    int64_t end[3] = {height, width, plane.dim[2]};
    fv_status status = plan(ctx, plane.dim[0], height, &ys);
    if (status == FV_OK)
        status = plan(ctx, plane.dim[1], width, &xs);
    if (status == FV_OK)
        status = make(ctx, FV_F32, 3, between, &wide);
    if (status == FV_OK)
        status = make(ctx, FV_F32, 3, end, &to);
    if (status == FV_OK) {
        run(ctx, &ys, &xs, plane, wide, to);
        *out = to;
    }
    fvi_free(ctx, wide.data);
    free_axis(ctx, &ys);
    free_axis(ctx, &xs);
    return status;
}

fv_status fv_resize_labels(fv_ctx *ctx, fv_tensor labels, int64_t height,
                           int64_t width, fv_tensor *out)
{
    fv_tensor to;
    int64_t dim[3] = {height, width, 0};
    FV_TRY(check(ctx, labels, 2, FV_U32, height, width));
    FV_TRY(make(ctx, FV_U32, 2, dim, &to));
    int64_t h = labels.dim[0], w = labels.dim[1];
    const uint32_t *from = labels.data;
    uint32_t *y = to.data;
    for (int64_t i = 0; i < height; i++) {
        const uint32_t *row = from + (2 * i + 1) * h / (2 * height) * w;
        for (int64_t j = 0; j < width; j++)
            y[i * width + j] = row[(2 * j + 1) * w / (2 * width)];
    }
    *out = to;
    return FV_OK;
}
