/* Flows to labels: pixels follow them to sinks, and what came together is
 * judged by the flows it would have had. */

#include "task/flow.h"

#include <math.h>
#include <string.h>

fv_flow_decode_options fv_flow_decode_default(void)
{
    return (fv_flow_decode_options){.scale = 5,
                                    .max_error = 0.4,
                                    .max_share = 0.4,
                                    .steps = 200,
                                    .min_area = 15,
                                    .fill_holes = 1,
                                    .flows = fv_flow_default()};
}

static const struct {
    const char *name, *flows;
    int judge_edges, shifted, whole_fill, small_by_rank;
} profiles[] = {
    {"fovea", "fovea", 0, 0, 0, 0},
    {"v3.1.1.3-cpu", "v3.1-cpu", 1, 0, 1, 1},
    {"v4", "v4", 1, 1, 1, 0},
};

fv_status fv_flow_decode_profile(fv_ctx *ctx, const char *name,
                                 fv_flow_decode_options *out)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(name, profiles[i].name) != 0)
            continue;
        fv_flow_decode_options o = fv_flow_decode_default();
        o.judge_edges = profiles[i].judge_edges;
        o.shifted = profiles[i].shifted;
        o.whole_fill = profiles[i].whole_fill;
        o.small_by_rank = profiles[i].small_by_rank;
        FV_TRY(fv_flow_profile(ctx, profiles[i].flows, &o.flows));
        *out = o;
        return FV_OK;
    }
    return fvi_fail(ctx, FV_EINVAL,
                    "unknown profile '%s' of decoding flows, expected fovea, "
                    "v3.1.1.3-cpu or v4",
                    name);
}

enum { MOST_STEPS = 100000 };

typedef struct job {
    fv_ctx *ctx;
    fv_tensor maps;
    fv_flow_decode_options o;
    int64_t h, w, found;
    uint32_t *labels;
} job;

static const float *map_at(const job *j, int64_t y, int64_t x)
{
    return (const float *)j->maps.data + y * j->maps.stride[0] +
           x * j->maps.stride[1];
}

/* ---- the pixels above the threshold ---- */

static bool is_object(const job *j, const float *m)
{
    int64_t c = j->maps.stride[2];
    return (double)m[2 * c] > j->o.logit && m[0] == m[0] && m[c] == m[c];
}

static float in_px(const job *j, float v)
{
    float px = v / (float)j->o.scale;
    return px > 1e30f ? 1e30f : px < -1e30f ? -1e30f : px;
}

static int64_t count_points(const job *j)
{
    int64_t n = 0;
    for (int64_t y = 0; y < j->h; y++)
        for (int64_t x = 0; x < j->w; x++)
            n += is_object(j, map_at(j, y, x));
    return n;
}

static void fill_points(const job *j, fvi_flow_points *p)
{
    int64_t n = 0, c = j->maps.stride[2];
    for (int64_t y = 0; y < j->h; y++)
        for (int64_t x = 0; x < j->w; x++) {
            const float *m = map_at(j, y, x);
            int64_t i = y * j->w + x;
            bool inside = is_object(j, m);
            p->field[2 * i] = inside ? in_px(j, m[0]) : 0;
            p->field[2 * i + 1] = inside ? in_px(j, m[c]) : 0;
            if (inside)
                p->pixel[n++] = (uint32_t)i;
        }
}

/* ---- objects from sinks ---- */

/* Labels of the points, without objects above the share of the image. */
static fv_status label_points(job *j, const fvi_flow_points *p, int64_t sinks)
{
    int64_t *area = fvi_calloc(j->ctx, (size_t)sinks + 1, sizeof *area);
    if (!area)
        return FV_ENOMEM;
    double most = (double)(j->h * j->w) * j->o.max_share;
    for (int64_t i = 0; i < p->count; i++)
        area[p->bin[i]]++;
    memset(j->labels, 0, (size_t)(j->h * j->w) * sizeof *j->labels);
    for (int64_t i = 0; i < p->count; i++)
        if ((double)area[p->bin[i]] <= most)
            j->labels[p->pixel[i]] = p->bin[i];
    fvi_free(j->ctx, area);
    return fvi_clean(j->ctx, j->labels, j->h, j->w, 0, 0, &j->found);
}

static fv_status follow(job *j, fvi_flow_points *p)
{
    int64_t sinks = 0;
    fill_points(j, p);
    FV_TRY(fvi_flow_follow(j->ctx, p, j->o.steps, j->o.shifted));
    fvi_free(j->ctx, p->field);
    p->field = NULL;
    FV_TRY(fvi_flow_sinks(j->ctx, p, j->labels, &sinks));
    return label_points(j, p, sinks);
}

static fv_status gather(job *j)
{
    fvi_flow_points p = {.h = j->h, .w = j->w, .count = count_points(j)};
    size_t n = (size_t)p.count, pixels = (size_t)(j->h * j->w);
    p.pixel = fvi_alloc(j->ctx, n * sizeof *p.pixel);
    p.field = fvi_alloc(j->ctx, pixels * 2 * sizeof *p.field);
    p.bin = fvi_alloc(j->ctx, n * sizeof *p.bin);
    fv_status status = FV_ENOMEM;
    if (p.pixel && p.field && p.bin)
        status = follow(j, &p);
    fvi_free(j->ctx, p.pixel);
    fvi_free(j->ctx, p.field);
    fvi_free(j->ctx, p.bin);
    return status;
}

/* ---- the flow error ---- */

typedef struct judge {
    const job *j;
    double *error; /* sum over the pixels of an object */
} judge;

static void compare(void *to, int64_t object, int64_t y, int64_t x, double dy,
                    double dx)
{
    const judge *g = to;
    const float *m = map_at(g->j, y, x);
    double ey = dy - (double)in_px(g->j, m[0]);
    double ex = dx - (double)in_px(g->j, m[g->j->maps.stride[2]]);
    g->error[object] += ey * ey + ex * ex;
}

static bool at_edge(const job *j, const fvi_piece *o)
{
    return o->y0 == 0 || o->x0 == 0 || o->y1 == j->h || o->x1 == j->w;
}

static void remove_bad(const job *j, const fvi_pieces *f, const double *error)
{
    for (int64_t k = 0; k < f->count; k++) {
        const fvi_piece *o = &f->object[k];
        if (!(error[k] / (double)o->area > j->o.max_error) ||
            (at_edge(j, o) && !j->o.judge_edges))
            continue;
        for (int64_t i = 0; i < o->runs; i++) {
            const fvi_span *r = &f->run[o->first + i];
            for (int64_t x = r->x0; x < r->x1; x++)
                j->labels[r->y * j->w + x] = 0;
        }
    }
}

static fv_status control(const job *j)
{
    fvi_pieces f;
    FV_TRY(fvi_pieces_new(j->ctx, j->labels, j->h, j->w, &f));
    double *error = fvi_calloc(j->ctx, (size_t)f.count, sizeof *error);
    fv_status status = FV_ENOMEM;
    if (error) {
        judge g = {j, error};
        status =
            fvi_flow_each(j->ctx, &f, &j->o.flows, j->h, j->w, compare, &g);
        if (status == FV_OK)
            remove_bad(j, &f, error);
    }
    fvi_free(j->ctx, error);
    fvi_pieces_free(j->ctx, &f);
    return status;
}

/* ---- all of it ---- */

static fv_status decode(job *j)
{
    FV_TRY(gather(j));
    if (j->o.max_error > 0)
        FV_TRY(control(j));
    if (j->o.whole_fill)
        return fvi_flow_tidy(j->ctx, j->labels, j->h, j->w, &j->o, &j->found);
    return fvi_clean(j->ctx, j->labels, j->h, j->w, j->o.min_area,
                     j->o.fill_holes, &j->found);
}

static fv_status check(fv_ctx *ctx, fv_tensor maps, fv_flow_decode_options o,
                       fv_tensor labels)
{
    if (isnan(o.logit) || isnan(o.max_error) || isnan(o.max_share))
        return fvi_fail(ctx, FV_EINVAL, "flows: a threshold is NaN");
    if (!((float)o.scale > 0) || isinf((float)o.scale) || o.steps < 0 ||
        o.steps > MOST_STEPS)
        return fvi_fail(ctx, FV_EINVAL,
                        "flows: scale %g and %lld steps, expected a positive "
                        "scale and 0 to %d steps",
                        o.scale, (long long)o.steps, MOST_STEPS);
    FV_TRY(fvi_want(ctx, "maps", maps, FV_F32, 3, "f32 (H,W,3)"));
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "maps", maps, "labels", labels));
    if (maps.dim[2] != 3)
        return fvi_fail(ctx, FV_ESHAPE,
                        "maps: found %lld channels, flows have 3",
                        (long long)maps.dim[2]);
    return FV_OK;
}

fv_status fv_flow_decode(fv_ctx *ctx, fv_tensor maps, fv_flow_decode_options o,
                         fv_tensor labels, int64_t *count)
{
    FV_TRY(check(ctx, maps, o, labels));
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, false, &d));
    job j = {ctx, maps, o, maps.dim[0], maps.dim[1], 0, d.view.data};
    fv_status status = decode(&j);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &d, labels);
    fvi_dense_close(ctx, &d);
    if (status == FV_OK)
        *count = j.found;
    return status;
}
