/* Small objects removed and holes filled in the order and with the oddities
 * of Cellpose, for equality with it. */

#include "task/flow.h"

#include <stdlib.h>
#include <string.h>

typedef struct tidy {
    fv_ctx *ctx;
    uint32_t *labels;
    int64_t h, w, min_area;
} tidy;

static int by_label(const void *a, const void *b)
{
    const fvi_piece *p = a, *q = b;
    return p->label < q->label ? -1 : p->label > q->label;
}

static void paint(const tidy *t, const fvi_pieces *f, const fvi_piece *o,
                  uint32_t label)
{
    for (int64_t i = 0; i < o->runs; i++) {
        const fvi_span *r = &f->run[o->first + i];
        for (int64_t x = r->x0; x < r->x1; x++)
            t->labels[r->y * t->w + x] = label;
    }
}

/* Removes the objects named small and numbers the rest by first pixel. `rank`:
 * when the k-th of the labels is small, it is label k that goes. */
static fv_status remove_small(const tidy *t, bool rank, int64_t *count)
{
    fvi_pieces f;
    FV_TRY(fvi_pieces_new(t->ctx, t->labels, t->h, t->w, &f));
    size_t n = (size_t)f.count;
    fvi_piece *sorted = fvi_alloc(t->ctx, n * sizeof *sorted);
    if (sorted) {
        if (n)
            memcpy(sorted, f.object, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_label);
        for (size_t k = 0; k < n; k++) {
            fvi_piece key = {.label = rank ? (uint32_t)k + 1 : sorted[k].label};
            fvi_piece *o = NULL;
            if (sorted[k].area < t->min_area)
                o = bsearch(&key, sorted, n, sizeof key, by_label);
            if (o)
                paint(t, &f, o, 0);
        }
        fvi_free(t->ctx, sorted);
    }
    fvi_pieces_free(t->ctx, &f);
    return sorted ? fvi_clean(t->ctx, t->labels, t->h, t->w, 0, 0, count)
                  : FV_ENOMEM;
}

/* ---- holes ---- */

/* The box of an object with a frame: 1 own, 2 outside, 0 unknown. */
typedef struct box {
    int64_t h, w;
    uint8_t *cell;
    int64_t *queue;
} box;

static void reach(box *b, int64_t *tail, int64_t cell)
{
    if (b->cell[cell])
        return;
    b->cell[cell] = 2;
    b->queue[(*tail)++] = cell;
}

/* Everything that steps to a 4-neighbor lead to from the frame. */
static void flood(box *b)
{
    int64_t head = 0, tail = 0;
    reach(b, &tail, 0);
    while (head < tail) {
        int64_t at = b->queue[head++], y = at / b->w, x = at % b->w;
        if (y > 0)
            reach(b, &tail, at - b->w);
        if (x > 0)
            reach(b, &tail, at - 1);
        if (x + 1 < b->w)
            reach(b, &tail, at + 1);
        if (y + 1 < b->h)
            reach(b, &tail, at + b->w);
    }
}

/* The pixels that still carry the label, and all they enclose. */
static void fill_one(const tidy *t, const fvi_piece *o, box *b)
{
    b->h = (int64_t)o->y1 - o->y0 + 2;
    b->w = (int64_t)o->x1 - o->x0 + 2;
    memset(b->cell, 0, (size_t)(b->h * b->w));
    for (int64_t y = o->y0; y < o->y1; y++)
        for (int64_t x = o->x0; x < o->x1; x++)
            b->cell[(y - o->y0 + 1) * b->w + x - o->x0 + 1] =
                t->labels[y * t->w + x] == o->label;
    flood(b);
    for (int64_t y = o->y0; y < o->y1; y++)
        for (int64_t x = o->x0; x < o->x1; x++)
            if (b->cell[(y - o->y0 + 1) * b->w + x - o->x0 + 1] != 2)
                t->labels[y * t->w + x] = o->label;
}

static fv_status fill(const tidy *t)
{
    fvi_pieces f;
    box b = {0};
    int64_t room = 0;
    FV_TRY(fvi_pieces_new(t->ctx, t->labels, t->h, t->w, &f));
    for (int64_t k = 0; k < f.count; k++) {
        const fvi_piece *o = &f.object[k];
        int64_t cells = ((int64_t)o->y1 - o->y0 + 2) * (o->x1 - o->x0 + 2);
        room = cells > room ? cells : room;
    }
    b.cell = fvi_alloc(t->ctx, (size_t)room);
    b.queue = fvi_alloc(t->ctx, (size_t)room * sizeof *b.queue);
    bool ready = b.cell && b.queue;
    for (int64_t k = 0; k < f.count && ready; k++)
        fill_one(t, &f.object[k], &b);
    fvi_free(t->ctx, b.cell);
    fvi_free(t->ctx, b.queue);
    fvi_pieces_free(t->ctx, &f);
    return ready ? FV_OK : FV_ENOMEM;
}

fv_status fvi_flow_tidy(fv_ctx *ctx, uint32_t *labels, int64_t h, int64_t w,
                        const fv_flow_decode_options *o, int64_t *count)
{
    tidy t = {ctx, labels, h, w, o->min_area};
    FV_TRY(remove_small(&t, o->small_by_rank, count));
    if (o->fill_holes)
        FV_TRY(fill(&t));
    return remove_small(&t, false, count);
}
