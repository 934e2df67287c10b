/* Measurements of objects. Runs are sorted by object, then each object is
 * measured by one thread, so numbers do not depend on how many there are. */

#include "task/measure.h"

#include <math.h>
#include <stdlib.h>

typedef struct job {
    fv_ctx *ctx;
    const uint32_t *labels;
    int64_t h, w;
    fv_tensor intensity;
    uint8_t *border; /* pixels with a 4-neighbor outside their object */
    fvi_span *run;   /* by object, then raster order                  */
    int64_t *first;  /* object k has run[first[k]] .. run[first[k+1]) */
    fvi_point *hull; /* scratch: hull_room points per thread          */
    int64_t hull_room;
    fv_objects out;
} job;

static int by_label(const void *a, const void *b)
{
    const fv_object *p = a, *q = b;
    return (p->label > q->label) - (p->label < q->label);
}

static fv_status count_runs(const fvi_runs *r, fvi_tally *t)
{
    for (int64_t i = 0; i < r->count; i++)
        FV_TRY(fvi_tally_add(t, r->run[i].label, 1, NULL));
    return FV_OK;
}

/* Lists objects by label; sums become the place of each object's next run. */
static fv_status list_objects(job *j, fvi_tally *t)
{
    j->out.count = t->count;
    j->out.object = fvi_calloc(j->ctx, (size_t)t->count, sizeof *j->out.object);
    j->first = fvi_calloc(j->ctx, (size_t)t->count + 1, sizeof *j->first);
    if (!j->out.object || !j->first)
        return FV_ENOMEM;
    for (int64_t i = 0; i < t->count; i++)
        j->out.object[i].label = (uint32_t)t->key[i];
    qsort(j->out.object, (size_t)t->count, sizeof *j->out.object, by_label);
    for (int64_t k = 0; k < t->count; k++) {
        int64_t i = fvi_tally_find(t, j->out.object[k].label);
        j->first[k + 1] = j->first[k] + t->sum[i];
        t->sum[i] = j->first[k];
    }
    return FV_OK;
}

static fv_status sort_runs(job *j, const fvi_runs *r, fvi_tally *t)
{
    FV_TRY(count_runs(r, t));
    FV_TRY(list_objects(j, t));
    j->run = fvi_alloc(j->ctx, (size_t)r->count * sizeof *j->run);
    if (!j->run)
        return FV_ENOMEM;
    for (int64_t i = 0; i < r->count; i++)
        j->run[t->sum[fvi_tally_find(t, r->run[i].label)]++] = r->run[i];
    return FV_OK;
}

static fv_status group(job *j)
{
    fvi_runs r;
    fvi_tally t = {.ctx = j->ctx};
    FV_TRY(fvi_runs_new(j->ctx, j->labels, j->h, j->w, false, &r));
    fv_status status = sort_runs(j, &r, &t);
    fvi_tally_free(&t);
    fvi_runs_free(j->ctx, &r);
    return status;
}

static bool same(const job *j, uint32_t label, int64_t y, int64_t x)
{
    return y >= 0 && x >= 0 && y < j->h && x < j->w &&
           j->labels[y * j->w + x] == label;
}

static void mark_borders(job *j)
{
    int threads = fvi_team(j->ctx, j->h * j->w);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t y = 0; y < j->h; y++)
        for (int64_t x = 0; x < j->w; x++) {
            uint32_t l = j->labels[y * j->w + x];
            j->border[y * j->w + x] =
                l && !(same(j, l, y - 1, x) && same(j, l, y, x - 1) &&
                       same(j, l, y, x + 1) && same(j, l, y + 1, x));
        }
}

/* Neighbors of a border pixel that are border, too: straight and diagonal. */
static void count_neighbors(const job *j, uint32_t label, int64_t y, int64_t x,
                            int *straight, int *diagonal)
{
    *straight = *diagonal = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            bool meets = (dy || dx) && same(j, label, y + dy, x + dx) &&
                         j->border[(y + dy) * j->w + x + dx];
            if (meets && dy && dx)
                ++*diagonal;
            else if (meets)
                ++*straight;
        }
}

/* Lengths by the pattern of neighbors, code 2 s + 10 d + 1. Source: Benkrid &
 * Crookes 2000, "Design and FPGA implementation of a perimeter estimator". */
static double perimeter(const job *j, fvi_object_runs p)
{
    int64_t count[3] = {0};
    int s, d;
    for (int64_t i = 0; i < p.count; i++)
        for (int64_t x = p.run[i].x0; x < p.run[i].x1; x++) {
            if (!j->border[p.run[i].y * j->w + x])
                continue;
            count_neighbors(j, p.run[i].label, p.run[i].y, x, &s, &d);
            if ((s == 2 || s == 3) && d <= 2)
                count[0]++;
            else if ((s == 0 && d == 2) || (s == 1 && d == 3))
                count[1]++;
            else if (s == 1 && (d == 1 || d == 2))
                count[2]++;
        }
    double root2 = sqrt(2);
    return (double)count[0] + (double)count[1] * root2 +
           (double)count[2] * (1 + root2) / 2;
}

/* Mean, minimum and maximum of a channel; NaN in any pixel gives NaN. */
static void intensities(const job *j, fvi_object_runs p, int64_t area,
                        int channel, double out[3])
{
    const fv_tensor *t = &j->intensity;
    double sum = 0, low = HUGE_VAL, high = -HUGE_VAL;
    for (int64_t i = 0; i < p.count; i++) {
        const float *row = (const float *)t->data + p.run[i].y * t->stride[0] +
                           channel * t->stride[2];
        for (int64_t x = p.run[i].x0; x < p.run[i].x1; x++) {
            double v = (double)row[x * t->stride[1]];
            sum += v;
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    }
    out[0] = sum / (double)area;
    out[1] = isnan(sum) ? (double)NAN : low;
    out[2] = isnan(sum) ? (double)NAN : high;
}

static void measure_object(job *j, int64_t k, fvi_point *scratch)
{
    fvi_object_runs p = {j->run + j->first[k], j->first[k + 1] - j->first[k]};
    fv_object *o = j->out.object + k;
    int channels = j->out.channels;
    fvi_moments(p, o);
    o->perimeter = perimeter(j, p);
    o->solidity = (double)o->area / (double)fvi_hull_area(p, scratch);
    for (int c = 0; c < channels; c++)
        intensities(j, p, o->area, c,
                    j->out.intensities + 3 * (k * channels + c));
}

static int64_t most_runs(const job *j)
{
    int64_t most = 0;
    for (int64_t k = 0; k < j->out.count; k++) {
        int64_t n = j->first[k + 1] - j->first[k];
        most = n > most ? n : most;
    }
    return most < j->h ? most : j->h;
}

static fv_status take_room(job *j)
{
    size_t threads = (size_t)fvi_team(j->ctx, j->h * j->w);
    size_t numbers = (size_t)j->out.count * (size_t)j->out.channels;
    j->hull_room = 3 * most_runs(j);
    j->hull =
        fvi_calloc(j->ctx, (size_t)j->hull_room * threads, sizeof *j->hull);
    j->border = fvi_alloc(j->ctx, (size_t)(j->h * j->w));
    if (j->out.channels)
        j->out.intensities =
            fvi_calloc(j->ctx, numbers, 3 * sizeof *j->out.intensities);
    bool room =
        j->hull && j->border && (!j->out.channels || j->out.intensities);
    return room ? FV_OK : FV_ENOMEM;
}

static fv_status measure(job *j)
{
    FV_TRY(group(j));
    FV_TRY(take_room(j));
    mark_borders(j);
    int threads = fvi_team(j->ctx, j->h * j->w);
    int64_t n = j->out.count;
    /* object k goes to thread k mod threads: big ones seldom come together */
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int t = 0; t < threads; t++)
        for (int64_t k = t; k < n; k += threads)
            measure_object(j, k, j->hull + t * j->hull_room);
    return FV_OK;
}

void fv_objects_free(fv_ctx *ctx, fv_objects *o)
{
    fvi_free(ctx, o->object);
    fvi_free(ctx, o->intensities);
    *o = (fv_objects){0};
}

fv_status fv_measure(fv_ctx *ctx, fv_tensor labels, fv_tensor intensity,
                     fv_objects *out)
{
    FV_TRY(fvi_want(ctx, "labels", labels, FV_U32, 2, "u32 (H,W)"));
    job j = {.ctx = ctx, .h = labels.dim[0], .w = labels.dim[1]};
    if (intensity.ndim >= 0) {
        FV_TRY(fvi_want(ctx, "image", intensity, FV_F32, 3, "f32 (H,W,C)"));
        FV_TRY(fvi_want_same(ctx, "image", intensity, "labels", labels));
        j.intensity = intensity;
        j.out.channels = (int)intensity.dim[2];
    }
    fvi_dense d;
    FV_TRY(fvi_dense_open(ctx, labels, true, &d));
    j.labels = d.view.data;
    fv_status status = measure(&j);
    fvi_dense_close(ctx, &d);
    fvi_free(ctx, j.border);
    fvi_free(ctx, j.run);
    fvi_free(ctx, j.first);
    fvi_free(ctx, j.hull);
    if (status == FV_OK)
        *out = j.out;
    else
        fv_objects_free(ctx, &j.out);
    return status;
}
