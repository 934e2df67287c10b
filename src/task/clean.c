/* Objects made presentable: holes filled, specks removed, numbers dense. */

#include "task/task.h"

/* What lies around a part of the background. */
typedef struct surround {
    uint32_t label; /* the one object met so far, 0: none */
    bool open;      /* meets the border or a second object */
} surround;

static void meet(surround *s, uint32_t label)
{
    if (s->label && s->label != label)
        s->open = true;
    s->label = label;
}

static void meet_pair(const fvi_span *p, uint32_t part_p, const fvi_span *q,
                      uint32_t part_q, surround *around)
{
    if (!p->label && q->label)
        meet(around + part_p, q->label);
    if (p->label && !q->label)
        meet(around + part_q, p->label);
}

static void look_around(const fvi_runs *r, const uint32_t *part, int64_t y,
                        surround *around)
{
    const fvi_span *run = r->run;
    int64_t lo = r->first[y], hi = r->first[y + 1];
    for (int64_t i = lo; i < hi; i++) {
        bool edge = y == 0 || y == r->height - 1 || i == lo || i == hi - 1;
        if (edge && !run[i].label)
            around[part[i]].open = true;
        if (i > lo)
            meet_pair(run + i - 1, part[i - 1], run + i, part[i], around);
    }
    if (y == 0)
        return;
    for (int64_t a = r->first[y - 1], b = lo; a < lo && b < hi;) {
        meet_pair(run + a, part[a], run + b, part[b], around);
        int32_t end_a = run[a].x1, end_b = run[b].x1;
        a += end_a <= end_b;
        b += end_b <= end_a;
    }
}

/* A hole is a 4-connected part of the background that meets one object and
 * not the border. Objects inside others stay. */
static fv_status fill_holes_of(fv_ctx *ctx, uint32_t *labels, fvi_runs *r)
{
    uint32_t *part;
    int64_t parts;
    FV_TRY(fvi_runs_join(ctx, r, 0, &part, &parts));
    surround *around = fvi_calloc(ctx, (size_t)parts, sizeof *around);
    if (around) {
        for (int64_t y = 0; y < r->height; y++)
            look_around(r, part, y, around);
        for (int64_t i = 0; i < r->count; i++)
            if (!r->run[i].label && !around[part[i]].open)
                r->run[i].label = around[part[i]].label;
        fvi_runs_paint(ctx, r, labels);
    }
    fvi_free(ctx, part);
    fvi_free(ctx, around);
    return around ? FV_OK : FV_ENOMEM;
}

static fv_status fill(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w)
{
    fvi_runs r;
    FV_TRY(fvi_runs_new(ctx, labels, h, w, true, &r));
    fv_status status = fill_holes_of(ctx, labels, &r);
    fvi_runs_free(ctx, &r);
    return status;
}

static fv_status areas(const fvi_runs *r, fvi_tally *t)
{
    for (int64_t i = 0; i < r->count; i++)
        FV_TRY(fvi_tally_add(t, r->run[i].label, r->run[i].x1 - r->run[i].x0,
                             NULL));
    return FV_OK;
}

/* What becomes of objects that are too small, and of the others. */
typedef struct removal {
    int64_t min_area;
    bool renumber; /* the others, 1 to count */
    int64_t count; /* how many stay          */
    bool removed;  /* any                    */
} removal;

/* Sums become numbers, 0 for what goes. */
static void number(fvi_tally *t, removal *how)
{
    how->count = 0;
    for (int64_t i = 0; i < t->count; i++) {
        const bool stays = t->sum[i] >= how->min_area;
        how->count += stays;
        t->sum[i] = !stays          ? 0
                    : how->renumber ? how->count
                                    : (int64_t)t->key[i];
    }
    how->removed = how->count < t->count;
}

static fv_status remove_small(fv_ctx *ctx, uint32_t *labels, int64_t h,
                              int64_t w, removal *how)
{
    fvi_runs r;
    fvi_tally t = {.ctx = ctx};
    FV_TRY(fvi_runs_new(ctx, labels, h, w, false, &r));
    fv_status status = areas(&r, &t);
    if (status == FV_OK) {
        number(&t, how);
        for (int64_t i = 0; i < r.count; i++)
            r.run[i].label =
                (uint32_t)t.sum[fvi_tally_find(&t, r.run[i].label)];
        fvi_runs_paint(ctx, &r, labels);
    }
    fvi_tally_free(&t);
    fvi_runs_free(ctx, &r);
    return status;
}

fv_status fvi_clean(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                    int64_t min_area, int fill_holes, int64_t *count)
{
    removal how = {.min_area = min_area, .renumber = true};
    if (fill_holes)
        FV_TRY(fill(ctx, labels, h, w));
    FV_TRY(remove_small(ctx, labels, h, w, &how));
    *count = how.count;
    /* A speck inside an object left a hole. Filling moves no first pixel. */
    if (how.removed && fill_holes)
        FV_TRY(fill(ctx, labels, h, w));
    return FV_OK;
}

fv_status fv_drop_small(fv_ctx *ctx, fv_tensor labels, int64_t min_area)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    fvi_dense d;
    removal how = {.min_area = min_area};
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    fv_status status =
        remove_small(ctx, d.view.data, labels.dim[0], labels.dim[1], &how);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &d, labels);
    fvi_dense_close(ctx, &d);
    return status;
}

fv_status fv_clean_labels(fv_ctx *ctx, fv_tensor labels, int64_t min_area,
                          int fill_holes, int64_t *count)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    int64_t n = 0;
    fv_status status = fvi_clean(ctx, d.view.data, labels.dim[0], labels.dim[1],
                                 min_area, fill_holes, &n);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &d, labels);
    fvi_dense_close(ctx, &d);
    if (status == FV_OK)
        *count = n;
    return status;
}
