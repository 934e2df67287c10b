#ifndef FVI_DNNL_GLUE_H
#define FVI_DNNL_GLUE_H

/*
 * oneDNN as the kernels of this folder see it: one primitive per object, with
 * tensors in our own layout outside and whatever oneDNN likes inside. Only
 * dnnl_glue.c knows the version of its interface.
 */

#include "backend/backend.h"

/* Tensors a primitive reads or writes. Gradients are named like what they
 * are the gradient of. */
typedef enum fvi_dn_role {
    FVI_DN_SRC,
    FVI_DN_WEIGHT,
    FVI_DN_BIAS,
    FVI_DN_DST,
    FVI_DN_DSRC,
    FVI_DN_DWEIGHT,
    FVI_DN_DBIAS,
    FVI_DN_DDST,
    FVI_DN_WORKSPACE,
    FVI_DN_ROLES
} fvi_dn_role;

enum { FVI_DN_AXES = 5 };

/* Extents in the order oneDNN wants (N,C,spatial or K,C,spatial) and how far
 * apart the numbers lie in our tensor. */
typedef struct fvi_dn_view {
    int ndim; /* 0: absent */
    int64_t dim[FVI_DN_AXES], stride[FVI_DN_AXES];
} fvi_dn_view;

typedef enum fvi_dn_pass {
    FVI_DN_FORWARD,
    FVI_DN_TO_INPUT,
    FVI_DN_TO_WEIGHT
} fvi_dn_pass;

typedef enum fvi_dn_kind {
    FVI_DN_CONV,
    FVI_DN_CONV_TRANSPOSED,
    FVI_DN_LINEAR,
    FVI_DN_MAX_POOL,
    FVI_DN_AVG_POOL
} fvi_dn_kind;

/* What one primitive computes. Spatial arrays are outermost axis first. */
typedef struct fvi_dn_spec {
    fvi_dn_kind kind;
    fvi_dn_pass pass;
    bool train; /* forward keeps a workspace for the way back */
    bool half;  /* source and weights as bf16 (linear, forward) */
    bool fixed; /* weights are constant and will be packed */
    fvi_dn_view src, weight, bias, dst;
    int64_t side[3], stride[3], dilation[3], pad[3];
    int64_t tail[3]; /* further padding at the far end, of pooling */
    fvi_act act;
    float slope;
} fvi_dn_spec;

/* Whether the processor multiplies bf16 numbers. */
bool fvi_dn_has_half(void);

/* A primitive, its tensors and the changes of layout around it. */
typedef struct fvi_dn fvi_dn;

/* FV_ENOTSUP with a sentence when oneDNN has no such primitive. */
fv_status fvi_dn_new(fv_ctx *ctx, const fvi_dn_spec *spec, fvi_dn **out);
void fvi_dn_free(fv_ctx *ctx, fvi_dn *dn); /* NULL is fine */

/* Bytes of scratch a run needs, and of workspace from forward to backward. */
size_t fvi_dn_scratch(const fvi_dn *dn);
size_t fvi_dn_workspace(const fvi_dn *dn);

/* Bytes of the weights in the layout of the primitive; 0: it takes ours. */
size_t fvi_dn_packed(const fvi_dn *dn);

/* Changes the layout of the weights of a fixed spec, once instead of in every
 * run. */
fv_status fvi_dn_pack(fv_ctx *ctx, fvi_dn *dn, const void *data);

/* Numbers of one run. data[role] is NULL for absent and packed tensors;
 * outputs in `add` (bits by role) are added to instead of written. */
typedef struct fvi_dn_call {
    void *data[FVI_DN_ROLES];
    unsigned add;
    void *scratch;
} fvi_dn_call;
void fvi_dn_run(fvi_dn *dn, const fvi_dn_call *call);

#endif
