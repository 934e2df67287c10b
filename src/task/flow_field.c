/* Labels to flows: the directions of the heat of each object. */

#include "task/flow.h"

#include <math.h>
#include <string.h>

fv_flow_options fv_flow_default(void)
{
    return (fv_flow_options){FV_CENTER_MEAN, FV_STEPS_OWN, FV_LOG_NONE, 0};
}

static const struct {
    const char *name;
    fv_flow_options o;
} profiles[] = {
    {"fovea", {FV_CENTER_MEAN, FV_STEPS_OWN, FV_LOG_NONE, 0}},
    {"v2", {FV_CENTER_MEDIAN, FV_STEPS_EXTENT, FV_LOG_SHIFTED, 0}},
    {"v3.1-cpu", {FV_CENTER_MEAN, FV_STEPS_OWN, FV_LOG_NONE, 0}},
    {"v4", {FV_CENTER_ROUNDED, FV_STEPS_LARGEST, FV_LOG_NONE, 1}},
};

fv_status fv_flow_profile(fv_ctx *ctx, const char *name, fv_flow_options *out)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++)
        if (strcmp(name, profiles[i].name) == 0) {
            *out = profiles[i].o;
            return FV_OK;
        }
    return fvi_fail(ctx, FV_EINVAL,
                    "unknown profile '%s' of flows, expected fovea, v2, "
                    "v3.1-cpu or v4",
                    name);
}

/* ---- every direction of every object ---- */

typedef struct field {
    const fv_ctx *ctx;
    const fvi_pieces *o;
    const fv_flow_options *how;
    int64_t h, w, largest; /* the most h + w of a box */
    fvi_flow_use *use;
    void *to;
    double *plane; /* heat (h,w) where neighbors count, else NULL */
} field;

static int64_t steps_of(const field *f, const fvi_piece *o)
{
    int64_t sides = o->y1 - o->y0 + o->x1 - o->x0;
    if (f->how->steps == FV_STEPS_LARGEST)
        return 2 * (f->largest + 2);
    return f->how->steps == FV_STEPS_OWN ? 2 * (sides + 4) : 2 * (sides - 2);
}

static void pass_on(const field *f, int64_t k, int64_t y, int64_t x, double dy,
                    double dx)
{
    double norm = sqrt(dy * dy + dx * dx) + 1e-60;
    f->use(f->to, k, y, x, dy / norm, dx / norm);
}

/* Heat of object k; its directions at once unless neighbors count. */
static void one_object(const field *f, int64_t k, int team, double *scratch)
{
    const fvi_piece *o = &f->o->object[k];
    const fvi_span *run = f->o->run + o->first;
    fvi_heat t;
    if (fvi_canceled(f->ctx))
        return;
    fvi_heat_spread(o, run, f->how, steps_of(f, o), team, scratch, &t);
    for (int64_t i = 0; i < o->runs; i++)
        for (int64_t x = run[i].x0; x < run[i].x1; x++) {
            const double *at = t.now + fvi_heat_cell(&t, o, run[i].y, x);
            if (f->plane)
                f->plane[run[i].y * f->w + x] = *at;
            else
                pass_on(f, k, run[i].y, x, at[t.stride] - at[-t.stride],
                        at[1] - at[-1]);
        }
}

static double heat_at(const field *f, int64_t y, int64_t x)
{
    bool inside = y >= 0 && x >= 0 && y < f->h && x < f->w;
    return inside ? f->plane[y * f->w + x] : 0;
}

static void from_plane(const field *f, int64_t k)
{
    const fvi_piece *o = &f->o->object[k];
    const fvi_span *run = f->o->run + o->first;
    for (int64_t i = 0; i < o->runs; i++)
        for (int64_t x = run[i].x0; x < run[i].x1; x++) {
            int64_t y = run[i].y;
            pass_on(f, k, y, x, heat_at(f, y + 1, x) - heat_at(f, y - 1, x),
                    heat_at(f, y, x + 1) - heat_at(f, y, x - 1));
        }
}

/* Objects with more scratch than this are done one after the other, each by
 * all threads; so that scratch is never large once per thread. */
enum { LARGE = 1 << 17 };

static void many(const field *f, int threads, int64_t room, double *scratch)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int64_t k = t; k < f->o->count; k += threads)
            if (fvi_heat_room(&f->o->object[k]) <= LARGE)
                one_object(f, k, 1, scratch + t * room);
    for (int64_t k = 0; k < f->o->count; k++)
        if (fvi_heat_room(&f->o->object[k]) > LARGE)
            one_object(f, k, threads, scratch);
    if (!f->plane)
        return;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < f->o->count; k++)
        from_plane(f, k);
}

static fv_status with_scratch(fv_ctx *ctx, field *f)
{
    int threads = fvi_team(ctx, f->h * f->w);
    int64_t small = 0, large = 0;
    for (int64_t k = 0; k < f->o->count; k++) {
        const fvi_piece *o = &f->o->object[k];
        int64_t room = fvi_heat_room(o);
        int64_t sides = o->y1 - o->y0 + o->x1 - o->x0;
        small = room <= LARGE && room > small ? room : small;
        large = room > large ? room : large;
        f->largest = sides > f->largest ? sides : f->largest;
    }
    int64_t total = threads * small > large ? threads * small : large;
    double *scratch = fvi_alloc(ctx, (size_t)total * sizeof *scratch);
    if (!scratch)
        return FV_ENOMEM;
    many(f, threads, small, scratch);
    fvi_free(ctx, scratch);
    return FV_OK;
}

fv_status fvi_flow_each(fv_ctx *ctx, const fvi_pieces *o,
                        const fv_flow_options *how, int64_t h, int64_t w,
                        fvi_flow_use *use, void *to)
{
    field f = {
        .ctx = ctx, .o = o, .how = how, .h = h, .w = w, .use = use, .to = to};
    if (!o->count)
        return FV_OK;
    if (how->neighbors) {
        f.plane = fvi_calloc(ctx, (size_t)(h * w), sizeof *f.plane);
        if (!f.plane)
            return FV_ENOMEM;
    }
    fv_status status = with_scratch(ctx, &f);
    fvi_free(ctx, f.plane);
    if (status == FV_OK && fvi_canceled(ctx))
        return fvi_fail(ctx, FV_ECANCEL, "canceled");
    return status;
}

/* ---- into a tensor ---- */

static void store(void *to, int64_t object, int64_t y, int64_t x, double dy,
                  double dx)
{
    const fv_tensor *t = to;
    (void)object;
    float *at = (float *)t->data + y * t->stride[0] + x * t->stride[1];
    at[0] = (float)dy;
    at[t->stride[2]] = (float)dx;
}

static void clear(fv_tensor t)
{
    for (int64_t y = 0; y < t.dim[0]; y++)
        for (int64_t x = 0; x < t.dim[1]; x++)
            store(&t, 0, y, x, 0, 0);
}

static fv_status fill(fv_ctx *ctx, const uint32_t *labels, fv_flow_options o,
                      fv_tensor flows)
{
    fvi_pieces objects;
    int64_t h = flows.dim[0], w = flows.dim[1];
    FV_TRY(fvi_pieces_new(ctx, labels, h, w, &objects));
    clear(flows);
    fv_status status = fvi_flow_each(ctx, &objects, &o, h, w, store, &flows);
    fvi_pieces_free(ctx, &objects);
    return status;
}

fv_status fv_flows_from_labels(fv_ctx *ctx, fv_tensor labels, fv_flow_options o,
                               fv_tensor flows)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want(ctx, "flows", flows, FV_F32, 3, "f32 (H,W,2)"));
    FV_TRY(fvi_want_same(ctx, "labels", labels, "flows", flows));
    if (flows.dim[2] != 2)
        return fvi_fail(ctx, FV_ESHAPE,
                        "flows: found %lld channels, "
                        "expected 2 (dY, dX)",
                        (long long)flows.dim[2]);
    fvi_dense l;
    FV_TRY(fvi_dense_open(ctx, labels, true, &l));
    fv_status status = fill(ctx, l.view.data, o, flows);
    fvi_dense_close(ctx, &l);
    return status;
}
