/* A label image as runs of equal label, and the runs' connected parts by
 * union and find. Memory is proportional to the runs. */

#include "task/task.h"

static int64_t row_runs(const uint32_t *row, int64_t w, int32_t y,
                        bool background, fvi_span *out)
{
    int64_t n = 0;
    for (int64_t x = 0; x < w;) {
        int64_t x0 = x;
        uint32_t label = row[x];
        while (x < w && row[x] == label)
            x++;
        if (!label && !background)
            continue;
        if (out)
            out[n] = (fvi_span){y, (int32_t)x0, (int32_t)x, label};
        n++;
    }
    return n;
}

fv_status fvi_runs_new(fv_ctx *ctx, const uint32_t *labels, int64_t h,
                       int64_t w, bool background, fvi_runs *out)
{
    int threads = fvi_team(ctx, h * w);
    fvi_runs r = {.height = h, .width = w};
    r.first = fvi_calloc(ctx, (size_t)h + 1, sizeof *r.first);
    if (!r.first)
        return FV_ENOMEM;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < h; y++)
        r.first[y + 1] =
            row_runs(labels + y * w, w, (int32_t)y, background, NULL);
    for (int64_t y = 0; y < h; y++)
        r.first[y + 1] += r.first[y];
    r.count = r.first[h];
    r.run = fvi_alloc(ctx, (size_t)r.count * sizeof *r.run);
    if (!r.run) {
        fvi_free(ctx, r.first);
        return FV_ENOMEM;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < h; y++)
        row_runs(labels + y * w, w, (int32_t)y, background, r.run + r.first[y]);
    *out = r;
    return FV_OK;
}

void fvi_runs_free(fv_ctx *ctx, fvi_runs *r)
{
    fvi_free(ctx, r->run);
    fvi_free(ctx, r->first);
    *r = (fvi_runs){0};
}

static uint32_t root(uint32_t *up, uint32_t i)
{
    while (up[i] != i) {
        up[i] = up[up[i]];
        i = up[i];
    }
    return i;
}

/* The smaller index becomes the root, so roots come in raster order however
 * the work was divided. */
static void unite(uint32_t *up, uint32_t a, uint32_t b)
{
    a = root(up, a);
    b = root(up, b);
    if (a < b)
        up[b] = a;
    else
        up[a] = b;
}

static void join_rows(const fvi_runs *r, int64_t y, int reach, uint32_t *up)
{
    int64_t a = r->first[y - 1], a_end = r->first[y];
    int64_t b = a_end, b_end = r->first[y + 1];
    while (a < a_end && b < b_end) {
        const fvi_span *p = r->run + a, *q = r->run + b;
        bool meet = p->x0 < q->x1 + reach && q->x0 < p->x1 + reach;
        if (meet && p->label == q->label)
            unite(up, (uint32_t)a, (uint32_t)b);
        if (p->x1 < q->x1)
            a++;
        else
            b++;
    }
}

fv_status fvi_runs_join(fv_ctx *ctx, const fvi_runs *r, int reach,
                        uint32_t **part, int64_t *count)
{
    uint32_t *up = fvi_alloc(ctx, (size_t)r->count * sizeof *up);
    if (!up)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->count; i++)
        up[i] = (uint32_t)i;
    int threads = fvi_team(ctx, r->height * r->width);
    int64_t h = r->height, strip = (h + threads - 1) / threads;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int64_t y = t * strip + 1; y < (t + 1) * strip && y < h; y++)
            join_rows(r, y, reach, up);
    for (int64_t y = strip; strip && y < h; y += strip)
        join_rows(r, y, reach, up);
    uint32_t n = 0;
    for (int64_t i = 0; i < r->count; i++)
        up[i] = up[i] == i ? n++ : up[up[i]];
    *part = up;
    *count = n;
    return FV_OK;
}

void fvi_runs_paint(fv_ctx *ctx, const fvi_runs *r, uint32_t *labels)
{
    int threads = fvi_team(ctx, r->height * r->width);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < r->height; y++)
        for (int64_t i = r->first[y]; i < r->first[y + 1]; i++)
            for (int64_t x = r->run[i].x0; x < r->run[i].x1; x++)
                labels[y * r->width + x] = r->run[i].label;
}
