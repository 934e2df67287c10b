/*
 * Flooding from seeds, level by level. A bucket per level holds the pixels
 * that wait for it; a level is worked off in waves, each in raster order, so
 * the result depends on nothing but the input. Each pixel enters once.
 * Source: Meyer 1994, "Topographic distance and watershed lines".
 */

#include "task/task.h"

#include <stdlib.h>

typedef struct flood {
    const fvi_order *order;
    const uint8_t *mask;
    uint32_t *labels;
    int64_t height, width;
    uint32_t *head, *next; /* buckets: pixel + 1, 0 ends; next by pixel */
    uint32_t *queue;       /* pixels in the order they are worked off   */
    int64_t queued;
} flood;

static void wait_for(flood *f, uint32_t level, uint32_t pixel)
{
    f->next[pixel] = f->head[level];
    f->head[level] = pixel + 1;
}

static void reach(flood *f, uint32_t level, uint32_t from, uint32_t pixel)
{
    if (!f->mask[pixel] || f->labels[pixel])
        return;
    f->labels[pixel] = f->labels[from];
    uint32_t own = f->order->level[pixel];
    if (own > level)
        wait_for(f, own, pixel);
    else
        f->queue[f->queued++] = pixel;
}

static void spread(flood *f, uint32_t level, uint32_t pixel)
{
    uint32_t w = (uint32_t)f->width, y = pixel / w, x = pixel % w;
    if (y > 0)
        reach(f, level, pixel, pixel - w);
    if (x > 0)
        reach(f, level, pixel, pixel - 1);
    if (x + 1 < w)
        reach(f, level, pixel, pixel + 1);
    if (y + 1 < (uint32_t)f->height)
        reach(f, level, pixel, pixel + w);
}

static int by_raster(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

static void sort_wave(uint32_t *pixel, int64_t n)
{
    if (n > 32) {
        qsort(pixel, (size_t)n, sizeof *pixel, by_raster);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        uint32_t p = pixel[i];
        int64_t k = i;
        for (; k > 0 && pixel[k - 1] > p; k--)
            pixel[k] = pixel[k - 1];
        pixel[k] = p;
    }
}

static void work_off(flood *f, uint32_t level)
{
    int64_t begin = f->queued;
    for (uint32_t p = f->head[level]; p; p = f->next[p - 1])
        f->queue[f->queued++] = p - 1;
    while (begin < f->queued) {
        int64_t end = f->queued;
        sort_wave(f->queue + begin, end - begin);
        for (int64_t i = begin; i < end; i++)
            spread(f, level, f->queue[i]);
        begin = end;
    }
}

/* Seeds outside the mask vanish; those with nothing to grow into rest. */
static bool can_grow(const flood *f, int64_t y, int64_t x)
{
    int64_t w = f->width, i = y * w + x;
    const uint8_t *m = f->mask;
    const uint32_t *l = f->labels;
    return (y > 0 && m[i - w] && !l[i - w]) ||
           (x > 0 && m[i - 1] && !l[i - 1]) ||
           (x + 1 < w && m[i + 1] && !l[i + 1]) ||
           (y + 1 < f->height && m[i + w] && !l[i + w]);
}

static void plant(flood *f)
{
    for (int64_t y = 0; y < f->height; y++)
        for (int64_t x = 0; x < f->width; x++) {
            int64_t i = y * f->width + x;
            if (!f->mask[i])
                f->labels[i] = 0;
            else if (f->labels[i] && can_grow(f, y, x))
                wait_for(f, f->order->level[i], (uint32_t)i);
        }
}

fv_status fvi_flood(fv_ctx *ctx, const fvi_order *o, const uint8_t *mask,
                    uint32_t *labels, int64_t h, int64_t w)
{
    flood f = {o, mask, labels, h, w, NULL, NULL, NULL, 0};
    f.head = fvi_calloc(ctx, (size_t)o->levels, sizeof *f.head);
    f.next = fvi_alloc(ctx, (size_t)(h * w) * sizeof *f.next);
    f.queue = fvi_alloc(ctx, (size_t)o->count * sizeof *f.queue);
    bool room = f.head && f.next && f.queue;
    if (room) {
        plant(&f);
        for (int64_t level = 0; level < o->levels; level++)
            if (f.head[level])
                work_off(&f, (uint32_t)level);
    }
    fvi_free(ctx, f.head);
    fvi_free(ctx, f.next);
    fvi_free(ctx, f.queue);
    return room ? FV_OK : FV_ENOMEM;
}

static fv_status watershed(fv_ctx *ctx, fv_tensor relief, fv_tensor mask,
                           fv_tensor seeds)
{
    fvi_order o;
    int64_t h = seeds.dim[0], w = seeds.dim[1];
    FV_TRY(fvi_order_new(ctx, relief.data, mask.data, h * w, &o));
    fv_status status = fvi_flood(ctx, &o, mask.data, seeds.data, h, w);
    fvi_order_free(ctx, &o);
    return status;
}

fv_status fv_watershed(fv_ctx *ctx, fv_tensor relief, fv_tensor mask,
                       fv_tensor seeds)
{
    FV_TRY(fvi_want(ctx, "relief", relief, FV_F32, 2, "f32 (H,W)"));
    FV_TRY(fvi_want(ctx, "mask", mask, FV_U8, 2, "u8 (H,W)"));
    FV_TRY(fvi_want(ctx, "seeds", seeds, FV_U32, 2, "u32 (H,W)"));
    FV_TRY(fvi_want_same(ctx, "relief", relief, "seeds", seeds));
    FV_TRY(fvi_want_same(ctx, "mask", mask, "seeds", seeds));
    fvi_dense r = {0}, m = {0}, s = {0};
    fv_status status = fvi_dense_open(ctx, relief, true, &r);
    if (status == FV_OK)
        status = fvi_dense_open(ctx, mask, true, &m);
    if (status == FV_OK)
        status = fvi_dense_open(ctx, seeds, true, &s);
    if (status == FV_OK)
        status = watershed(ctx, r.view, m.view, s.view);
    if (status == FV_OK)
        status = fvi_dense_store(ctx, &s, seeds);
    fvi_dense_close(ctx, &r);
    fvi_dense_close(ctx, &m);
    fvi_dense_close(ctx, &s);
    return status;
}
