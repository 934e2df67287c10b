/*
 * Sparse assignment by shortest augmenting paths: one Dijkstra search per row
 * over reduced costs, which never leaves the block of pairs that hang
 * together. A row may stay alone at cost 0. Deterministic.
 * Source: Jonker & Volgenant 1987.
 */

#include "task/assign.h"

#include <math.h>

typedef struct reachable {
    double distance;
    int32_t column;
} reachable;

typedef struct search {
    const fvi_offers *o;
    int32_t *match;   /* column of a row, or -1          */
    int32_t *owner;   /* row of a column, or -1          */
    double *u, *v;    /* prices of rows and columns      */
    double *distance; /* of columns, HUGE_VAL: not seen  */
    int32_t *from;    /* row from which a column is seen */
    uint8_t *settled; /* columns                         */
    int32_t *seen;    /* columns touched by this search  */
    int64_t seen_count;
    reachable *heap; /* owned columns, nearest first    */
    int64_t heap_count;
    reachable open; /* the nearest free column; it ends the search */
} search;

static bool before(reachable a, reachable b)
{
    return a.distance < b.distance ||
           (a.distance == b.distance && a.column < b.column);
}

static void push(search *s, reachable r)
{
    int64_t i = s->heap_count++;
    for (; i > 0 && before(r, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = r;
}

static reachable pop(search *s)
{
    reachable best = s->heap[0], last = s->heap[--s->heap_count];
    int64_t i = 0, n = s->heap_count;
    while (2 * i + 1 < n) {
        int64_t k = 2 * i + 1;
        if (k + 1 < n && before(s->heap[k + 1], s->heap[k]))
            k++;
        if (!before(s->heap[k], last))
            break;
        s->heap[i] = s->heap[k];
        i = k;
    }
    s->heap[i] = last;
    return best;
}

static void relax(search *s, int32_t row, double base)
{
    const fvi_offers *o = s->o;
    for (int64_t k = o->first[row]; k < o->first[row + 1]; k++) {
        int32_t c = o->column[k];
        double d = base - o->weight[k] - s->u[row] - s->v[c];
        if (s->settled[c] || d >= s->distance[c])
            continue;
        if (isinf(s->distance[c]))
            s->seen[s->seen_count++] = c;
        s->distance[c] = d;
        s->from[c] = row;
        if (s->owner[c] >= 0)
            push(s, (reachable){d, c});
        else if (d < s->open.distance)
            s->open = (reachable){d, c};
    }
}

/* Turns the path that ends in column `c` (-1: row `alone` stays alone). */
static void augment(search *s, int32_t start, int32_t c, int32_t alone)
{
    if (c < 0) {
        c = s->match[alone];
        s->match[alone] = -1;
        if (alone == start)
            return;
    }
    for (;;) {
        int32_t row = s->from[c], next = s->match[row];
        s->owner[c] = row;
        s->match[row] = c;
        if (row == start)
            return;
        c = next;
    }
}

static void reprice(search *s, int32_t start, double length)
{
    s->u[start] += length;
    for (int64_t k = 0; k < s->seen_count; k++) {
        int32_t c = s->seen[k];
        if (s->settled[c]) {
            s->v[c] -= length - s->distance[c];
            s->u[s->owner[c]] += length - s->distance[c];
        }
        s->distance[c] = HUGE_VAL;
        s->settled[c] = 0;
    }
    s->seen_count = s->heap_count = 0;
}

/* The nearest owned column that is not settled; column -1 when none is left. */
static reachable nearest(search *s)
{
    while (s->heap_count) {
        reachable r = pop(s);
        if (!s->settled[r.column] && r.distance <= s->distance[r.column])
            return r;
    }
    return (reachable){HUGE_VAL, -1};
}

static void place(search *s, int32_t start)
{
    int32_t row = start, alone = start;
    double base = 0, stay = -s->u[start]; /* price of leaving `alone` alone */
    s->open = (reachable){HUGE_VAL, -1};
    for (;;) {
        relax(s, row, base);
        reachable r = nearest(s);
        if (r.distance >= s->open.distance || r.distance >= stay)
            break;
        s->settled[r.column] = 1;
        row = s->owner[r.column];
        base = r.distance;
        if (base - s->u[row] < stay) {
            stay = base - s->u[row];
            alone = row;
        }
    }
    bool matched = s->open.distance <= stay;
    /* prices belong to the owners before the path is turned */
    reprice(s, start, matched ? s->open.distance : stay);
    augment(s, start, matched ? s->open.column : -1, alone);
}

static bool take(fv_ctx *ctx, search *s, int64_t offers)
{
    size_t rows = (size_t)s->o->rows, columns = (size_t)s->o->columns;
    s->owner = fvi_alloc(ctx, columns * sizeof *s->owner);
    s->from = fvi_alloc(ctx, columns * sizeof *s->from);
    s->seen = fvi_alloc(ctx, columns * sizeof *s->seen);
    s->distance = fvi_alloc(ctx, columns * sizeof *s->distance);
    s->u = fvi_calloc(ctx, rows, sizeof *s->u);
    s->v = fvi_calloc(ctx, columns, sizeof *s->v);
    s->settled = fvi_calloc(ctx, columns, sizeof *s->settled);
    s->heap = fvi_alloc(ctx, (size_t)offers * sizeof *s->heap);
    return s->owner && s->from && s->seen && s->distance && s->u && s->v &&
           s->settled && s->heap;
}

static void release(fv_ctx *ctx, search *s)
{
    fvi_free(ctx, s->owner);
    fvi_free(ctx, s->from);
    fvi_free(ctx, s->seen);
    fvi_free(ctx, s->distance);
    fvi_free(ctx, s->u);
    fvi_free(ctx, s->v);
    fvi_free(ctx, s->settled);
    fvi_free(ctx, s->heap);
}

fv_status fvi_assign(fv_ctx *ctx, const fvi_offers *o, int32_t *match)
{
    search s = {.o = o, .match = match};
    if (!take(ctx, &s, o->first[o->rows])) {
        release(ctx, &s);
        return FV_ENOMEM;
    }
    for (int64_t c = 0; c < o->columns; c++) {
        s.owner[c] = -1;
        s.distance[c] = HUGE_VAL;
    }
    for (int64_t r = 0; r < o->rows; r++)
        match[r] = -1;
    for (int64_t r = 0; r < o->rows; r++) {
        /* a price that leaves no offer of the row below zero */
        for (int64_t k = o->first[r]; k < o->first[r + 1]; k++) {
            double cost = -o->weight[k] - s.v[o->column[k]];
            s.u[r] = cost < s.u[r] ? cost : s.u[r];
        }
        place(&s, (int32_t)r);
    }
    release(ctx, &s);
    return FV_OK;
}
