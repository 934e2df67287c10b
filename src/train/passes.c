/* The order in which images are shown: each pass shuffles all of them. */
#include "train/passes.h"

#include <math.h>
#include <stdlib.h>

static fv_status find_middle(fv_ctx *ctx, const double *area, int64_t count,
                             double *middle)
{
    float *copy = fvi_alloc(ctx, (size_t)count * sizeof *copy);
    if (!copy)
        return FV_ENOMEM;
    for (int64_t i = 0; i < count; i++)
        copy[i] = (float)area[i];
    *middle = (double)fvi_kth(copy, count, count / 2);
    fvi_free(ctx, copy);
    return FV_OK;
}

static int64_t times_of(double area, double middle, double power)
{
    double times = floor(pow(area / middle, power) + 0.5);
    return times > 1 ? (int64_t)times : 1;
}

fv_status fvi_passes_new(fv_ctx *ctx, const double *area, int64_t count,
                         double power, uint64_t seed, fvi_passes *out)
{
    double middle;
    *out = (fvi_passes){.pass = -1, .seed = seed};
    FV_TRY(find_middle(ctx, area, count, &middle));
    for (int64_t i = 0; i < count; i++)
        out->count += times_of(area[i], middle, power);
    out->list = fvi_alloc(ctx, (size_t)out->count * sizeof *out->list);
    if (!out->list)
        return FV_ENOMEM;
    int64_t at = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = times_of(area[i], middle, power); k > 0; k--)
            out->list[at++] = i;
    return FV_OK;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Fisher & Yates. Sorted before, so that no pass depends on another one. */
static void shuffle(fvi_passes *o, int64_t pass)
{
    fvi_rng r = fvi_rng_new(o->seed ^ fvi_hash_text("order"), (uint64_t)pass);
    qsort(o->list, (size_t)o->count, sizeof *o->list, by_number);
    for (int64_t i = o->count - 1; i > 0; i--) {
        int64_t k = fvi_rng_below(&r, i + 1), keep = o->list[i];
        o->list[i] = o->list[k];
        o->list[k] = keep;
    }
    o->pass = pass;
}

int64_t fvi_passes_pick(fvi_passes *o, int64_t at)
{
    if (at / o->count != o->pass)
        shuffle(o, at / o->count);
    return o->list[at % o->count];
}

void fvi_passes_free(fv_ctx *ctx, fvi_passes *o)
{
    fvi_free(ctx, o->list);
    *o = (fvi_passes){0};
}
