/*
 * Values between products of bf16 numbers: where each reader would round a
 * value, and the kernel that computes it can, it is rounded there and lies in
 * half the memory, in the order in which products read it. The numbers are the
 * same as if it lay in f32.
 */
#include "graph/plan_internal.h"

/* The last axis of a view must be its root's: tiles know rows and channels. */
static bool reads_tiles(const fv_plan *p, const fvi_step *s, int k)
{
    const fv_tensor all = fvi_root(p, s->x[k])->shape, seen = s->in[k];
    return s->tiled & FVI_TILED_X(k) &&
           seen.dim[seen.ndim - 1] == all.dim[all.ndim - 1];
}

void fvi_tile(fv_plan *p)
{
    if (p->o.keep_all)
        return;
    for (int i = 0; i < p->steps; i++) {
        fvi_value *v = &p->value[p->step[i].value - 1];
        v->tiled = p->step[i].tiled & FVI_TILED_Y && !v->output;
    }
    for (int i = 0; i < p->steps; i++)
        for (int k = 0; k < p->step[i].nx; k++)
            if (!reads_tiles(p, &p->step[i], k))
                fvi_root(p, p->step[i].x[k])->tiled = false;
}

unsigned fvi_tiled_of(const fv_plan *p, const fvi_step *s)
{
    unsigned bits = fvi_root(p, s->value)->tiled ? FVI_TILED_Y : 0;
    for (int k = 0; k < s->nx; k++)
        bits |= fvi_root(p, s->x[k])->tiled ? FVI_TILED_X(k) : 0;
    return bits;
}
