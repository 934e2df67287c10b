/* The style of a picture: what the deepest map of a network is on average. */
#include "model/style.h"
#include "graph/graph_internal.h"
#include "model/predict.h"

#include <math.h>
#include <string.h>

enum { TILE = 512, ENOUGH = 16 }; /* tiles of a picture that are looked at */

struct fvi_style {
    fv_ctx *ctx;
    const fv_model *model;
    const char *backend;
    fv_graph *graph; /* the network up to its style */
    fv_val image, mean;
    int64_t multiple, side; /* side: the only one, or 0 */
    fv_plan *plan;
    int64_t plan_size[2];
};

/* ---- making ---- */

static fv_tensor input_shape(const fvi_style *s, int64_t h, int64_t w)
{
    int64_t dim[4] = {1, h, w, fv_channels(s->graph, s->image)};
    return fv_dense(NULL, FV_F32, 4, dim);
}

static fv_status build(fv_ctx *ctx, fvi_style *s)
{
    enum { TRIAL = 16 }; /* times the least side: room for every halving */
    int64_t trial = s->side ? s->side : TRIAL * s->multiple;
    fv_val answer, deepest = {0};
    FV_TRY(fvi_model_graph(ctx, s->model, &s->graph, &s->image, &answer));
    FV_TRY(fvi_deepest(ctx, s->graph, input_shape(s, trial, trial), answer,
                       &deepest));
    s->mean = fv_global_avg_pool(s->graph, deepest);
    fv_output(s->graph, "mean", s->mean);
    return fv_graph_check(ctx, s->graph);
}

fv_status fvi_style_new(fv_ctx *ctx, const fv_model *m, const char *backend,
                        fvi_style **out)
{
    fvi_style *s = fvi_calloc(ctx, 1, sizeof *s);
    if (!s)
        return FV_ENOMEM;
    *s = (fvi_style){.ctx = ctx, .model = m, .backend = backend};
    s->multiple = m->arch->multiple ? m->arch->multiple(m->config) : 1;
    s->side = m->arch->side ? m->arch->side(m->config) : 0;
    fv_status status = build(ctx, s);
    if (status != FV_OK) {
        fvi_style_free(s);
        return fvi_fail_in(ctx, status, "%s", m->arch->name);
    }
    *out = s;
    return FV_OK;
}

void fvi_style_free(fvi_style *s)
{
    if (!s)
        return;
    fv_plan_free(s->plan);
    fv_graph_free(s->graph);
    fvi_free(s->ctx, s);
}

int fvi_style_size(const fvi_style *s)
{
    return fv_channels(s->graph, s->mean);
}

fv_status fvi_size_numbers(fv_ctx *ctx, const fv_model *m, int *count)
{
    fvi_style *s;
    fv_status status = fvi_style_new(ctx, m, NULL, &s);
    *count = status == FV_OK ? fvi_style_size(s) + 1 : 0;
    if (status == FV_OK)
        fvi_style_free(s);
    return status == FV_ENOTSUP ? FV_OK : status;
}

/* ---- running ---- */

static fv_status want_plan(fv_ctx *ctx, fvi_style *s, int64_t h, int64_t w)
{
    if (s->plan && s->plan_size[0] == h && s->plan_size[1] == w)
        return FV_OK;
    fv_plan_free(s->plan);
    s->plan = NULL;
    fv_tensor input = input_shape(s, h, w);
    fv_plan_options o = {.mode = FV_INFER, .backend = s->backend};
    FV_TRY(fv_plan_new(ctx, s->graph, &input, o, s->model->params, NULL,
                       &s->plan));
    s->plan_size[0] = h;
    s->plan_size[1] = w;
    return FV_OK;
}

static fvi_axis axis_of(const fvi_style *s, int64_t extent)
{
    if (s->side)
        return fvi_axis_of_tiles(extent, s->side, 0, s->multiple);
    int64_t tile = (TILE + s->multiple - 1) / s->multiple * s->multiple;
    return fvi_axis_cut(extent, tile, 0, s->multiple);
}

/* Large pictures are known from some of their tiles, evenly spread. */
static fv_status add_tiles(fv_ctx *ctx, fvi_style *s, fv_tensor plane,
                           double *sum)
{
    fvi_axis y = axis_of(s, plane.dim[0]), x = axis_of(s, plane.dim[1]);
    int64_t all = y.count * x.count, n = all < ENOUGH ? all : ENOUGH;
    const fvi_scan whole = fvi_scan_of(plane);
    FV_TRY(want_plan(ctx, s, y.tile, x.tile));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (2 * i + 1) * all / (2 * n);
        if (fvi_canceled(ctx))
            return fvi_fail(ctx, FV_ECANCEL, "canceled");
        fvi_tile_fill(&whole, fvi_axis_start(&y, at / x.count),
                      fvi_axis_start(&x, at % x.count),
                      fv_plan_at(s->plan, s->image));
        FV_TRY(fv_plan_run(ctx, s->plan));
        const float *mean = fv_plan_at(s->plan, s->mean).data;
        for (int c = 0; c < fvi_style_size(s); c++)
            sum[c] += (double)mean[c];
    }
    return FV_OK;
}

fv_status fvi_style_of(fv_ctx *ctx, fvi_style *s, fv_tensor plane,
                       double *style)
{
    int n = fvi_style_size(s);
    double square = 0;
    memset(style, 0, (size_t)n * sizeof *style);
    FV_TRY(add_tiles(ctx, s, plane, style));
    for (int c = 0; c < n; c++)
        square += style[c] * style[c];
    for (int c = 0; c < n && square > 0; c++)
        style[c] /= sqrt(square);
    return FV_OK;
}
