#ifndef FVI_GRAPH_INTERNAL_H
#define FVI_GRAPH_INTERNAL_H

/* The inside of a graph: nodes in topological order, parameters by name. */

#include "base/base.h"
#include "fovea/graph.h"
#include "op/op.h"

typedef struct fvi_node {
    fvi_op_id op;
    void *attr; /* owned copy, NULL when the operation has none */
    char *name; /* owned, "down1/conv1" */
    int nx;
    int32_t x[FVI_MAX_INPUTS]; /* value ids */
    fv_tensor shape;           /* open extents are -1, data NULL */
    int param;                 /* index into params, or -1 */
    const float *lent;         /* numbers of a borrowed parameter, or NULL */
} fvi_node;

/* SMALL: normal numbers of standard deviation 0.02, as transformers have it for
 * tokens and positions (Dosovitskiy et al. 2021); not decayed. */
typedef enum fvi_init {
    FVI_INIT_ZERO,
    FVI_INIT_ONE,
    FVI_INIT_SAME,
    FVI_INIT_SMALL,
    FVI_INIT_HE,    /* normal, variance 2/fan */
    FVI_INIT_GLOROT /* uniform, the same variance; fan counts both sides */
} fvi_init;

typedef struct fvi_param {
    fv_param view; /* view.name is owned */
    fvi_init init;
    double number; /* HE, GLOROT: the fan; SAME: the value */
    int32_t value;
} fvi_param;

typedef struct fvi_named_value {
    char *name;
    int32_t value;
} fvi_named_value;

enum { FVI_MAX_SCOPE = 32 };

struct fv_graph {
    fv_ctx *ctx;
    fv_status status; /* the first mistake, with its sentence */
    char message[512];
    fvi_node *node; /* value id i is node[i - 1] */
    int32_t nodes, node_room;
    fvi_param *param;
    int params, param_room;
    int64_t param_total;
    fvi_named_value *input, *output;
    int inputs, input_room, outputs, output_room;
    fvi_text scope;             /* "down3/conv1/" */
    size_t mark[FVI_MAX_SCOPE]; /* lengths of the outer scopes */
    int depth;
    fv_init init;      /* of the weights to come */
    const float *lent; /* where the next borrowed parameter lies, or NULL */
};

/*
 * From here on parameters are not the graph's own: their numbers are `params`,
 * in the order in which builders ask for them, as the graph of the network they
 * are from has them. They are read where they lie and must outlive every plan;
 * gradients flow through but never into them. Batch norms use running values
 * and leave them alone, dropout does nothing, outputs are not marked. `params`
 * NULL ends it. For losses that ask another network; plans must be f32.
 */
void fvi_borrow(fv_graph *g, const float *params);

/* Appends a node named after its operation; infers its shape. Invalid after
 * an error, or when one of x is invalid. */
fv_val fvi_node_add(fv_graph *g, fvi_op_id op, const void *attr, int nx,
                    const fv_val x[]);

/* The same with a name below the current scope. */
fv_val fvi_node_named(fv_graph *g, const char *name, fvi_op_id op,
                      const void *attr, int nx, const fv_val x[]);

/* A parameter leaf called scope + node + "/" + name. */
fv_val fvi_param_add(fv_graph *g, const char *node, const char *name, int ndim,
                     const int64_t dim[], fvi_init init, double number,
                     bool trained);

/* Keeps the first mistake; returns no value. */
fv_val fvi_graph_fail(fv_graph *g, fv_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Grows an array of items of `size` bytes by one zeroed item; NULL, and a
 * sticky error, when out of memory. */
void *fvi_graph_push(fv_graph *g, void *array, int *room, int count,
                     size_t size);

static inline const fvi_node *fvi_node_at(const fv_graph *g, int32_t id)
{
    return &g->node[id - 1];
}

/* The value marked by fv_output under this name; {0}: there is none. */
fv_val fvi_output_named(const fv_graph *g, const char *name);

/* Extents of every value for the given inputs: shape[id - 1], caller's array
 * of g->nodes. FV_ESHAPE names the node. */
fv_status fvi_bind(fv_ctx *ctx, const fv_graph *g, const fv_tensor input[],
                   fv_tensor shape[]);

/* deepest.c: the last map of the way down of a network: of the maps between
 * an image of these extents and the answer, one with the fewest positions,
 * before a vector or a larger map follows. FV_ENOTSUP: none is smaller than
 * the image. */
fv_status fvi_deepest(fv_ctx *ctx, const fv_graph *g, fv_tensor image,
                      fv_val answer, fv_val *out);

#endif
