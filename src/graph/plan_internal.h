#ifndef FVI_PLAN_INTERNAL_H
#define FVI_PLAN_INTERNAL_H

/* The inside of a plan: steps to run, values and where their numbers live. */

#include "backend/backend.h"
#include "fovea/plan.h"
#include "graph/graph_internal.h"

/* A stretch of the arena. Time counts forward steps 0..n-1, then backward
 * steps n..2n-1 (step i runs backward at 2n-1-i). */
typedef struct fvi_block {
    size_t size, offset;
    int first, last; /* last < first: not used */
} fvi_block;

typedef struct fvi_value {
    fv_tensor shape;
    int32_t root; /* the value whose numbers these are (itself, or what a
                       reshape looks at) */
    bool wanted;  /* some output needs it */
    bool output;
    bool wants_grad;
    bool has_grad;     /* while running backward */
    bool tiled;        /* lies in tiles of bf16 numbers (backend.h) */
    int readers;       /* steps that read it */
    void *data, *grad; /* of a parameter: in the caller's vectors */
    fvi_block forward, backward;
} fvi_value;

typedef struct fvi_step {
    int32_t value; /* what it computes */
    fvi_op_id op;
    void *attr; /* owned copy: fusion changes it */
    int nx;
    int32_t x[FVI_MAX_INPUTS];
    void *folded[FVI_MAX_INPUTS]; /* owned numbers in place of x[i] */
    fv_tensor in[FVI_MAX_INPUTS];
    char fused[48];
    const fvi_kernel *kernel;
    const char *backend;
    void *state;
    char *declined; /* owned, may be NULL */
    unsigned want, fixed;
    fvi_block keep;
    size_t scratch;
    bool half;      /* products of bf16 numbers */
    bool alone;     /* too little for more than one thread */
    unsigned tiled; /* what the kernel can take and leave in tiles */
} fvi_step;

struct fv_plan {
    fv_ctx *ctx;
    const fv_graph *graph;
    fv_plan_options o;
    char *params, *grads;
    size_t number;    /* bytes of one */
    fvi_value *value; /* id - 1 */
    fvi_step *step;
    int steps;
    fvi_block scratch;
    char *arena;
    size_t arena_size, packed; /* bytes; packed: copies of parameters */
    uint64_t at_step;
};

static inline fvi_value *fvi_root(const fv_plan *p, int32_t id)
{
    return &p->value[p->value[id - 1].root - 1];
}

/* fuse.c: joins steps where one kernel does the work of two. */
fv_status fvi_fuse(fv_plan *p);
/* select.c: gives every step a kernel. */
fv_status fvi_select(fv_plan *p);
/* tiles.c: which values lie in tiles. */
void fvi_tile(fv_plan *p);
unsigned fvi_tiled_of(const fv_plan *p, const fvi_step *s);
/* memory.c: gives every block its place in the arena. */
fv_status fvi_place(fv_plan *p);

#endif
