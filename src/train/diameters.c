/* How large the labeled objects of a data set are. */
#include "train/task.h"

#include <math.h>
#include <stdlib.h>

static int up(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int down(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Appends the diameter of a circle of equal area for each object. */
static fv_status add_diameters(fv_ctx *ctx, fv_tensor labels, fvi_text *out)
{
    int64_t n = fv_count(labels);
    uint32_t *all = fvi_alloc(ctx, (size_t)n * sizeof *all);
    if (!all)
        return FV_ENOMEM;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (((const uint32_t *)labels.data)[i])
            all[count++] = ((const uint32_t *)labels.data)[i];
    if (count)
        qsort(all, (size_t)count, sizeof *all, up);
    for (int64_t i = 0, from = 0; i < count; i++) {
        if (i + 1 < count && all[i + 1] == all[i])
            continue;
        double d = 2 * sqrt((double)(i + 1 - from) / 3.14159265358979323846);
        fvi_text_bytes(out, &d, sizeof d);
        from = i + 1;
    }
    fvi_free(ctx, all);
    return fvi_text_check(out);
}

fv_status fvi_measure_objects(fv_ctx *ctx, const fv_pair *pairs, int64_t count,
                              double *diameter, int64_t *objects)
{
    fvi_text all = {.ctx = ctx};
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++)
        status = add_diameters(ctx, pairs[i].labels, &all);
    int64_t n = (int64_t)(all.size / sizeof(double));
    double *d = (double *)(void *)all.data;
    *objects = n;
    *diameter = 0;
    if (status == FV_OK && n) {
        qsort(d, (size_t)n, sizeof *d, down);
        *diameter = d[n / 2];
    }
    fvi_text_free(&all);
    return status;
}
