/* Whether neighbors on a map are of one kind. */
#include "fovea/map.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>

typedef struct place {
    double x, y;
    int64_t index;
    int category;
} place;

static int by_x(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->x < q->x || p->x > q->x)
        return p->x < q->x ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int by_category(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->category < q->category ? -1 : p->category > q->category;
}

/* The nearest place so far, and the square of how far it is. */
typedef struct nearest {
    const place *place;
    double square;
} nearest;

/* On one side of place `i`, in the order of x, until x alone is too far. */
static void look(const place *all, int64_t count, int64_t i, int64_t step,
                 nearest *best)
{
    for (int64_t k = i + step; k >= 0 && k < count; k += step) {
        double dx = all[k].x - all[i].x, dy = all[k].y - all[i].y;
        double square = dx * dx + dy * dy;
        if (dx * dx > best->square)
            break;
        bool first = best->place && square <= best->square &&
                     all[k].index < best->place->index;
        if (square < best->square || first)
            *best = (nearest){&all[k], square};
    }
}

/* The share of all pairs that are of one category. */
static double by_chance(place *all, int64_t count)
{
    double pairs = 0;
    qsort(all, (size_t)count, sizeof *all, by_category);
    for (int64_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && !by_category(&all[i], &all[i + n]);)
            n++;
        pairs += (double)n * (double)(n - 1);
    }
    return pairs / ((double)count * (double)(count - 1));
}

static double in_place(const place *all, int64_t count)
{
    int64_t same = 0;
    for (int64_t i = 0; i < count; i++) {
        nearest best = {NULL, HUGE_VAL};
        look(all, count, i, -1, &best);
        look(all, count, i, 1, &best);
        same += best.place && best.place->category == all[i].category;
    }
    return (double)same / (double)count;
}

fv_status fv_neighbor_share(fv_ctx *ctx, const double *xy, const int *category,
                            int64_t count, double *share, double *chance)
{
    *share = 0;
    if (chance)
        *chance = 0;
    if (count < 2)
        return FV_OK;
    place *all = fvi_calloc(ctx, (size_t)count, sizeof *all);
    if (!all)
        return FV_ENOMEM;
    for (int64_t i = 0; i < count; i++)
        all[i] = (place){xy[2 * i], xy[2 * i + 1], i, category[i]};
    qsort(all, (size_t)count, sizeof *all, by_x);
    *share = in_place(all, count);
    if (chance)
        *chance = by_chance(all, count);
    fvi_free(ctx, all);
    return FV_OK;
}
