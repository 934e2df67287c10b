#ifndef FVI_TRANSFORMER_H
#define FVI_TRANSFORMER_H

/* What networks of attention share: the block, and the usual sizes. */

#include "nn/arch/arch_internal.h"

/* One block. Sides that `attention.window` does not divide are padded. */
typedef struct fvi_block {
    fv_attention attention;
    int mlp;     /* hidden channels of the two linear layers  */
    float eps;   /* of both norms                             */
    float drop;  /* rate of stochastic depth                  */
    float scale; /* where layer scale starts; 0: there is none */
} fvi_block;

/* x + attention(norm(x)), then x + mlp(norm(x)); any spatial rank. */
fv_val fvi_transformer_block(fv_graph *g, const fvi_block *b, fv_val x);

/* Width, number of blocks and heads by name; those not 0 stay. */
typedef struct fvi_vit_size {
    int width, depth, heads;
} fvi_vit_size;
fvi_vit_size fvi_vit_size_of(const char *name, int width, int depth, int heads);

/* Rate of stochastic depth of block i of `depth`: from 0 to the last one's.
 * Source: Huang et al. 2016 (arXiv:1603.09382), equation 4. */
float fvi_drop_rate(double last, int i, int depth);

/* The encoder of Segment Anything: maps (N,side,side,in) to
 * (N,side/patch,side/patch,neck). */
typedef struct fvi_sam {
    fvi_vit_size size;
    int patch, window, global; /* every global-th block sees all; 0: all do */
    int rows, global_rows;     /* of the position tables; 0: side           */
    int neck;
    double drop;
} fvi_sam;
fv_val fvi_sam_encode(fv_graph *g, const fvi_sam *s, fv_val x);

#endif
