/* A network run over a picture of any size, tile by tile. */
#include "model/predict.h"
#include "task/view.h"

#include <string.h>

/* Activations of one tile may take this much, so that a picture of
 * 1024 x 1024 px stays under 400 MB in all. */
static const size_t tile_memory = (size_t)192 << 20;

enum { LARGEST_HALO = 96, LARGEST_TILE = 512 };

/* ---- making ---- */

static fv_status set_halo(fv_ctx *ctx, fv_predictor *p)
{
    const fv_model *m = p->model;
    int64_t field[3] = {0}, half = 0;
    FV_TRY(fv_receptive_field(ctx, m->graph, m->image, m->answer, field));
    for (int i = 0; i < m->arch->rank; i++)
        half = field[i] / 2 > half ? field[i] / 2 : half;
    /* pixels count from three quarters of the halo on (tiles.c): where numbers
     * are the result, these must not see the edge of the tile at all */
    if (strcmp(m->task, "restore") == 0)
        half = (4 * half + 2) / 3;
    if (half > LARGEST_HALO)
        half = LARGEST_HALO;
    if (p->o.overlap > 0)
        half = (p->o.overlap + 1) / 2;
    p->halo = (half + p->multiple - 1) / p->multiple * p->multiple;
    return FV_OK;
}

static fv_tensor input_shape(const fv_predictor *p, int64_t height,
                             int64_t width)
{
    const fv_model *m = p->model;
    int64_t dim[4] = {1, height, width, fv_channels(m->graph, m->image)};
    return fv_dense(NULL, FV_F32, 4, dim);
}

/* Bytes a tile takes, found without taking them. */
static fv_status tile_bytes(fv_ctx *ctx, const fv_predictor *p, int64_t height,
                            int64_t width, size_t *bytes)
{
    fv_tensor input = input_shape(p, height, width);
    fv_plan_options o = {.mode = FV_INFER,
                         .backend = p->o.backend,
                         .precision = p->o.precision,
                         .dry = 1};
    fv_plan *plan;
    FV_TRY(fv_plan_new(ctx, p->model->graph, &input, o, NULL, NULL, &plan));
    *bytes = fv_plan_memory(plan);
    fv_plan_free(plan);
    return FV_OK;
}

/* The one side of the network, or the largest up to 512 px whose activations
 * fit. */
static fv_status set_side(fv_ctx *ctx, fv_predictor *p)
{
    const fv_model *m = p->model;
    p->one_side = m->arch->side != NULL;
    if (p->one_side) {
        p->side = m->arch->side(m->config);
        if (p->o.tile == 0 || p->o.tile == p->side)
            return FV_OK;
        return fvi_fail(ctx, FV_EINVAL,
                        "tiles of %d px wanted, but %s was made for %lld px "
                        "only",
                        (int)p->o.tile, m->arch->name, (long long)p->side);
    }
    p->side = p->o.tile > 0 ? p->o.tile : LARGEST_TILE;
    if (p->o.tile > 0)
        return FV_OK;
    for (; p->side > 128; p->side -= 128) {
        int64_t side = (p->side + p->multiple - 1) / p->multiple * p->multiple;
        size_t bytes = 0;
        FV_TRY(tile_bytes(ctx, p, side, side, &bytes));
        if (bytes <= tile_memory)
            break;
    }
    return FV_OK;
}

static fv_status set_diameter(fv_ctx *ctx, fv_predictor *p)
{
    const fv_model *m = p->model;
    double d = p->o.diameter;
    bool asked = d == FV_DIAMETER_AUTO || d == FV_DIAMETER_REFINE;
    if (d < 0 && !asked)
        return fvi_fail(ctx, FV_EINVAL,
                        "a diameter of %g px, expected 0 or "
                        "more",
                        d);
    p->automatic = asked || (d <= 0 && m->rescaled && m->size);
    p->diameter = d > 0 ? d : 0;
    return FV_OK;
}

static fv_status set_up(fv_ctx *ctx, fv_predictor *p)
{
    const fv_model *m = p->model;
    if (m->arch->rank != 2)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "%s: the network does not take pictures",
                        m->arch->name);
    if (p->o.tile < 0 || p->o.overlap < 0)
        return fvi_fail(ctx, FV_EINVAL, "tile and overlap cannot be negative");
    FV_TRY(set_diameter(ctx, p));
    p->views = p->o.views ? p->o.views : m->views ? m->views : 1;
    if (p->views != 1 && p->views != 4 && p->views != 8)
        return fvi_fail(ctx, FV_EINVAL, "%d views, expected 1, 4 or 8",
                        p->views);
    p->multiple = m->arch->multiple ? m->arch->multiple(m->config) : 1;
    FV_TRY(set_halo(ctx, p));
    return set_side(ctx, p);
}

fv_status fv_predictor_new(fv_ctx *ctx, const fv_model *m, fv_predict_options o,
                           fv_predictor **out)
{
    fv_predictor *p = fvi_calloc(ctx, 1, sizeof *p);
    if (!p)
        return FV_ENOMEM;
    *p = (fv_predictor){.ctx = ctx, .model = m, .o = o};
    fv_status status = set_up(ctx, p);
    if (status != FV_OK) {
        fv_predictor_free(p);
        return status;
    }
    *out = p;
    return FV_OK;
}

void fv_predictor_free(fv_predictor *p)
{
    if (!p)
        return;
    fv_plan_free(p->plan);
    fvi_style_free(p->style);
    fvi_free(p->ctx, p);
}

/* ---- running ---- */

/* A plan for tiles of this size; the last one is kept. */
static fv_status want_plan(fv_ctx *ctx, fv_predictor *p, int64_t height,
                           int64_t width)
{
    if (p->plan && p->plan_size[0] == height && p->plan_size[1] == width)
        return FV_OK;
    fv_plan_free(p->plan);
    p->plan = NULL;
    const fv_model *m = p->model;
    fv_tensor input = input_shape(p, height, width);
    fv_plan_options o = {
        .mode = FV_INFER, .backend = p->o.backend, .precision = p->o.precision};
    FV_TRY(fv_plan_new(ctx, m->graph, &input, o, m->params, NULL, &p->plan));
    fv_tensor answer = fv_plan_at(p->plan, m->answer);
    if (answer.ndim != 4 || answer.dim[1] != height || answer.dim[2] != width)
        return fvi_fail(ctx, FV_ENOTSUP,
                        "%s: the network does not answer pixel by pixel",
                        m->arch->name);
    p->plan_size[0] = height;
    p->plan_size[1] = width;
    return FV_OK;
}

/* Weights of one tile along one axis. */
static void fill_weights(const fvi_axis *a, int64_t i, float *weight)
{
    for (int64_t at = 0; at < a->tile; at++)
        weight[at] = fvi_axis_weight(a, i, at);
}

typedef struct blend {
    fvi_axis y, x;
    float *weight_y, *weight_x;
} blend;

static void add_tile(const blend *b, int64_t top, int64_t left,
                     fv_tensor answer, fv_tensor maps)
{
    const float *from = answer.data;
    float *to = maps.data;
    int64_t channels = maps.dim[2], width = answer.dim[2];
    for (int64_t y = 0; y < answer.dim[1] && top + y < maps.dim[0]; y++) {
        for (int64_t x = 0; x < width && left + x < maps.dim[1]; x++) {
            float weight = b->weight_y[y] * b->weight_x[x];
            if (weight == 0)
                continue; /* also keeps what a tile's edge may have spoiled */
            const float *p = from + (y * width + x) * channels;
            float *q = to + ((top + y) * maps.dim[1] + left + x) * channels;
            for (int64_t c = 0; c < channels; c++)
                q[c] += weight * p[c];
        }
    }
}

static fv_status run_tiles(fv_ctx *ctx, fv_predictor *p, const blend *b,
                           fvi_scan *v, fv_tensor maps)
{
    const fv_model *m = p->model;
    for (int64_t i = 0; i < b->y.count; i++) {
        fill_weights(&b->y, i, b->weight_y);
        FV_TRY(fvi_scan_want(v, fvi_axis_start(&b->y, i), b->y.tile));
        for (int64_t k = 0; k < b->x.count; k++) {
            int64_t top = fvi_axis_start(&b->y, i);
            int64_t left = fvi_axis_start(&b->x, k);
            if (fvi_canceled(ctx))
                return fvi_fail(ctx, FV_ECANCEL, "canceled");
            fill_weights(&b->x, k, b->weight_x);
            fvi_tile_fill(v, top, left, fv_plan_at(p->plan, m->image));
            FV_TRY(fv_plan_run(ctx, p->plan));
            add_tile(b, top, left, fv_plan_at(p->plan, m->answer), maps);
        }
    }
    return FV_OK;
}

/* The picture whole when that fits, else in tiles; `b` without weights. */
static fv_status cut(fv_ctx *ctx, fv_predictor *p, const fvi_scan *v, blend *b)
{
    const int64_t height = v->height, width = v->width;
    int64_t all = INT64_MAX / 2;
    if (p->one_side) {
        b->y = fvi_axis_of_tiles(height, p->side, p->halo, p->multiple);
        b->x = fvi_axis_of_tiles(width, p->side, p->halo, p->multiple);
        return want_plan(ctx, p, p->side, p->side);
    }
    b->y = fvi_axis_cut(height, all, p->halo, p->multiple);
    b->x = fvi_axis_cut(width, all, p->halo, p->multiple);
    bool whole = b->y.size <= p->side && b->x.size <= p->side;
    if (!whole && p->o.tile == 0) {
        size_t bytes = 0;
        /* a picture too large to plan does not fit either */
        whole = tile_bytes(ctx, p, b->y.size, b->x.size, &bytes) == FV_OK &&
                bytes <= tile_memory;
    }
    if (!whole) {
        b->y = fvi_axis_cut(height, p->side, p->halo, p->multiple);
        b->x = fvi_axis_cut(width, p->side, p->halo, p->multiple);
    }
    return want_plan(ctx, p, b->y.tile, b->x.tile);
}

static fv_status run_cut(fv_ctx *ctx, fv_predictor *p, fvi_scan *v,
                         fv_tensor maps)
{
    blend b = {0};
    FV_TRY(cut(ctx, p, v, &b));
    b.weight_y = fvi_calloc(ctx, (size_t)b.y.tile, sizeof(float));
    b.weight_x = fvi_calloc(ctx, (size_t)b.x.tile, sizeof(float));
    fv_status status = FV_ENOMEM;
    if (b.weight_y && b.weight_x)
        status = run_tiles(ctx, p, &b, v, maps);
    fvi_free(ctx, b.weight_y);
    fvi_free(ctx, b.weight_x);
    return status;
}

fv_status fvi_predict_scan(fv_ctx *ctx, fv_predictor *p, fvi_scan *v,
                           fv_tensor *maps)
{
    const fv_model *m = p->model;
    int64_t dim[3] = {v->height, v->width, fv_channels(m->graph, m->answer)};
    fv_tensor out;
    FV_TRY(fvi_tensor_new(ctx, FV_F32, 3, dim, &out));
    fv_status status = run_cut(ctx, p, v, out);
    if (status != FV_OK)
        fv_plane_free(ctx, &out);
    else
        *maps = out;
    return status;
}

static fv_status run_plane(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                           fv_tensor *maps)
{
    fvi_scan s = fvi_scan_of(plane);
    return fvi_predict_scan(ctx, p, &s, maps);
}

/* The answer to one view, turned back, joins the mean. */
static fv_status add_view(fv_ctx *ctx, fv_predictor *p, int i, fv_tensor plane,
                          fv_tensor *sum)
{
    const fv_model *m = p->model;
    bool directed = strcmp(m->task, "segment") == 0;
    fvi_view v = fvi_view_at(i);
    int64_t dim[3] = {plane.dim[v.swap], plane.dim[!v.swap], plane.dim[2]};
    fv_tensor seen, answer;
    FV_TRY(fvi_tensor_new(ctx, FV_F32, 3, dim, &seen));
    fvi_view_show(ctx, v, plane, seen);
    fv_status status = run_plane(ctx, p, seen, &answer);
    fv_plane_free(ctx, &seen);
    FV_TRY(status);
    if (!sum->data) {
        int64_t all[3] = {plane.dim[0], plane.dim[1], answer.dim[2]};
        status = fvi_tensor_new(ctx, FV_F32, 3, all, sum);
    }
    if (status == FV_OK)
        fvi_view_add(ctx, v, directed ? &m->target : NULL, answer,
                     1 / (float)p->views, *sum);
    fv_plane_free(ctx, &answer);
    return status;
}

static fv_status run_views(fv_ctx *ctx, fv_predictor *p, fv_tensor plane,
                           fv_tensor *maps)
{
    if (p->views == 1)
        return run_plane(ctx, p, plane, maps);
    fv_tensor sum = {.data = NULL};
    fv_status status = FV_OK;
    for (int i = 0; i < p->views && status == FV_OK; i++)
        status = add_view(ctx, p, i, plane, &sum);
    if (status == FV_OK)
        *maps = sum;
    else
        fv_plane_free(ctx, &sum);
    return status;
}

/* Rays in px of the scaled picture become rays in px of the picture. */
static void restore_rays(const fv_predictor *p, fv_tensor maps)
{
    float factor = (float)(1 / fvi_predict_scale(p)), *x = maps.data;
    if (strcmp(p->model->task, "segment") != 0 ||
        p->model->target != FV_TARGET_STARS)
        return;
    for (int64_t i = 0; i < fv_count(maps); i++)
        x[i] *= i % maps.dim[2] ? factor : 1;
}

/* Back to the size of the picture. */
static fv_status restore_size(fv_ctx *ctx, int64_t height, int64_t width,
                              fv_tensor *maps)
{
    if (maps->dim[0] == height && maps->dim[1] == width)
        return FV_OK;
    fv_tensor back;
    fv_status status = fv_resize(ctx, *maps, height, width, &back);
    fv_plane_free(ctx, maps);
    if (status == FV_OK)
        *maps = back;
    return status;
}

fv_status fvi_predict(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                      fvi_range *range, fv_tensor *maps)
{
    fv_tensor ready, out;
    FV_TRY(fvi_prepare(ctx, p, plane, rgb, range, &ready));
    fv_status status = run_views(ctx, p, ready, &out);
    fv_plane_free(ctx, &ready);
    if (status == FV_OK)
        status = restore_size(ctx, plane.dim[0], plane.dim[1], &out);
    if (status != FV_OK)
        return status;
    restore_rays(p, out);
    *maps = out;
    return FV_OK;
}

fv_status fv_predict(fv_ctx *ctx, fv_predictor *p, fv_tensor plane, int rgb,
                     fv_tensor *maps)
{
    fvi_range range;
    if (p->automatic)
        FV_TRY(fv_estimate_diameter(ctx, p, plane, rgb, &p->diameter));
    return fvi_predict(ctx, p, plane, rgb, &range, maps);
}

double fv_predictor_diameter(const fv_predictor *p)
{
    return p->diameter;
}
