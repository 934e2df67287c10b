/*
 * Where many points arrive, an object has its sink. The plane first counts
 * arrivals; then it numbers the bins with more than FEW of them, since only
 * these can belong to a sink.
 */

#include "task/flow.h"

#include <stdlib.h>
#include <string.h>

enum {
    FEW = 2,   /* a bin with more belongs to the sink it touches */
    MANY = 10, /* a sink has more                                */
    APART = 2, /* and is the fullest bin within 2 px             */
    REACH = 5, /* dilations of a sink                            */
    SIDE = 2 * REACH + 1,
    ROW = SIDE + 2, /* with a frame */
};

typedef struct sink {
    uint32_t count, bin;
} sink;

typedef struct sinks {
    int64_t h, w;
    const uint32_t *plane;         /* number of a full bin from 1, or 0 */
    uint32_t *bin, *count, *owner; /* of full bins               */
    int64_t bins, sinks;
    sink *sink;
} sinks;

/* The count of a bin, and 0 where that is FEW or outside. */
static uint32_t count_at(const sinks *s, int64_t y, int64_t x)
{
    if (y < 0 || x < 0 || y >= s->h || x >= s->w)
        return 0;
    uint32_t k = s->plane[y * s->w + x];
    return k ? s->count[k - 1] : 0;
}

static bool fullest(const sinks *s, int64_t k)
{
    int64_t y = s->bin[k] / s->w, x = s->bin[k] % s->w;
    for (int64_t i = y - APART; i <= y + APART; i++)
        for (int64_t j = x - APART; j <= x + APART; j++)
            if (count_at(s, i, j) > s->count[k])
                return false;
    return true;
}

/* By count, then in raster order. */
static int by_count(const void *a, const void *b)
{
    const sink *p = a, *q = b;
    if (p->count != q->count)
        return p->count < q->count ? -1 : 1;
    return p->bin < q->bin ? -1 : p->bin > q->bin;
}

/* One 3x3 dilation of `from` into bins with more than FEW. */
static void dilate(const uint8_t *from, const uint8_t *full, uint8_t *to)
{
    for (int y = 1; y <= SIDE; y++)
        for (int x = 1; x <= SIDE; x++) {
            int at = y * ROW + x, any = 0;
            for (int d = -ROW; d <= ROW; d += ROW)
                any |= from[at + d - 1] | from[at + d] | from[at + d + 1];
            to[at] = (uint8_t)(any & full[at]);
        }
}

static void grow(const sinks *s, int64_t number)
{
    uint8_t full[ROW * ROW] = {0}, a[ROW * ROW] = {0}, b[ROW * ROW] = {0};
    int64_t y0 = s->sink[number].bin / s->w - REACH;
    int64_t x0 = s->sink[number].bin % s->w - REACH;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            full[(y + 1) * ROW + x + 1] = count_at(s, y0 + y, x0 + x) > 0;
    a[(REACH + 1) * ROW + REACH + 1] = 1;
    for (int i = 0; i < REACH; i++) {
        dilate(a, full, b);
        memcpy(a, b, sizeof a);
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            if (a[(y + 1) * ROW + x + 1])
                s->owner[s->plane[(y0 + y) * s->w + x0 + x] - 1] =
                    (uint32_t)number + 1;
}

/* Counts become numbers of full bins. */
static void number_bins(sinks *s, uint32_t *plane)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->h * s->w; i++) {
        if (plane[i] > FEW) {
            s->bin[n] = (uint32_t)i;
            s->count[n] = plane[i];
            plane[i] = (uint32_t)++n;
        } else {
            plane[i] = 0;
        }
    }
}

static fv_status find(fv_ctx *ctx, sinks *s)
{
    int64_t room = 0, n = 0;
    for (int64_t k = 0; k < s->bins; k++)
        room += s->count[k] > MANY && fullest(s, k);
    s->sink = fvi_alloc(ctx, (size_t)room * sizeof *s->sink);
    if (!s->sink)
        return FV_ENOMEM;
    for (int64_t k = 0; k < s->bins; k++)
        if (s->count[k] > MANY && fullest(s, k))
            s->sink[n++] = (sink){s->count[k], s->bin[k]};
    s->sinks = n;
    qsort(s->sink, (size_t)n, sizeof *s->sink, by_count);
    return FV_OK;
}

static fv_status assign(fv_ctx *ctx, fvi_flow_points *p, uint32_t *plane,
                        sinks *s)
{
    for (int64_t i = 0; i < s->h * s->w; i++)
        s->bins += plane[i] > FEW;
    uint32_t *room = fvi_calloc(ctx, (size_t)s->bins * 3, sizeof *room);
    if (!room)
        return FV_ENOMEM;
    s->bin = room;
    s->count = room + s->bins;
    s->owner = room + 2 * s->bins;
    number_bins(s, plane);
    fv_status status = find(ctx, s);
    for (int64_t k = 0; k < s->sinks && status == FV_OK; k++)
        grow(s, k);
    for (int64_t i = 0; i < p->count && status == FV_OK; i++) {
        uint32_t k = plane[p->bin[i]];
        p->bin[i] = k ? s->owner[k - 1] : 0;
    }
    fvi_free(ctx, s->sink);
    fvi_free(ctx, room);
    return status;
}

fv_status fvi_flow_sinks(fv_ctx *ctx, fvi_flow_points *p, uint32_t *plane,
                         int64_t *found)
{
    sinks s = {.h = p->h, .w = p->w, .plane = plane};
    memset(plane, 0, (size_t)(p->h * p->w) * sizeof *plane);
    for (int64_t i = 0; i < p->count; i++)
        plane[p->bin[i]]++;
    FV_TRY(assign(ctx, p, plane, &s));
    *found = s.sinks;
    return FV_OK;
}
