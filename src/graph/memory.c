/*
 * The memory plan: every block lives from a first to a last moment; blocks
 * whose lives do not overlap may share bytes. Biggest first, each at the lowest
 * offset free over its life.
 */
#include "graph/plan_internal.h"

#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t n)
{
    return (n + 127) / 64 * 64; /* a cache line of slack after each block */
}

static void live_at(fvi_block *b, int time)
{
    if (b->last < b->first) {
        b->first = b->last = time;
        return;
    }
    if (time < b->first)
        b->first = time;
    if (time > b->last)
        b->last = time;
}

static void value_lives(fv_plan *p, int32_t id)
{
    const fvi_node *n = fvi_node_at(p->graph, id);
    fvi_value *v = &p->value[id - 1];
    size_t bytes = v->tiled ? fvi_tiled_bytes(v->shape)
                            : (size_t)fv_count(v->shape) * p->number;
    int end = 2 * p->steps;
    v->forward = v->backward =
        (fvi_block){.size = round_up(bytes), .first = 0, .last = -1};
    if (n->op == FVI_OP_input) {
        live_at(&v->forward, -1);
        live_at(&v->forward, end);
    }
}

/* What step i touches, when. */
static void step_lives(fv_plan *p, int i)
{
    fvi_step *s = &p->step[i];
    unsigned keep = fvi_ops[s->op]->keep;
    int back = 2 * p->steps - 1 - i, end = 2 * p->steps;
    bool train = p->o.mode == FV_TRAIN && s->want;
    fvi_value *y = fvi_root(p, s->value);
    live_at(&y->forward, i);
    if (y->output || p->o.keep_all)
        live_at(&y->forward, end);
    if (train && (keep & FVI_KEEP_Y))
        live_at(&y->forward, back);
    for (int k = 0; k < s->nx; k++) {
        fvi_value *x = fvi_root(p, s->x[k]);
        if (fvi_node_at(p->graph, s->x[k])->op == FVI_OP_param)
            continue; /* in the caller's vectors, also those of a dry plan */
        live_at(&x->forward, i);
        if (train && (keep & FVI_KEEP_X(k)))
            live_at(&x->forward, back);
        if (s->want & 1u << k) {
            live_at(&x->backward, back);
            if (fvi_node_at(p->graph, s->x[k])->op == FVI_OP_input)
                live_at(&x->backward, end);
        }
    }
    if (train)
        live_at(&y->backward, back);
    s->keep.last = -1;
    s->keep.first = 0;
    if (s->keep.size) {
        s->keep.size = round_up(s->keep.size);
        live_at(&s->keep, i);
        live_at(&s->keep, train ? back : i);
    }
}

static int bigger_first(const void *a, const void *b)
{
    const fvi_block *x = *(fvi_block *const *)a, *y = *(fvi_block *const *)b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

static bool together(const fvi_block *a, const fvi_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* `placed` is kept sorted by offset, so one pass finds the lowest gap. */
static size_t lowest_gap(const fvi_block *b, fvi_block *const placed[], int n)
{
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        const fvi_block *q = placed[i];
        if (!together(b, q))
            continue;
        if (at + b->size <= q->offset)
            break;
        if (q->offset + q->size > at)
            at = q->offset + q->size;
    }
    return at;
}

static void insert(fvi_block *b, fvi_block *placed[], int n)
{
    int at = n;
    while (at > 0 && placed[at - 1]->offset > b->offset) {
        placed[at] = placed[at - 1];
        at--;
    }
    placed[at] = b;
}

static void place_all(fv_plan *p, fvi_block **todo, int n, fvi_block **placed)
{
    qsort(todo, (size_t)n, sizeof *todo, bigger_first);
    for (int i = 0; i < n; i++) {
        todo[i]->offset = lowest_gap(todo[i], placed, i);
        insert(todo[i], placed, i);
        if (todo[i]->offset + todo[i]->size > p->arena_size)
            p->arena_size = todo[i]->offset + todo[i]->size;
    }
}

static int gather(fv_plan *p, fvi_block **todo)
{
    int n = 0;
    for (int32_t i = 0; i < p->graph->nodes; i++) {
        fvi_value *v = &p->value[i];
        if (v->forward.last >= v->forward.first)
            todo[n++] = &v->forward;
        if (v->backward.last >= v->backward.first)
            todo[n++] = &v->backward;
    }
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].keep.last >= p->step[i].keep.first)
            todo[n++] = &p->step[i].keep;
    return n;
}

fv_status fvi_place(fv_plan *p)
{
    size_t most = 2 * (size_t)p->graph->nodes + (size_t)p->steps + 1;
    fvi_block **todo = fvi_calloc(p->ctx, 2 * most, sizeof *todo);
    if (!todo)
        return FV_ENOMEM;
    for (int32_t id = 1; id <= p->graph->nodes; id++)
        value_lives(p, id);
    for (int i = 0; i < p->steps; i++) {
        step_lives(p, i);
        if (p->step[i].scratch > p->scratch.size)
            p->scratch.size = p->step[i].scratch;
    }
    place_all(p, todo, gather(p, todo), todo + most);
    fvi_free(p->ctx, todo);
    p->scratch.offset = p->arena_size;
    p->arena_size += round_up(p->scratch.size);
    if (p->o.dry)
        return FV_OK;
    p->arena = fvi_alloc(p->ctx, p->arena_size);
    return p->arena ? FV_OK : FV_ENOMEM;
}
