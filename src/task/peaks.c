/*
 * Tops of hills by how much they stand out: pixels appear from high to low,
 * and where two hills meet, the lower one counts if its top is at least
 * `rise` above the pass. Source: Edelsbrunner, Letscher & Zomorodian 2002
 * (persistence), with union and find as in Najman & Couprie 2006.
 */

#include "task/task.h"

static const uint32_t unseen = UINT32_MAX;

/* The top of the hill on which `i` lies. */
static uint32_t top(uint32_t *up, uint32_t i)
{
    while (up[i] != i) {
        up[i] = up[up[i]];
        i = up[i];
    }
    return i;
}

typedef struct hills {
    const uint32_t *level;
    const float *relief;
    uint32_t *up, *labels;
    double rise;
} hills;

static void meet(hills *m, uint32_t pixel, uint32_t neighbor)
{
    if (m->up[neighbor] == unseen)
        return;
    uint32_t a = top(m->up, pixel), b = top(m->up, neighbor);
    if (a == b)
        return;
    uint32_t la = m->level[a], lb = m->level[b];
    if (lb < la || (lb == la && b < a)) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    double stands = (double)m->relief[b] - (double)m->relief[pixel];
    if (stands > 0 && stands >= m->rise)
        m->labels[b] = 1;
    m->up[b] = a;
}

static void appear(hills *m, uint32_t pixel, uint32_t h, uint32_t w)
{
    uint32_t y = pixel / w, x = pixel % w;
    m->up[pixel] = pixel;
    if (y > 0)
        meet(m, pixel, pixel - w);
    if (x > 0)
        meet(m, pixel, pixel - 1);
    if (x + 1 < w)
        meet(m, pixel, pixel + 1);
    if (y + 1 < h)
        meet(m, pixel, pixel + w);
}

fv_status fvi_peaks(fv_ctx *ctx, const fvi_order *o, const float *relief,
                    double rise, uint32_t *labels, int64_t h, int64_t w)
{
    int64_t pixels = h * w;
    uint32_t *up = fvi_alloc(ctx, (size_t)pixels * sizeof *up);
    if (!up)
        return FV_ENOMEM;
    for (int64_t i = 0; i < pixels; i++) {
        up[i] = unseen;
        labels[i] = 0;
    }
    hills m = {o->level, relief, up, labels, rise};
    for (int64_t i = 0; i < o->count; i++)
        appear(&m, o->pixel[i], (uint32_t)h, (uint32_t)w);
    for (int64_t i = 0; i < o->count; i++) {
        uint32_t p = o->pixel[i];
        if (up[p] == p)
            labels[p] = 1;
    }
    fvi_free(ctx, up);
    return FV_OK;
}
