/* Colors for objects: which ones are neighbors, then a color for each in turn
 * that no neighbor has (greedy coloring). */

#include "task/color.h"

/* After Okabe & Ito 2008 and the bright scheme of Tol 2021, lightened. */
const uint8_t fvi_palette[FVI_COLORS][3] = {
    {240, 228, 66},  /* yellow    */
    {86, 180, 233},  /* sky blue  */
    {255, 112, 67},  /* vermilion */
    {0, 200, 140},   /* green     */
    {238, 119, 190}, /* pink      */
    {255, 176, 0},   /* orange    */
    {120, 230, 255}, /* cyan      */
    {176, 150, 255}, /* violet    */
};

enum { NEAR = 8 }; /* px between objects that still count as neighbors */

typedef struct neighbors {
    fvi_tally *objects;
    fvi_tally pairs; /* smaller index << 32 | larger index */
    int64_t *first;  /* object k has other[first[k]] .. */
    uint32_t *other;
} neighbors;

static fv_status add_pair(neighbors *n, uint32_t a, uint32_t b)
{
    uint64_t i = (uint64_t)fvi_tally_find(n->objects, a);
    uint64_t k = (uint64_t)fvi_tally_find(n->objects, b);
    return fvi_tally_add(&n->pairs, i < k ? i << 32 | k : k << 32 | i, 1, NULL);
}

static fv_status along_rows(neighbors *n, const fvi_runs *r)
{
    for (int64_t i = 0; i + 1 < r->count; i++) {
        const fvi_span *a = r->run + i, *b = a + 1;
        if (a->y == b->y && a->label != b->label && b->x0 - a->x1 <= NEAR)
            FV_TRY(add_pair(n, a->label, b->label));
    }
    return FV_OK;
}

/* `last` and `row` hold the last label of each column and where it was. */
static fv_status down_columns(neighbors *n, const fvi_runs *r, uint32_t *last,
                              int32_t *row)
{
    for (int64_t i = 0; i < r->count; i++) {
        const fvi_span *a = r->run + i;
        uint32_t met = 0; /* a run mostly meets one object above */
        for (int64_t x = a->x0; x < a->x1; x++) {
            bool fresh = last[x] != a->label && last[x] != met;
            if (last[x] && fresh && a->y - row[x] <= NEAR) {
                FV_TRY(add_pair(n, last[x], a->label));
                met = last[x];
            }
            last[x] = a->label;
            row[x] = a->y;
        }
    }
    return FV_OK;
}

static fv_status find_pairs(fv_ctx *ctx, neighbors *n, const fvi_runs *r)
{
    for (int64_t i = 0; i < r->count; i++)
        FV_TRY(fvi_tally_add(n->objects, r->run[i].label, 0, NULL));
    FV_TRY(along_rows(n, r));
    uint32_t *last = fvi_calloc(ctx, (size_t)r->width, sizeof *last);
    int32_t *row = fvi_calloc(ctx, (size_t)r->width, sizeof *row);
    fv_status status = FV_ENOMEM;
    if (last && row)
        status = down_columns(n, r, last, row);
    fvi_free(ctx, last);
    fvi_free(ctx, row);
    return status;
}

/* Pairs become lists of neighbors, both ways. */
static fv_status list_neighbors(fv_ctx *ctx, neighbors *n)
{
    int64_t count = n->objects->count, pairs = n->pairs.count;
    n->first = fvi_calloc(ctx, (size_t)count + 2, sizeof *n->first);
    n->other = fvi_alloc(ctx, 2 * (size_t)pairs * sizeof *n->other);
    if (!n->first || !n->other)
        return FV_ENOMEM;
    int64_t *at = n->first + 1; /* ends up as the start of the next list */
    for (int64_t i = 0; i < pairs; i++) {
        at[(n->pairs.key[i] >> 32) + 1]++;
        at[(n->pairs.key[i] & UINT32_MAX) + 1]++;
    }
    for (int64_t k = 0; k < count; k++)
        at[k + 1] += at[k];
    for (int64_t i = 0; i < pairs; i++) {
        uint64_t a = n->pairs.key[i] >> 32, b = n->pairs.key[i] & UINT32_MAX;
        n->other[at[a]++] = (uint32_t)b;
        n->other[at[b]++] = (uint32_t)a;
    }
    return FV_OK;
}

static void pick_colors(neighbors *n)
{
    int64_t used[FVI_COLORS] = {0};
    for (int64_t k = 0; k < n->objects->count; k++) {
        int64_t near[FVI_COLORS] = {0};
        int best = 0;
        for (int64_t i = n->first[k]; i < n->first[k + 1]; i++)
            if (n->other[i] < k)
                near[n->objects->sum[n->other[i]]]++;
        for (int c = 1; c < FVI_COLORS; c++)
            if (near[c] < near[best] ||
                (near[c] == near[best] && used[c] < used[best]))
                best = c;
        n->objects->sum[k] = best;
        used[best]++;
    }
}

fv_status fvi_color_objects(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                            int64_t w, fvi_tally *objects)
{
    fvi_runs r;
    neighbors n = {.objects = objects, .pairs = {.ctx = ctx}};
    FV_TRY(fvi_runs_new(ctx, labels, h, w, false, &r));
    fv_status status = find_pairs(ctx, &n, &r);
    if (status == FV_OK)
        status = list_neighbors(ctx, &n);
    if (status == FV_OK)
        pick_colors(&n);
    fvi_tally_free(&n.pairs);
    fvi_free(ctx, n.first);
    fvi_free(ctx, n.other);
    fvi_runs_free(ctx, &r);
    return status;
}
