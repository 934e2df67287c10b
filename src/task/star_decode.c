/* From the maps of a network for stars to objects. */

#include "task/star.h"

#include <math.h>

fv_star_options fv_star_default(void)
{
    return (fv_star_options){.grid = 1, .probability = 0.5, .overlap = 0.4};
}

fv_star_options fv_star_as_stardist(void)
{
    fv_star_options o = fv_star_default();
    o.rim = 2;
    o.truncate = 1;
    return o;
}

void fv_stars_free(fv_ctx *ctx, fv_stars *s)
{
    fvi_free(ctx, s->probability);
    fvi_free(ctx, s->center);
    fvi_free(ctx, s->distance);
    *s = (fv_stars){0};
}

static const float *numbers_of(const fvi_star_maps *m, int64_t cell)
{
    const fv_tensor *t = &m->t;
    return (const float *)t->data + cell / t->dim[1] * t->stride[0] +
           cell % t->dim[1] * t->stride[1];
}

/* More probable than `at`, and all numbers finite. */
static bool is_center(const fvi_star_maps *m, const float *v, double at)
{
    int64_t step = m->t.stride[2];
    if (!((double)v[0] > at))
        return false;
    for (int64_t k = 0; k <= m->rays.count; k++)
        if (!isfinite(v[k * step]))
            return false;
    return true;
}

static void mark_row(const fvi_star_maps *m, int64_t i, double at, float *logit,
                     uint8_t *mask)
{
    int64_t h = m->t.dim[0], w = m->t.dim[1], rim = m->o.rim;
    bool inner = i >= rim && i < h - rim;
    for (int64_t j = 0; j < w; j++) {
        const float *v = numbers_of(m, i * w + j);
        bool seen = inner && j >= rim && j < w - rim;
        mask[i * w + j] = seen && is_center(m, v, at);
        logit[i * w + j] = mask[i * w + j] ? v[0] : 0;
    }
}

/* The cells that are centers, by falling probability. */
static fv_status find_centers(fv_ctx *ctx, const fvi_star_maps *m,
                              fvi_order *out)
{
    int64_t h = m->t.dim[0], w = m->t.dim[1];
    double p = m->o.probability;
    double at = p <= 0 ? -HUGE_VAL : p >= 1 ? HUGE_VAL : log(p / (1 - p));
    float *logit = fvi_alloc(ctx, (size_t)(h * w) * sizeof *logit);
    uint8_t *mask = fvi_alloc(ctx, (size_t)(h * w));
    fv_status status = FV_ENOMEM;
    if (logit && mask) {
        int threads = fvi_team(ctx, h * w);
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t i = 0; i < h; i++)
            mark_row(m, i, at, logit, mask);
        status = fvi_order_new(ctx, logit, mask, h * w, out);
    }
    fvi_free(ctx, logit);
    fvi_free(ctx, mask);
    return status;
}

static void describe(const fvi_star_maps *m, const fvi_star *star, float *p,
                     float *center, float *distance)
{
    const float *v = numbers_of(m, star->cell);
    int64_t w = m->t.dim[1], step = m->t.stride[2];
    *p = (float)(1 / (1 + exp(-(double)v[0])));
    center[0] = (float)(star->cell / w * m->o.grid);
    center[1] = (float)(star->cell % w * m->o.grid);
    for (int k = 0; k < m->rays.count; k++)
        distance[k] = fvi_star_ray(m, v[(k + 1) * step]);
}

static fv_status hand_over(fv_ctx *ctx, const fvi_star_maps *m,
                           const fvi_star_list *list, fv_stars *out)
{
    int rays = m->rays.count;
    size_t n = (size_t)list->count, size = sizeof(float);
    fv_stars s = {.count = list->count, .rays = rays};
    s.probability = fvi_alloc(ctx, n * size);
    s.center = fvi_alloc(ctx, 2 * n * size);
    s.distance = fvi_alloc(ctx, (size_t)rays * n * size);
    if (!s.probability || !s.center || !s.distance) {
        fv_stars_free(ctx, &s);
        return FV_ENOMEM;
    }
    for (int64_t k = 0; k < s.count; k++)
        describe(m, &list->star[k], s.probability + k, s.center + 2 * k,
                 s.distance + rays * k);
    *out = s;
    return FV_OK;
}

static fv_status decode(fv_ctx *ctx, const fvi_star_maps *m, fv_tensor labels,
                        fv_stars *stars)
{
    fvi_order order = {0};
    fvi_star_list list = {0};
    fvi_dense d = {0};
    fv_status status = find_centers(ctx, m, &order);
    if (status == FV_OK)
        status = fvi_star_select(ctx, m, order.pixel, order.count, &list);
    fvi_order_free(ctx, &order);
    if (status == FV_OK)
        status = fvi_dense_open(ctx, labels, false, &d);
    if (status == FV_OK) {
        fvi_star_paint(ctx, m, &list, d.view.data, labels.dim[0],
                       labels.dim[1]);
        status = fvi_dense_store(ctx, &d, labels);
    }
    if (status == FV_OK && stars)
        status = hand_over(ctx, m, &list, stars);
    fvi_dense_close(ctx, &d);
    fvi_free(ctx, list.star);
    return status;
}

fv_status fvi_star_decode(fv_ctx *ctx, fv_tensor maps, fv_star_options o,
                          float unit, fv_tensor labels, fv_stars *stars)
{
    FV_TRY(fvi_want(ctx, "maps", maps, FV_F32, 3, "f32 (H,W,1+rays)"));
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_star_check(ctx, maps.dim[2] - 1, o.grid));
    FV_TRY(fvi_star_fit(ctx, labels, o.grid, "maps", maps));
    if (isnan(o.probability) || !(o.overlap >= 0))
        return fvi_fail(ctx, FV_EINVAL,
                        "stars: probability %g and overlap %g, expected "
                        "numbers, the latter 0 or more",
                        o.probability, o.overlap);
    fvi_star_maps m = {maps, o, fvi_rays_new((int)maps.dim[2] - 1), unit};
    return decode(ctx, &m, labels, stars);
}

fv_status fv_star_decode(fv_ctx *ctx, fv_tensor maps, fv_star_options o,
                         fv_tensor labels, fv_stars *stars)
{
    return fvi_star_decode(ctx, maps, o, 1, labels, stars);
}
