/*
 * Pixels follow the flow: Euler steps, with the field read bilinearly between
 * pixels. Most come to rest or go around a short cycle; since the steps are a
 * function of the position alone, whole periods may then be left out without
 * changing a bit.
 */

#include "task/flow.h"

#include <string.h>

enum {
    GROUP = 256, /* points that move together */
    PERIOD = 4,  /* steps between looks; catches cycles of 1, 2 and 4 */
};

static fvi_flow_axis axis_of(int64_t n, bool shifted)
{
    fvi_flow_axis a = {n, 1, 0};
    if (shifted && n > 1) {
        a.factor = (double)n / (double)(n - 1);
        a.shift = -0.5;
    }
    return a;
}

static fvi_flow_walker *best_walker(void)
{
#ifdef FV_WITH_V4
    if (fvi_flow_fast())
        return fvi_flow_walk_v4;
#endif
    return fvi_flow_walk_any;
}

typedef struct walk {
    const fvi_flow_points *p;
    fvi_flow_walk field;
    fvi_flow_walker *step;
} walk;

/* Points on their way; the number of each among its group goes with it. */
typedef struct group {
    float y[GROUP], x[GROUP];
    int number[GROUP], count;
} group;

static void arrive(const walk *k, int64_t lo, group *g, int i, int64_t steps)
{
    for (int64_t s = 0; s < steps; s++)
        fvi_flow_walk_any(&k->field, g->y + i, g->x + i, 1);
    uint32_t w = (uint32_t)k->field.x.n;
    k->p->bin[lo + g->number[i]] = (uint32_t)g->y[i] * w + (uint32_t)g->x[i];
}

/* Points that are where they were a period ago have arrived. */
static void sift(const walk *k, int64_t lo, group *g, const group *was,
                 int64_t steps)
{
    int left = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->y[i] == was->y[i] && g->x[i] == was->x[i]) {
            arrive(k, lo, g, i, steps % PERIOD);
            continue;
        }
        g->y[left] = g->y[i];
        g->x[left] = g->x[i];
        g->number[left++] = g->number[i];
    }
    g->count = left;
}

static void run(const walk *k, int64_t lo, group *g, int64_t steps)
{
    group was;
    for (; steps >= PERIOD && g->count; steps -= PERIOD) {
        memcpy(was.y, g->y, sizeof was.y);
        memcpy(was.x, g->x, sizeof was.x);
        for (int64_t i = 0; i < PERIOD; i++)
            k->step(&k->field, g->y, g->x, g->count);
        sift(k, lo, g, &was, steps - PERIOD);
    }
    for (int i = 0; i < g->count; i++)
        arrive(k, lo, g, i, steps);
}

static void start(const walk *k, int64_t lo, int count, group *g)
{
    uint32_t w = (uint32_t)k->field.x.n;
    g->count = count;
    for (int i = 0; i < count; i++) {
        uint32_t pixel = k->p->pixel[lo + i];
        g->number[i] = i;
        g->y[i] = (float)(pixel / w);
        g->x[i] = (float)(pixel % w);
    }
}

fv_status fvi_flow_follow(fv_ctx *ctx, const fvi_flow_points *p, int64_t steps,
                          bool shifted)
{
    walk k = {p,
              {p->field, axis_of(p->h, shifted), axis_of(p->w, shifted)},
              best_walker()};
    int threads = fvi_team(ctx, p->count);
    int64_t groups = (p->count + GROUP - 1) / GROUP;
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads)
    for (int64_t g = 0; g < groups; g++) {
        int64_t lo = g * GROUP, left = p->count - lo;
        group points = {.count = 0}; /* unused ones lie at 0, 0 */
        start(&k, lo, left < GROUP ? (int)left : GROUP, &points);
        run(&k, lo, &points, steps);
    }
    return fvi_canceled(ctx) ? fvi_fail(ctx, FV_ECANCEL, "canceled") : FV_OK;
}
