#ifndef FV_PLAN_H
#define FV_PLAN_H

#include "fovea/graph.h"

FV_C_BEGIN

/*
 * A graph bound to extents, memory and kernels. Making one may fail in every
 * documented way; running one fails only with FV_ECANCEL.
 * Owns its arena; borrows the graph and the parameter vectors, which must
 * outlive it. Not to be run from two threads at once.
 */
typedef struct fv_plan fv_plan;

typedef enum fv_mode { FV_INFER, FV_TRAIN } fv_mode;

/* FV_BF16: values are f32 as ever, but kernels that can round the factors of
 * products to 16 bits (8 of them for the fraction) and add up in f32. */
typedef enum fv_precision { FV_FULL, FV_BF16 } fv_precision;

/* How to plan. Zeroed fields mean the defaults at the right. */
typedef struct fv_plan_options {
    fv_mode mode;        /* FV_INFER                                         */
    const char *backend; /* "ref", "onednn", "native"; NULL: the fastest; what
                            it lacks is taken from the slower ones           */
    fv_dtype dtype;      /* FV_F32; FV_F64 runs on "ref", params are doubles */
    int keep_all;        /* 1: every value stays readable after a run        */
    int dry;             /* 1: shapes, memory and work only; nothing is
                            allocated, `params` may be NULL, never run it    */
    uint64_t seed;       /* 0; of dropout                                    */
    fv_precision precision; /* FV_FULL; FV_BF16 with dtype FV_F32 only;
                               FV_ENOTSUP when no step can                   */
} fv_plan_options;

/*
 * `input` gives the extents of each graph input, in order of fv_input (data is
 * not read). `params` and `grads` hold fv_param_count(g, 0) numbers each;
 * `grads` is NULL for FV_INFER, and for gradients with respect to inputs only.
 * An inference plan may keep transformed copies of `params`: make a new plan
 * after changing them. FV_ESHAPE, FV_ENOMEM, FV_EINVAL, FV_ENOTSUP.
 */
FV_NODISCARD FV_API fv_status fv_plan_new(fv_ctx *ctx, const fv_graph *g,
                                          const fv_tensor input[],
                                          fv_plan_options o, void *params,
                                          void *grads, fv_plan **out);
FV_API void fv_plan_free(fv_plan *p); /* NULL is fine */

/* Computes every node the outputs need. Fill the inputs (fv_plan_at) before;
 * they are unchanged afterwards. FV_ECANCEL. */
FV_NODISCARD FV_API fv_status fv_plan_run(fv_ctx *ctx, fv_plan *p);

/* Adds d(loss)/d(param) into `grads`; `loss` is a scalar output. Call once
 * after each fv_plan_run of a FV_TRAIN plan. FV_EINVAL, FV_ECANCEL. */
FV_NODISCARD FV_API fv_status fv_plan_backward(fv_ctx *ctx, fv_plan *p,
                                               fv_val loss);

/* The numbers of a value: an input to fill, an output to read, any value in a
 * plan with keep_all; otherwise data is NULL. Dense. */
FV_API fv_tensor fv_plan_at(fv_plan *p, fv_val v);

/* d(loss)/d(v) after fv_plan_backward, for graph inputs of a FV_TRAIN plan
 * made with keep_all; otherwise data is NULL. */
FV_API fv_tensor fv_plan_grad_at(fv_plan *p, fv_val v);

/* Sets the random stream of dropout: same seed and step, same masks. */
FV_API void fv_plan_set_step(fv_plan *p, uint64_t step);

/* One line of the plan, for people, tests and the page. */
typedef struct fv_plan_row {
    const char *node, *op, *kernel; /* "down1/conv1", "conv", "ref"          */
    const char *fused;              /* operations done on the way, or ""     */
    const char *declined;           /* why a faster kernel was not taken, "" */
    fv_precision precision;         /* of its products                       */
    fv_tensor out;                  /* shape; data is NULL                   */
    int64_t params;                 /* trained numbers                       */
    double work;                    /* multiply-adds of one forward run      */
    size_t offset, size;            /* bytes in the arena                    */
    int first, last;                /* steps between which the bytes live    */
} fv_plan_row;

/* Fills up to `max` rows; returns how many there are. */
FV_API size_t fv_plan_rows(const fv_plan *p, fv_plan_row *rows, size_t max);

/* Bytes of the arena (activations, gradients of activations, scratch). */
FV_API size_t fv_plan_memory(const fv_plan *p);

/* Bytes of the copies of parameters an inference plan keeps beside `params`:
 * in the order its kernels read them, or with norms folded in. */
FV_API size_t fv_plan_packed(const fv_plan *p);

FV_C_END

#endif
