#ifndef FVI_DNNL_NODE_H
#define FVI_DNNL_NODE_H

/* What the kernels of this folder share: a node is up to three primitives
 * (forward, to the input, to the weight) made from one spec. */

#include "backend/onednn/dnnl_glue.h"

/* Views of our tensors in oneDNN's order of axes. */
fvi_dn_view fvi_dn_activation(fv_tensor t); /* N,spatial,C -> N,C,spatial   */
fvi_dn_view fvi_dn_filters(fv_tensor t);    /* spatial,C,K -> K,C,spatial   */
fvi_dn_view fvi_dn_vector(fv_tensor t);     /* C                            */
fvi_dn_view fvi_dn_rows(fv_tensor t);       /* N,...,C -> N...,C            */

/* The part of a spec that comes from a window. */
void fvi_dn_window(const fvi_window *w, fvi_dn_spec *spec);

/* Makes the primitives the problem calls for; constant weights are packed. */
fv_status fvi_dn_prepare(fv_ctx *ctx, const fvi_problem *p,
                         const fvi_dn_spec *spec, fvi_need *need, void **state);
void fvi_dn_forward(void *state, const fvi_call *c);
void fvi_dn_backward(void *state, const fvi_call *c);
void fvi_dn_release(fv_ctx *ctx, void *state);

extern const fvi_kernel fvi_onednn_conv, fvi_onednn_conv_transposed,
    fvi_onednn_linear, fvi_onednn_max_pool, fvi_onednn_avg_pool;

#endif
