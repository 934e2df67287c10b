/*
 * Where objects touch: few pixels, and the ones that decide whether two
 * objects are counted as two. They weigh more in the loss.
 * Source: the idea of Ronneberger, Fischer & Brox 2015 (arXiv:1505.04597),
 * equation 2; here a pixel counts when its window holds two objects.
 */
#include "train/run.h"

enum { REACH = 2 }; /* px on each side */

/* The smallest and the largest label there is around a pixel. */
typedef struct span {
    uint32_t lo, hi; /* lo > hi: no object */
} span;

static span join(span a, span b)
{
    return (span){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

/* Row y of the labels: what lies within REACH to the left and right. */
static void row_spans(const uint32_t *row, int64_t side, span *out)
{
    for (int64_t x = 0; x < side; x++) {
        int64_t lo = x > REACH ? x - REACH : 0;
        int64_t hi = x + REACH < side ? x + REACH : side - 1;
        out[x] = (span){UINT32_MAX, 0};
        for (int64_t k = lo; k <= hi; k++)
            if (row[k])
                out[x] = join(out[x], (span){row[k], row[k]});
    }
}

fv_status fvi_weigh_touching(fv_ctx *ctx, const uint32_t *labels, int64_t side,
                             float factor, float *weight)
{
    span *rows = fvi_alloc(ctx, (size_t)(side * side) * sizeof *rows);
    if (!rows)
        return FV_ENOMEM;
    for (int64_t y = 0; y < side; y++)
        row_spans(labels + y * side, side, rows + y * side);
    for (int64_t y = 0; y < side; y++) {
        int64_t lo = y > REACH ? y - REACH : 0;
        int64_t hi = y + REACH < side ? y + REACH : side - 1;
        for (int64_t x = 0; x < side; x++) {
            span s = rows[lo * side + x];
            for (int64_t k = lo + 1; k <= hi; k++)
                s = join(s, rows[k * side + x]);
            if (s.lo < s.hi)
                weight[y * side + x] *= factor;
        }
    }
    fvi_free(ctx, rows);
    return FV_OK;
}
