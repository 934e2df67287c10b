/* Heat spreading from the center of one object, inside it. */

#include "task/flow.h"

#include <math.h>
#include <string.h>

static int64_t stride_of(const fvi_piece *o)
{
    int64_t w = o->x1 - o->x0;
    return (w + 2 * FVI_LANES - 1) / FVI_LANES * FVI_LANES;
}

static int64_t cells_of(const fvi_piece *o)
{
    return (o->y1 - o->y0 + 2) * stride_of(o) + 2 * FVI_LANES;
}

int64_t fvi_heat_room(const fvi_piece *o)
{
    int64_t cells = cells_of(o);
    return 3 * cells + cells / FVI_LANES;
}

/* ---- the box ---- */

/* Marks the cells of a run and adds the chunks it is the first to enter. */
static void add_run(fvi_heat *t, const fvi_piece *o, const fvi_span *r)
{
    int64_t row = fvi_heat_cell(t, o, r->y, o->x0);
    int64_t lo = (r->x0 - o->x0) / FVI_LANES;
    int64_t hi = (r->x1 - 1 - o->x0) / FVI_LANES;
    for (int64_t x = r->x0 - o->x0; x < r->x1 - o->x0; x++)
        t->ninth[row + x] = 1 / 9.;
    for (int64_t c = lo; c <= hi; c++) {
        int64_t cell = row + c * FVI_LANES;
        if (!t->chunks || t->chunk[t->chunks - 1] != cell)
            t->chunk[t->chunks++] = cell;
    }
}

static fvi_heat open_box(const fvi_piece *o, const fvi_span *run,
                         double *scratch)
{
    fvi_heat t = {.stride = stride_of(o), .cells = cells_of(o)};
    memset(scratch, 0, (size_t)(3 * t.cells) * sizeof *scratch);
    t.now = scratch;
    t.next = scratch + t.cells;
    t.ninth = scratch + 2 * t.cells;
    t.chunk = (int64_t *)(void *)(scratch + 3 * t.cells);
    for (int64_t i = 0; i < o->runs; i++)
        add_run(&t, o, run + i);
    return t;
}

/* ---- the center ---- */

/* Positions are counted from 1 in the box, which decides how means round. */
static void mean_of(const fvi_piece *o, const fvi_span *run, double *y,
                    double *x)
{
    double sy = 0, sx = 0;
    for (int64_t i = 0; i < o->runs; i++) {
        double n = (double)(run[i].x1 - run[i].x0);
        sy += n * (double)(run[i].y - o->y0 + 1);
        sx += n * (double)(run[i].x0 + run[i].x1 + 1 - 2 * o->x0) / 2;
    }
    *y = sy / (double)o->area;
    *x = sx / (double)o->area;
}

/* The mean of the two middle positions by counts along one axis. */
static double middle(const double *count, int64_t n, int64_t total)
{
    double seen = 0, lo = -1;
    for (int64_t i = 0; i < n; i++) {
        seen += count[i];
        if (lo < 0 && seen > (double)((total - 1) / 2))
            lo = (double)i;
        if (seen > (double)(total / 2))
            return (lo + (double)i) / 2 + 1;
    }
    return 1;
}

/* Counts go to `count`, which holds zeros before and after. */
static void median_of(const fvi_piece *o, const fvi_span *run, double *count,
                      double *y, double *x)
{
    int64_t h = o->y1 - o->y0, w = o->x1 - o->x0;
    for (int64_t i = 0; i < o->runs; i++)
        count[run[i].y - o->y0] += (double)(run[i].x1 - run[i].x0);
    *y = middle(count, h, o->area);
    memset(count, 0, (size_t)h * sizeof *count);
    for (int64_t i = 0; i < o->runs; i++)
        for (int64_t k = run[i].x0 - o->x0; k < run[i].x1 - o->x0; k++)
            count[k]++;
    *x = middle(count, w, o->area);
    memset(count, 0, (size_t)w * sizeof *count);
}

static int64_t nearest(const fvi_heat *t, const fvi_piece *o,
                       const fvi_span *run, double y, double x)
{
    double best = HUGE_VAL;
    int64_t cell = 0;
    for (int64_t i = 0; i < o->runs; i++)
        for (int64_t k = run[i].x0; k < run[i].x1; k++) {
            double dy = (double)(run[i].y - o->y0 + 1) - y;
            double dx = (double)(k - o->x0 + 1) - x;
            if (dx * dx + dy * dy < best) {
                best = dx * dx + dy * dy;
                cell = fvi_heat_cell(t, o, run[i].y, k);
            }
        }
    return cell;
}

static int64_t center(const fvi_heat *t, const fvi_piece *o,
                      const fvi_span *run, fv_flow_center rule)
{
    double y, x;
    if (rule == FV_CENTER_MEDIAN)
        median_of(o, run, t->now, &y, &x);
    else
        mean_of(o, run, &y, &x);
    if (rule == FV_CENTER_ROUNDED) { /* to even, counted from 0 */
        y = nearbyint(y - 1) + 1;
        x = nearbyint(x - 1) + 1;
    }
    return nearest(t, o, run, y, x);
}

/* ---- spreading ---- */

bool fvi_flow_fast(void)
{
#ifdef FV_WITH_V4
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

static fvi_heat_step *best_step(void)
{
#ifdef FV_WITH_V4
    if (fvi_flow_fast())
        return fvi_heat_step_v4;
#endif
    return fvi_heat_step_any;
}

static void swap(fvi_heat *t)
{
    double *keep = t->now;
    t->now = t->next;
    t->next = keep;
}

static void step_shared(fvi_heat_step *step, const fvi_heat *t, int team)
{
    int64_t n = t->chunks;
#pragma omp parallel for schedule(static) num_threads(team)
    for (int k = 0; k < team; k++)
        step(t, n * k / team, n * (k + 1) / team);
}

/* Where log goes: to all, or (with the neighbor's mark) as Cellpose 2. */
static void take_log(fvi_heat *t, fv_flow_log rule)
{
    for (int64_t i = t->stride + 1; i < t->cells; i++)
        if (t->ninth[i] > 0 &&
            (rule == FV_LOG_ALL || t->ninth[i - t->stride - 1] > 0))
            t->now[i] = log(1 + t->now[i]);
}

void fvi_heat_spread(const fvi_piece *o, const fvi_span *run,
                     const fv_flow_options *how, int64_t steps, int team,
                     double *scratch, fvi_heat *out)
{
    fvi_heat t = open_box(o, run, scratch);
    int64_t source = center(&t, o, run, how->center);
    fvi_heat_step *step = best_step();
    for (int64_t i = 0; i < steps; i++) {
        t.now[source] += 1;
        if (team > 1)
            step_shared(step, &t, team);
        else
            step(&t, 0, t.chunks);
        swap(&t);
    }
    if (how->log != FV_LOG_NONE)
        take_log(&t, how->log);
    *out = t;
}
