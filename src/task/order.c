/* Pixels by falling relief: a stable radix sort of 32-bit keys, so equal
 * heights stay in raster order. */

#include "task/task.h"

#include <string.h>

enum { DIGIT = 11, DIGITS = 1 << DIGIT };

/* Unsigned numbers in the opposite order of the floats; NaN comes last. */
static uint32_t falling_key(float f)
{
    uint32_t bits;
    if (f != f)
        return UINT32_MAX;
    f += 0.0f; /* -0 is 0 */
    memcpy(&bits, &f, sizeof bits);
    return bits >> 31 ? bits : ~(bits | UINT32_C(0x80000000));
}

/* Entries are key << 32 | pixel. Returns the buffer that holds the result. */
static uint64_t *radix_sort(uint64_t *a, uint64_t *b, int64_t n)
{
    for (int shift = 32; shift < 64; shift += DIGIT) {
        int64_t at[DIGITS + 1] = {0};
        for (int64_t i = 0; i < n; i++)
            at[((a[i] >> shift) & (DIGITS - 1)) + 1]++;
        for (int d = 0; d < DIGITS; d++)
            at[d + 1] += at[d];
        for (int64_t i = 0; i < n; i++)
            b[at[(a[i] >> shift) & (DIGITS - 1)]++] = a[i];
        uint64_t *swap = a;
        a = b;
        b = swap;
    }
    return a;
}

static int64_t count_mask(const uint8_t *mask, int64_t pixels)
{
    int64_t n = 0;
    for (int64_t i = 0; i < pixels; i++)
        n += mask[i] != 0;
    return n;
}

static void spread(const uint64_t *sorted, fvi_order *o)
{
    uint32_t level = 0;
    for (int64_t i = 0; i < o->count; i++) {
        if (i > 0 && sorted[i] >> 32 != sorted[i - 1] >> 32)
            level++;
        o->pixel[i] = (uint32_t)sorted[i];
        o->level[o->pixel[i]] = level;
    }
    o->levels = o->count ? (int64_t)level + 1 : 0;
}

fv_status fvi_order_new(fv_ctx *ctx, const float *relief, const uint8_t *mask,
                        int64_t pixels, fvi_order *out)
{
    fvi_order o = {.count = count_mask(mask, pixels)};
    size_t n = (size_t)o.count;
    o.pixel = fvi_alloc(ctx, n * sizeof *o.pixel);
    o.level = fvi_alloc(ctx, (size_t)pixels * sizeof *o.level);
    uint64_t *entry = fvi_alloc(ctx, 2 * n * sizeof *entry);
    if (!o.pixel || !o.level || !entry) {
        fvi_order_free(ctx, &o);
        fvi_free(ctx, entry);
        return FV_ENOMEM;
    }
    for (int64_t i = 0, k = 0; i < pixels; i++)
        if (mask[i])
            entry[k++] = (uint64_t)falling_key(relief[i]) << 32 | (uint64_t)i;
    spread(radix_sort(entry, entry + n, o.count), &o);
    fvi_free(ctx, entry);
    *out = o;
    return FV_OK;
}

void fvi_order_free(fv_ctx *ctx, fvi_order *o)
{
    fvi_free(ctx, o->pixel);
    fvi_free(ctx, o->level);
    *o = (fvi_order){0};
}
