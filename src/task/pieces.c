/* A label image taken apart: the runs and the box of each object. */

#include "task/pieces.h"

/* Enlarges the object of run `r`; runs come by row, then by column. */
static void grow(fvi_piece *o, const fvi_span *r)
{
    if (!o->runs)
        *o = (fvi_piece){r->label, r->y, r->x0, r->y + 1, r->x1, .area = 0};
    o->y1 = r->y + 1;
    o->x0 = r->x0 < o->x0 ? r->x0 : o->x0;
    o->x1 = r->x1 > o->x1 ? r->x1 : o->x1;
    o->area += r->x1 - r->x0;
    o->runs++;
}

/* Counting sort of the runs by object. */
static void sort(const fvi_runs *r, const uint32_t *owner, fvi_pieces *f)
{
    int64_t first = 0;
    for (int64_t i = 0; i < f->count; i++) {
        f->object[i].first = first;
        first += f->object[i].runs;
        f->object[i].runs = 0;
    }
    for (int64_t i = 0; i < r->count; i++) {
        fvi_piece *o = &f->object[owner[i]];
        f->run[o->first + o->runs++] = r->run[i];
    }
}

static fv_status collect(fv_ctx *ctx, const fvi_runs *r, fvi_tally *t,
                         uint32_t *owner, fvi_pieces *f)
{
    int64_t k = 0;
    for (int64_t i = 0; i < r->count; i++) {
        FV_TRY(fvi_tally_add(t, r->run[i].label, 0, &k));
        owner[i] = (uint32_t)k;
    }
    f->count = t->count;
    f->object = fvi_calloc(ctx, (size_t)f->count, sizeof *f->object);
    f->run = fvi_alloc(ctx, (size_t)r->count * sizeof *f->run);
    if (!f->object || !f->run)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->count; i++)
        grow(&f->object[owner[i]], &r->run[i]);
    sort(r, owner, f);
    return FV_OK;
}

fv_status fvi_pieces_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                         int64_t w, fvi_pieces *out)
{
    fvi_runs r;
    fvi_tally t = {.ctx = ctx};
    fvi_pieces f = {0};
    FV_TRY(fvi_runs_new(ctx, labels, h, w, false, &r));
    uint32_t *owner = fvi_alloc(ctx, (size_t)r.count * sizeof *owner);
    fv_status status = owner ? collect(ctx, &r, &t, owner, &f) : FV_ENOMEM;
    fvi_free(ctx, owner);
    fvi_tally_free(&t);
    fvi_runs_free(ctx, &r);
    if (status != FV_OK)
        fvi_pieces_free(ctx, &f);
    else
        *out = f;
    return status;
}

void fvi_pieces_free(fv_ctx *ctx, fvi_pieces *o)
{
    fvi_free(ctx, o->object);
    fvi_free(ctx, o->run);
    *o = (fvi_pieces){0};
}
