#ifndef FVI_BACKEND_H
#define FVI_BACKEND_H

/*
 * How operations are run. A backend is a table of kernels; an empty row means
 * the next backend (in the end "ref", which fills every row) is asked.
 */

#include "op/op.h"

/* A node with everything bound, before any number is computed. Tensors are
 * dense; their data is NULL unless bit i of `fixed` is set: then x[i].data is
 * final (an inference plan's parameter) and may be packed in prepare. In a dry
 * plan it is NULL all the same: the kernel says what it would hold. */
typedef struct fvi_problem {
    fvi_op_id op;
    const void *attr;
    int nx;
    const fv_tensor *x;
    fv_tensor y;
    bool train;    /* backward will be called; batch norm uses the batch   */
    unsigned want; /* bit i: the gradient with respect to x[i] is wanted   */
    unsigned fixed;
    bool dry;  /* only sizes are asked for                              */
    bool half; /* factors of products may be rounded to bf16                */
} fvi_problem;

/*
 * A value that only products of bf16 numbers read may lie between steps as they
 * take it, "tiled": rounded, [row/32][channel/32][row][channel], where rows are
 * all axes but the last, and zero where the last blocks are not full.
 */
enum { FVI_TILED = 32 };
#define FVI_TILED_X(i) (1u << (i))
#define FVI_TILED_Y    (1u << 8)

static inline size_t fvi_tiled_bytes(fv_tensor shape)
{
    const size_t C = (size_t)shape.dim[shape.ndim - 1];
    const size_t rows = C ? (size_t)fv_count(shape) / C : 0;
    const size_t down = (rows + FVI_TILED - 1) / FVI_TILED;
    const size_t across = (C + FVI_TILED - 1) / FVI_TILED;
    return down * across * FVI_TILED * FVI_TILED * 2;
}

/* Bytes a kernel wants. keep lives from forward to backward, scratch during
 * one call; both come 64-byte aligned and uninitialised. packed is what the
 * kernel's own copies of fixed inputs take. */
typedef struct fvi_need {
    size_t keep, scratch, packed;
    bool half;      /* factors are rounded to bf16, as the problem allows */
    unsigned tiled; /* FVI_TILED_*: which tensors it can take so, as well   */
    char full[120]; /* why they are not, where that would be faster; or ""  */
} fvi_need;

/* One call of a kernel. */
typedef struct fvi_call {
    const fv_tensor *x; /* inputs; those not in op->keep are NULL in backward */
    fv_tensor y;        /* output; in backward NULL unless FVI_KEEP_Y         */
    const fv_tensor *dx; /* backward: gradients to add into; NULL: unwanted   */
    fv_tensor dy;        /* backward: gradient arriving                       */
    unsigned fresh;      /* backward: bit i: dx[i] holds no number yet: write
                            instead of adding. Only for kernels with `fresh`
                            set; for the others the planner zeroes dx first  */
    unsigned tiled;      /* FVI_TILED_*: which tensors are                    */
    void *keep, *scratch;
    uint64_t seed, step, node; /* of the random stream (dropout)              */
} fvi_call;

/*
 * `prepare` settles everything that can fail. It may answer FV_ENOTSUP with a
 * sentence (fvi_fail): the planner then asks the next backend and shows the
 * sentence in the plan. `*state` is the kernel's own (fvi_alloc) and goes to
 * release. forward and backward cannot fail.
 */
typedef struct fvi_kernel {
    fv_status (*prepare)(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state);
    void (*forward)(void *state, const fvi_call *c);
    void (*backward)(void *state, const fvi_call *c);
    void (*release)(fv_ctx *ctx, void *state); /* may be NULL */
    bool fresh;
} fvi_kernel;

typedef struct fvi_backend {
    const char *name;
    const fvi_kernel *kernel[FVI_OP_COUNT]; /* NULL: row not filled */
} fvi_backend;

extern const fvi_backend fvi_backend_ref;   /* float: complete */
extern const fvi_backend fvi_backend_ref64; /* double: complete */
#ifdef FV_WITH_ONEDNN
extern const fvi_backend fvi_backend_onednn;
#endif
extern const fvi_backend fvi_backend_native; /* own fast kernels */

#endif
