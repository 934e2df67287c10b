/*
 * BM3D: like patches are stacked, transformed together, shrunk, and laid back
 * with a weight. Source: Dabov, Foi, Katkovnik & Egiazarian 2007; the numbers
 * are those of the paper, but cosine transforms in all directions and as many
 * as GROUP patches whatever their distance.
 * Each row of reference patches adds to room of its own; these are added up in
 * order, so that the sums do not depend on threads.
 */

#include "fovea/filter.h"
#include "task/volume.h"

#include <math.h>

enum { SIDE = 8, PATCH = SIDE * SIDE, GROUP = 16, STEP = 3, REACH = 16 };
enum { ROOM_ROWS = 2 * REACH + SIDE };
static const double threshold = 2.7, kaiser_beta = 2;

typedef struct spot {
    float distance;
    int32_t y, x;
} spot;

typedef struct group {
    spot at[GROUP];
    int count;
} group;

/* What both stages know. `model` is NULL in the first. */
typedef struct job {
    int64_t h, w;
    const float *noisy, *model;
    float sigma;
    float cosine[SIDE][SIDE];              /* [frequency][position] */
    float across[GROUP + 1][GROUP][GROUP]; /* the same for n patches */
    float window[PATCH];
} job;

/* ---- transforms ---- */

/* The orthonormal cosine transform (type 2) of n numbers. */
static double cosine_at(int n, int k, int i)
{
    double scale = sqrt((k ? 2.0 : 1.0) / n);
    return scale * cos(3.141592653589793 * (i + 0.5) * k / n);
}

/* The series of the modified Bessel function of order 0. */
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 30; k++) {
        term *= x / 2 / k * (x / 2 / k);
        sum += term;
    }
    return sum;
}

static double kaiser(int i)
{
    double r = 2.0 * i / (SIDE - 1) - 1;
    return bessel_i0(kaiser_beta * sqrt(1 - r * r)) / bessel_i0(kaiser_beta);
}

static void fill_tables(job *j)
{
    for (int k = 0; k < SIDE; k++)
        for (int i = 0; i < SIDE; i++) {
            j->cosine[k][i] = (float)cosine_at(SIDE, k, i);
            j->window[k * SIDE + i] = (float)(kaiser(k) * kaiser(i));
        }
    for (int n = 1; n <= GROUP; n++)
        for (int k = 0; k < n; k++)
            for (int i = 0; i < n; i++)
                j->across[n][k][i] = (float)cosine_at(n, k, i);
}

/* to = C from C', or back: C' from C. */
static void transform_patch(const float c[SIDE][SIDE], bool back,
                            const float *from, float *to)
{
    float half[PATCH];
    for (int k = 0; k < SIDE; k++)
        for (int x = 0; x < SIDE; x++) {
            float sum = 0;
            for (int i = 0; i < SIDE; i++)
                sum += (back ? c[i][k] : c[k][i]) * from[i * SIDE + x];
            half[k * SIDE + x] = sum;
        }
    for (int k = 0; k < SIDE; k++)
        for (int l = 0; l < SIDE; l++) {
            float sum = 0;
            for (int i = 0; i < SIDE; i++)
                sum += (back ? c[i][l] : c[l][i]) * half[k * SIDE + i];
            to[k * SIDE + l] = sum;
        }
}

/* Along the group, in place. */
static void transform_across(const job *j, int n, bool back,
                             float stack[GROUP][PATCH])
{
    for (int i = 0; i < PATCH; i++) {
        float in[GROUP];
        for (int k = 0; k < n; k++)
            in[k] = stack[k][i];
        for (int k = 0; k < n; k++) {
            float sum = 0;
            for (int m = 0; m < n; m++)
                sum += (back ? j->across[n][m][k] : j->across[n][k][m]) * in[m];
            stack[k][i] = sum;
        }
    }
}

static void load_stack(const job *j, const float *image, const group *g,
                       float stack[GROUP][PATCH])
{
    for (int k = 0; k < g->count; k++) {
        float patch[PATCH];
        const float *v = image + g->at[k].y * j->w + g->at[k].x;
        for (int i = 0; i < PATCH; i++)
            patch[i] = v[i / SIDE * j->w + i % SIDE];
        transform_patch(j->cosine, false, patch, stack[k]);
    }
    transform_across(j, g->count, false, stack);
}

/* ---- groups ---- */

static float distance(const float *a, const float *b, int64_t w)
{
    float sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float d = a[y * w + x] - b[y * w + x];
            sum += d * d;
        }
    return sum;
}

/* Keeps the nearest, the earlier first among equals. */
static void offer(group *g, spot s)
{
    int i = g->count;
    if (i == GROUP) {
        if (!(s.distance < g->at[GROUP - 1].distance))
            return;
        i--;
    } else {
        g->count++;
    }
    for (; i > 0 && s.distance < g->at[i - 1].distance; i--)
        g->at[i] = g->at[i - 1];
    g->at[i] = s;
}

/* The patch itself comes first, so that every pixel is in a group. */
static void find_group(const job *j, int64_t y, int64_t x, group *g)
{
    const float *image = j->model ? j->model : j->noisy;
    const float *own = image + y * j->w + x;
    int64_t y0 = y > REACH ? y - REACH : 0, x0 = x > REACH ? x - REACH : 0;
    int64_t y1 = y + REACH < j->h - SIDE ? y + REACH : j->h - SIDE;
    int64_t x1 = x + REACH < j->w - SIDE ? x + REACH : j->w - SIDE;
    g->count = 0;
    offer(g, (spot){-1, (int32_t)y, (int32_t)x});
    for (int64_t b = y0; b <= y1; b++)
        for (int64_t a = x0; a <= x1; a++)
            if (a != x || b != y)
                offer(g, (spot){distance(own, image + b * j->w + a, j->w),
                                (int32_t)b, (int32_t)a});
}

/* ---- shrinking; both keep the mean and return the group's weight ---- */

static double cut(const job *j, int n, float stack[GROUP][PATCH])
{
    float limit = (float)threshold * j->sigma;
    int kept = 0;
    for (int i = 0; i < n * PATCH; i++) {
        float *v = &stack[i / PATCH][i % PATCH];
        bool keep = fabsf(*v) > limit || i == 0;
        kept += keep;
        *v = keep ? *v : 0;
    }
    return 1.0 / kept;
}

static double shrink(const job *j, int n, float model[GROUP][PATCH],
                     float stack[GROUP][PATCH])
{
    float noise = j->sigma * j->sigma;
    double squares = 0;
    for (int i = 0; i < n * PATCH; i++) {
        float m = model[i / PATCH][i % PATCH];
        float factor = i ? m * m / (m * m + noise) : 1;
        stack[i / PATCH][i % PATCH] *= factor;
        squares += (double)(factor * factor);
    }
    return squares > 0 ? 1 / squares : 1;
}

/* ---- laying back ---- */

/* Sums of the rows from `y0` on that one row of patches reaches. */
typedef struct room {
    int64_t y0;
    double *sum, *weight;
} room;

static void lay_back(const job *j, const group *g, double weight,
                     float stack[GROUP][PATCH], const room *r)
{
    transform_across(j, g->count, true, stack);
    for (int k = 0; k < g->count; k++) {
        float patch[PATCH];
        int64_t at = (g->at[k].y - r->y0) * j->w + g->at[k].x;
        transform_patch(j->cosine, true, stack[k], patch);
        for (int i = 0; i < PATCH; i++) {
            double share = weight * (double)j->window[i];
            int64_t p = at + i / SIDE * j->w + i % SIDE;
            r->sum[p] += share * (double)patch[i];
            r->weight[p] += share;
        }
    }
}

static void filter_group(const job *j, int64_t y, int64_t x, const room *r)
{
    float stack[GROUP][PATCH], model[GROUP][PATCH];
    group g;
    double weight;
    find_group(j, y, x, &g);
    load_stack(j, j->noisy, &g, stack);
    if (j->model) {
        load_stack(j, j->model, &g, model);
        weight = shrink(j, g.count, model, stack);
    } else {
        weight = cut(j, g.count, stack);
    }
    lay_back(j, &g, weight, stack, r);
}

/* The last reference patch touches the far edge. */
static int64_t reference(int64_t i, int64_t n)
{
    return i * STEP < n - SIDE ? i * STEP : n - SIDE;
}

static int64_t references(int64_t n)
{
    return (n - SIDE + STEP - 1) / STEP + 1;
}

static void filter_row(const job *j, int64_t y, room *r)
{
    r->y0 = y > REACH ? y - REACH : 0;
    for (int64_t i = 0; i < ROOM_ROWS * j->w; i++)
        r->sum[i] = r->weight[i] = 0;
    for (int64_t i = 0; i < references(j->w); i++)
        filter_group(j, y, reference(i, j->w), r);
}

static void add_row(const job *j, const room *r, double *sum, double *weight)
{
    int64_t left = j->h - r->y0, rows = left < ROOM_ROWS ? left : ROOM_ROWS;
    for (int64_t i = 0; i < rows * j->w; i++) {
        sum[r->y0 * j->w + i] += r->sum[i];
        weight[r->y0 * j->w + i] += r->weight[i];
    }
}

/* Room for the sums of the image, and of one row of patches per thread. */
static fv_status stage(fv_ctx *ctx, const job *j, double *all, float *out)
{
    int team = fv_threads(ctx);
    int64_t n = j->h * j->w, each = ROOM_ROWS * j->w, rows = references(j->h);
    double *sum = all, *weight = all + n, *rooms = all + 2 * n;
    for (int64_t i = 0; i < 2 * n; i++)
        all[i] = 0;
    for (int64_t y = 0; y < rows; y += team) {
        int now = rows - y < team ? (int)(rows - y) : team;
        if (fvi_canceled(ctx))
            return fvi_fail(ctx, FV_ECANCEL, "canceled");
#pragma omp parallel for schedule(static) num_threads(team)
        for (int t = 0; t < now; t++) {
            room r = {0, rooms + 2 * t * each, rooms + (2 * t + 1) * each};
            filter_row(j, reference(y + t, j->h), &r);
        }
        for (int t = 0; t < now; t++) {
            int64_t at = reference(y + t, j->h);
            room r = {at > REACH ? at - REACH : 0, rooms + 2 * t * each,
                      rooms + (2 * t + 1) * each};
            add_row(j, &r, sum, weight);
        }
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(sum[i] / weight[i]);
    return FV_OK;
}

static fv_status run(fv_ctx *ctx, const int64_t dim[3], const float *from,
                     float *to, const void *args)
{
    int64_t n = dim[1] * dim[2], rooms = 2 * ROOM_ROWS * dim[2];
    size_t size = (size_t)(2 * n + rooms * fv_threads(ctx)) * sizeof(double);
    float *first = fvi_alloc(ctx, (size_t)n * sizeof *first);
    double *all = fvi_alloc(ctx, size);
    job *j = fvi_calloc(ctx, 1, sizeof *j);
    fv_status status = FV_ENOMEM;
    if (first && all && j) {
        j->h = dim[1];
        j->w = dim[2];
        j->noisy = from;
        j->sigma = (float)*(const double *)args;
        fill_tables(j);
        status = stage(ctx, j, all, first);
        j->model = first;
        if (status == FV_OK)
            status = stage(ctx, j, all, to);
    }
    fvi_free(ctx, first);
    fvi_free(ctx, all);
    fvi_free(ctx, j);
    return status;
}

fv_status fv_filter_bm3d(fv_ctx *ctx, fv_tensor image, double sigma,
                         fv_tensor out)
{
    if (!(sigma > 0 && sigma < 1e18))
        return fvi_fail(ctx, FV_EINVAL, "bm3d: sigma is %g, expected over 0",
                        sigma);
    if (image.ndim == 2 && (image.dim[0] < SIDE || image.dim[1] < SIDE))
        return fvi_fail(ctx, FV_ESHAPE,
                        "bm3d: found %lld x %lld pixels, expected at least "
                        "%d x %d",
                        (long long)image.dim[0], (long long)image.dim[1], SIDE,
                        SIDE);
    return fvi_filter_run(ctx, image, 2, run, &sigma, out);
}
