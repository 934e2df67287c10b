#ifndef FVI_OP_H
#define FVI_OP_H

/*
 * What an operation IS, apart from how fast it runs: one file per operation
 * defines one fvi_op and nothing else. The list below is the only one; the
 * backends, the planner and the manual follow it.
 */

#include "fovea/graph.h"

#include <stdbool.h>

#define FVI_OPS(X) \
    X(input)       \
    X(param)       \
    FVI_COMPUTED_OPS(X)

/* Those with a kernel; the other two only hold numbers. */
#define FVI_COMPUTED_OPS(X) \
    X(linear)               \
    X(conv)                 \
    X(conv_transposed)      \
    X(batch_norm)           \
    X(layer_norm)           \
    X(rms_norm)             \
    X(group_norm)           \
    X(l2_norm)              \
    X(attention)            \
    X(local_response_norm)  \
    X(max_pool)             \
    X(avg_pool)             \
    X(blur_pool)            \
    X(adaptive_avg_pool)    \
    X(global_avg_pool)      \
    X(upsample)             \
    X(relu)                 \
    X(leaky_relu)           \
    X(sigmoid)              \
    X(tanh)                 \
    X(gelu)                 \
    X(gelu_tanh)            \
    X(softplus)             \
    X(softmax)              \
    X(dropout)              \
    X(drop_path)            \
    X(scale)                \
    X(add)                  \
    X(multiply)             \
    X(add_each)             \
    X(multiply_each)        \
    X(add_channels)         \
    X(concat)               \
    X(slice)                \
    X(reshape)              \
    X(prepend)              \
    X(pixel_shuffle)        \
    X(pixel_unshuffle)      \
    X(pad)                  \
    X(crop)                 \
    X(cross_entropy)        \
    X(bce)                  \
    X(mse)                  \
    X(mae)                  \
    X(laplace)              \
    X(dice)                 \
    X(star)                 \
    X(ssim)                 \
    X(fourier)

#define FVI_OP_ID(name) FVI_OP_##name,
typedef enum fvi_op_id { FVI_OPS(FVI_OP_ID) FVI_OP_COUNT } fvi_op_id;
#undef FVI_OP_ID

enum { FVI_MAX_INPUTS = 5, FVI_MAX_CLASSES = 64 };

/* What the backward rule of an operation reads again; the planner keeps these
 * tensors alive until then and no others. Bit i of FVI_KEEP_X(i) is input i. */
#define FVI_KEEP_X(i) (1u << (i))
#define FVI_KEEP_Y    (1u << 8)

/* ---- attributes: one struct per family, copied by the graph ---- */

typedef enum fvi_act {
    FVI_ACT_NONE,
    FVI_ACT_RELU,
    FVI_ACT_LEAKY,
    FVI_ACT_GELU /* linear only */
} fvi_act;

/* conv, conv_transposed, max_pool, avg_pool, blur_pool. Spatial axes are
 * counted from the innermost: a rank below 3 has extent 1 and kernel 1 along
 * the outer axes, so that one loop nest serves all ranks. Index 0 = D, 1 = H,
 * 2 = W. */
typedef struct fvi_window {
    int rank;         /* 1..3                                               */
    int64_t channels; /* K; 0 for pooling                                   */
    int64_t kernel[3], stride[3], dilation[3], pad[3];
    int64_t tail[3]; /* padding added at the far end; max_ and blur_pool  */
    fvi_act act;     /* applied to y; set by the planner when inferring    */
    float slope;     /* of FVI_ACT_LEAKY                                   */
} fvi_window;

typedef struct fvi_linear {
    int64_t channels;
    fvi_act act; /* as in fvi_window */
    float slope;
    bool added; /* the last input is added to f(y); set by the planner */
} fvi_linear;

typedef struct fvi_norm {
    float eps, momentum;
    fvi_act act;    /* none or relu; applied to y in both modes (batch_norm) */
    int64_t groups; /* of group_norm */
} fvi_norm;

typedef struct fvi_response { /* local_response_norm */
    int64_t size;
    float alpha, beta, k;
} fvi_response;

/* leaky_relu slope, dropout rate, scale factor, softplus floor */
typedef struct fvi_number {
    float value;
} fvi_number;

typedef struct fvi_upsample { /* also pixel_(un)shuffle, pad: a factor */
    int64_t factor;
    fv_resample how;
} fvi_upsample;

typedef struct fvi_slice {
    int64_t lo, hi;
} fvi_slice;

/* reshape, input: extents; param: extents, init; adaptive_avg_pool: the
 * spatial extents of y */
typedef struct fvi_shape {
    int ndim;
    int64_t dim[FV_MAX_DIM]; /* reshape: dim[0] is N and kept; -1: the rest */
} fvi_shape;

typedef struct fvi_class_weights { /* cross_entropy */
    bool used;
    float weight[FVI_MAX_CLASSES];
    float smoothing; /* share of a target that goes to all classes alike */
} fvi_class_weights;

typedef struct fvi_ssim {
    float range;    /* of the numbers: largest less smallest */
    int64_t scales; /* 1..5 */
} fvi_ssim;

typedef struct fvi_star_loss { /* star: a and b of its equation */
    float distance, background;
} fvi_star_loss;

/* The input indices lo, lo+step, ... < hi (along each axis of the input) that
 * one output element reads. Never outside the input. */
typedef struct fvi_box {
    int64_t lo[FV_MAX_DIM], hi[FV_MAX_DIM], step[FV_MAX_DIM];
} fvi_box;

/*
 * Inputs x[0..nx) in this order, parameters last:
 *   linear, conv, conv_transposed   x, weight, bias (bias optional)
 *   linear with `added`             the same, then as many numbers as y
 *   batch_norm                      x, scale, shift, mean, var
 *   layer_norm, group_norm          x, scale, shift
 *   rms_norm                        x, scale
 *   attention                       q, k, v, tables (attention.h)
 *   add_each, multiply_each         x, p
 *   prepend                         x, p
 *   crop                            x, like
 *   losses                          pred, target, weight (weight optional)
 *   ssim, fourier                   pred, target
 *   add, multiply, concat           a, b (multiply: b may be (N,C))
 * A missing optional input shortens nx.
 */
typedef struct fvi_op {
    const char *name;     /* "conv"                                          */
    const char *equation; /* one line, plain text, as docs show it           */
    size_t attr_size;
    unsigned keep; /* FVI_KEEP_*                                      */

    /* Extents of the output from those of the inputs. -1 extents (open) may
     * come in and go out; channels are known. FV_ESHAPE with a sentence that
     * gives what was found and what was expected. */
    fv_status (*infer)(fv_ctx *ctx, const void *attr, int nx,
                       const fv_tensor x[], fv_tensor *y);
    /* Multiply-adds of one forward run; 0 where nothing multiplies. All
     * extents known. */
    double (*work)(const void *attr, const fv_tensor x[], fv_tensor y);
    /* Which part of activation input `i` the element y[at] reads. NULL: all
     * of it (global operations, losses). Drives receptive fields and the
     * locality test. */
    fvi_box (*reads)(const void *attr, const fv_tensor x[], fv_tensor y, int i,
                     const int64_t at[]);
} fvi_op;

#define FVI_OP_DECLARE(name) extern const fvi_op fvi_op_##name;
FVI_OPS(FVI_OP_DECLARE)
#undef FVI_OP_DECLARE

/* The table, indexed by fvi_op_id. */
extern const fvi_op *const fvi_ops[FVI_OP_COUNT];

/* ---- helpers shared by operation files (common.c) ---- */

/* infer for y = same shape as x[0]; reads for y[at] = f(x[at]). */
fv_status fvi_infer_same(fv_ctx *ctx, const void *attr, int nx,
                         const fv_tensor x[], fv_tensor *y);
/* y is a shape without numbers; extents may be -1. FV_ESHAPE when it is too
 * big. (fv_dense refuses open extents.) */
fv_status fvi_infer_as(fv_ctx *ctx, fv_dtype dtype, int ndim,
                       const int64_t dim[], fv_tensor *y);
fvi_box fvi_reads_point(const void *attr, const fv_tensor x[], fv_tensor y,
                        int i, const int64_t at[]);
/* All of `x`. */
fvi_box fvi_reads_all(fv_tensor x);
double fvi_work_none(const void *attr, const fv_tensor x[], fv_tensor y);

/* ---- helpers of shape rules (extents.c) ---- */

/* FV_ESHAPE "<what> is f32[2,3], expected f32[2,4]" unless all known extents
 * are equal; the open extents of `expected` are taken from `found`. */
fv_status fvi_agree(fv_ctx *ctx, const char *what, fv_tensor found,
                    fv_tensor *expected);

/* FV_ESHAPE unless `x` has a last axis with at least one channel. */
fv_status fvi_need_channels(fv_ctx *ctx, const char *op, fv_tensor x);

/* reads for y[...,c] = f(x[...,0..C)): all channels of the same position. */
fvi_box fvi_reads_channels(const void *attr, const fv_tensor x[], fv_tensor y,
                           int i, const int64_t at[]);

/* N, D, H, W, C of an activation whatever its spatial rank (missing outer
 * axes are 1; rank 0 gives D = H = W = 1). */
typedef struct fvi_dims {
    int64_t N, D, H, W, C;
} fvi_dims;
fvi_dims fvi_dims_of(fv_tensor t);

#endif
