/* From the maps a network answers with to objects. */

#include "fovea/flows.h"
#include "task/star.h"
#include "task/task.h"

#include <math.h>

fv_decode_options fv_decode_default(void)
{
    return (fv_decode_options){
        .threshold = 0.5, .seed = 0, .min_area = 10, .fill_holes = 1};
}

static const double usual_seed[FV_TARGET_COUNT] = {
    [FV_TARGET_BOUNDARY] = 0.2, [FV_TARGET_DISTANCE] = 0.1,
    [FV_TARGET_STARS] = 0.4,    [FV_TARGET_FLOWS] = 0.4,
    [FV_TARGET_SHAPE] = 0.2,
};

/* Blur of P(inside), px: speckle in it must not become seeds. */
static const double speckle = 1;

/* One decoding: maps in any strides, the rest dense. Relief and mask are NULL
 * for the target that needs none. */
typedef struct job {
    fv_ctx *ctx;
    fv_tensor maps;
    fv_decode_options o;
    int64_t h, w;
    float *relief;
    uint8_t *mask;
    uint32_t *labels;
    int64_t found;
} job;

/* sigmoid(x) >= p is x >= logit(p); NaN is never above. */
static double logit(double p)
{
    if (p <= 0)
        return -HUGE_VAL;
    return p >= 1 ? HUGE_VAL : log(p / (1 - p));
}

static void threshold_row(const job *j, int64_t y, double at)
{
    const fv_tensor *m = &j->maps;
    const float *row = (const float *)m->data + y * m->stride[0];
    for (int64_t x = 0; x < j->w; x++)
        j->labels[y * j->w + x] = (double)row[x * m->stride[1]] >= at;
}

static fv_status decode_cell(job *j)
{
    double at = logit(j->o.threshold);
    int threads = fvi_team(j->ctx, j->h * j->w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < j->h; y++)
        threshold_row(j, y, at);
    return fvi_components(j->ctx, j->labels, j->h, j->w, 0, &j->found);
}

static double bounded(float x)
{
    return x > 1e30f ? 1e30 : x < -1e30f ? -1e30 : (double)x;
}

/* P(inside) and P(boundary) by softmax; false where a logit is NaN. */
static bool softmax3(const float *logits, int64_t step, double *inside,
                     double *boundary)
{
    double a = bounded(logits[0]), b = bounded(logits[step]);
    double c = bounded(logits[2 * step]);
    double top = a > b ? a : b;
    top = c > top ? c : top;
    double ea = exp(a - top), eb = exp(b - top), ec = exp(c - top);
    double sum = ea + eb + ec;
    *inside = eb / sum;
    *boundary = ec / sum;
    return a == a && b == b && c == c;
}

static void boundary_row(const job *j, int64_t y)
{
    const fv_tensor *m = &j->maps;
    const float *row = (const float *)m->data + y * m->stride[0];
    for (int64_t x = 0; x < j->w; x++) {
        int64_t i = y * j->w + x;
        double inside, boundary;
        bool valid =
            softmax3(row + x * m->stride[1], m->stride[2], &inside, &boundary);
        j->relief[i] = valid ? (float)inside : 0.0f;
        j->mask[i] = valid && inside + boundary >= j->o.threshold;
    }
}

static void number_peaks(job *j, double lowest)
{
    uint32_t n = 0;
    for (int64_t i = 0; i < j->h * j->w; i++)
        if (j->labels[i])
            j->labels[i] = (double)j->relief[i] >= lowest ? ++n : 0;
}

/* Each hill of the relief that rises enough, and is high enough, becomes an
 * object: all of the mask that it floods. */
static fv_status split(job *j, double lowest)
{
    fvi_order o;
    FV_TRY(fvi_order_new(j->ctx, j->relief, j->mask, j->h * j->w, &o));
    fv_status status =
        fvi_peaks(j->ctx, &o, j->relief, j->o.seed, j->labels, j->h, j->w);
    if (status == FV_OK) {
        number_peaks(j, lowest);
        status = fvi_flood(j->ctx, &o, j->mask, j->labels, j->h, j->w);
    }
    fvi_order_free(j->ctx, &o);
    return status;
}

static fv_status decode_boundary(job *j)
{
    int threads = fvi_team(j->ctx, j->h * j->w);
    float *scratch = fvi_alloc(j->ctx, (size_t)(j->h * j->w) * sizeof *scratch);
    if (!scratch)
        return FV_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < j->h; y++)
        boundary_row(j, y);
    fvi_smooth((int64_t[3]){j->h, j->w, 1}, j->relief, scratch, speckle,
               threads);
    fvi_free(j->ctx, scratch);
    return split(j, j->o.seed);
}

static void distance_row(const job *j, int64_t y, double at)
{
    const fv_tensor *m = &j->maps;
    const float *row = (const float *)m->data + y * m->stride[0];
    for (int64_t x = 0; x < j->w; x++) {
        const float *p = row + x * m->stride[1];
        double distance = bounded(p[m->stride[2]]);
        int64_t i = y * j->w + x;
        j->relief[i] = (float)distance;
        j->mask[i] = (double)p[0] >= at && distance == distance;
    }
}

static fv_status decode_distance(job *j)
{
    double at = logit(j->o.threshold);
    int threads = fvi_team(j->ctx, j->h * j->w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < j->h; y++)
        distance_row(j, y, at);
    return split(j, -HUGE_VAL);
}

static fv_status decode_stars(job *j)
{
    fv_star_options o = fv_star_default();
    o.probability = j->o.threshold;
    o.overlap = j->o.seed;
    fv_tensor labels = fv_dense(j->labels, FV_U32, 2, j->maps.dim);
    return fvi_star_decode(j->ctx, j->maps, o, FVI_DISTANCE_UNIT, labels, NULL);
}

static fv_status decode_flows(job *j)
{
    fv_flow_decode_options o = fv_flow_decode_default();
    o.logit = logit(j->o.threshold);
    o.max_error = j->o.seed;
    o.min_area = j->o.min_area;
    o.fill_holes = j->o.fill_holes;
    fv_tensor labels = fv_dense(j->labels, FV_U32, 2, j->maps.dim);
    return fv_flow_decode(j->ctx, j->maps, o, labels, &j->found);
}

static fv_status (*const decoders[FV_TARGET_COUNT])(job *) = {
    [FV_TARGET_CELL] = decode_cell,
    [FV_TARGET_BOUNDARY] = decode_boundary,
    [FV_TARGET_DISTANCE] = decode_distance,
    [FV_TARGET_STARS] = decode_stars,
    [FV_TARGET_FLOWS] = decode_flows,
    [FV_TARGET_SHAPE] = decode_boundary,
};

static fv_status decode(job *j, fv_target t)
{
    size_t pixels = (size_t)(j->h * j->w);
    fv_status status = FV_ENOMEM;
    bool relief = t == FV_TARGET_BOUNDARY || t == FV_TARGET_DISTANCE ||
                  t == FV_TARGET_SHAPE;
    if (relief) {
        j->relief = fvi_alloc(j->ctx, pixels * sizeof *j->relief);
        j->mask = fvi_alloc(j->ctx, pixels);
    }
    if (!relief || (j->relief && j->mask))
        status = decoders[t](j);
    fvi_free(j->ctx, j->relief);
    fvi_free(j->ctx, j->mask);
    if (status != FV_OK)
        return status;
    return fvi_clean(j->ctx, j->labels, j->h, j->w, j->o.min_area,
                     j->o.fill_holes, &j->found);
}

static fv_status check(fv_ctx *ctx, fv_target t, fv_tensor maps,
                       fv_decode_options o, fv_tensor labels)
{
    if ((int)t < 0 || t >= FV_TARGET_COUNT)
        return fvi_fail(ctx, FV_EINVAL, "decode: unknown target %d", (int)t);
    if (isnan(o.threshold) || isnan(o.seed))
        return fvi_fail(ctx, FV_EINVAL, "decode: a threshold is NaN");
    FV_TRY(fvi_want(ctx, "maps", maps, FV_F32, 3, "f32 (H,W,K)"));
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "maps", maps, "labels", labels));
    if (maps.dim[2] != fv_target_maps(t))
        return fvi_fail(
            ctx, FV_ESHAPE, "maps: found %lld channels, target '%s' has %d",
            (long long)maps.dim[2], fv_target_name(t), fv_target_maps(t));
    return FV_OK;
}

fv_status fv_decode(fv_ctx *ctx, fv_target t, fv_tensor maps,
                    fv_decode_options o, fv_tensor labels, int64_t *count)
{
    FV_TRY(check(ctx, t, maps, o, labels));
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, false, &d));
    job j = {ctx,  maps,        o, maps.dim[0], maps.dim[1], NULL,
             NULL, d.view.data, 0};
    if (!(o.seed > 0))
        j.o.seed = usual_seed[t];
    fv_status status = decode(&j, t);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &d, labels);
    fvi_dense_close(ctx, &d);
    if (status == FV_OK)
        *count = j.found;
    return status;
}
