#ifndef FV_GRAPH_H
#define FV_GRAPH_H

#include "fovea/tensor.h"

FV_C_BEGIN

/*
 * A network, written down but not yet run: an append-only list of nodes, each
 * naming earlier ones, so the list order is already a topological order.
 * Batch and spatial extents may be unknown (-1) until fv_plan_new binds them;
 * channels are always known.
 *
 * Errors stick: the first mistake is kept, later calls do nothing and return
 * an invalid value, and fv_graph_check reports it. An architecture file
 * therefore reads as equations, without a test after every line.
 *
 * Activations are (N,[D,[H,]]W,C): zero to three spatial axes, channels last.
 * "Spatial rank" below is the number of axes between N and C.
 */
typedef struct fv_graph fv_graph;

/* A value in a graph: an index, not a pointer. {0} is "no value". */
typedef struct fv_val {
    int32_t id;
} fv_val;

/* An empty graph, owned by the caller. It borrows `ctx`. FV_ENOMEM. */
FV_NODISCARD FV_API fv_status fv_graph_new(fv_ctx *ctx, fv_graph **out);
FV_API void fv_graph_free(fv_graph *g); /* NULL is fine */

/* FV_OK, or the first mistake made while building, with its message. */
FV_NODISCARD FV_API fv_status fv_graph_check(fv_ctx *ctx, const fv_graph *g);

/* Names opened here prefix every node until the matching fv_pop:
 * "down3" + "conv1" + "weight" becomes the key "down3/conv1/weight". */
FV_API void fv_push(fv_graph *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
FV_API void fv_pop(fv_graph *g);

/* An input bound by the plan; -1 leaves an extent open. The last extent
 * (channels) must be known. */
FV_API fv_val fv_input(fv_graph *g, const char *name, int ndim,
                       const int64_t dim[]);

/* Marks a value as wanted: plans compute it and keep it readable. */
FV_API void fv_output(fv_graph *g, const char *name, fv_val v);

/* Extents known so far (-1 where open); data is NULL. */
FV_API fv_tensor fv_shape(const fv_graph *g, fv_val v);

/* Channels (the last extent) of a value; 0 for an invalid one. */
FV_API int fv_channels(const fv_graph *g, fv_val v);

/* ---- operations with parameters ---- */

/* How weights start: normal of variance 2/fan_in (He et al. 2015), or uniform
 * of variance 2/(fan_in + fan_out) (Glorot & Bengio 2010, as in Keras). */
typedef enum fv_init { FV_INIT_HE, FV_INIT_GLOROT } fv_init;

/* For the weights added from here on; FV_INIT_HE until it is called. */
FV_API void fv_init_weights(fv_graph *g, fv_init how);

/*
 * y[...,k] = b[k] + sum over c of x[...,c] * w[c,k]
 *   x (N,...,C) -> y (N,...,K). Parameters: weight (C,K), bias (K).
 * `channels` is K.
 */
FV_API fv_val fv_linear(fv_graph *g, const char *name, fv_val x, int channels);
FV_API fv_val fv_linear_no_bias(fv_graph *g, const char *name, fv_val x,
                                int channels);

/* A convolution for any spatial rank from 1 to 3. */
typedef struct fv_conv {
    int channels; /* output channels K; required                           */
    int kernel;   /* side along every spatial axis; 0 means 3              */
    int stride;   /* 0 means 1                                             */
    int dilation; /* 0 means 1 (undilated, as in PyTorch; not as in oneDNN)*/
    int valid;    /* 0: zero padding of d*(k-1)/2 ("same"); 1: none        */
    int no_bias;  /* 1: no bias                                            */
    int side[3];  /* kernel side per axis, outermost first; 0: `kernel`    */
    int step[3];  /* stride per axis; 0: `stride`                          */
    int pad;      /* zeros on each side of every axis; 0: as `valid` says  */
} fv_conv;

/*
 * Cross-correlation, which the field calls convolution. In two dimensions:
 *   y[n,h,w,k] = b[k] + sum over r,s,c of x[n, h*t+r*d-p, w*t+s*d-p, c]
 *                                       * f[r,s,c,k]
 *   x (N,H,W,C) -> y (N,H',W',K),  H' = floor((H + 2p - d(R-1) - 1)/t) + 1
 * Parameters: weight f ([Q,]R,S,C,K); bias b (K), zero.
 * Source: Dumoulin & Visin 2016 (arXiv:1603.07285), relationship 15.
 */
FV_API fv_val fv_convolve(fv_graph *g, const char *name, fv_val x, fv_conv o);

/*
 * Transposed convolution: the adjoint of fv_convolve with the same o.
 *   y[n,i,j,k] = b[k] + sum of x[n,h,w,c] * f[r,s,c,k]
 *                over h,w,r,s with h*t+r*d-p = i, w*t+s*d-p = j
 *   H' = t(H-1) + d(R-1) + 1 - 2p; kernel = stride gives H' = t H.
 * With `valid` 0 the padding is (d(R-1) + 1 - t)/2, rounded down, so that
 * kernel 2, 3 or 4 with stride 2 doubles (kernel 3: minus one) the side.
 * Parameters as for fv_convolve.
 */
FV_API fv_val fv_convolve_transposed(fv_graph *g, const char *name, fv_val x,
                                     fv_conv o);

/*
 * y = scale * (x - mean)/sqrt(var + eps) + shift, per channel.
 * Training: mean and variance of the batch; the running ones move by
 * `momentum` 0.1 (variance unbiased), as in PyTorch. Inference: running ones.
 * Parameters: scale (C) one, shift (C) zero; buffers: mean, var (C).
 * Source: Ioffe & Szegedy 2015 (arXiv:1502.03167). eps = 1e-5.
 */
FV_API fv_val fv_batch_norm(fv_graph *g, const char *name, fv_val x);

/* The same with other numbers than PyTorch's, both above 0 (Keras: eps 1e-3,
 * momentum 0.01, which it writes as 0.99). */
FV_API fv_val fv_batch_norm_as(fv_graph *g, const char *name, fv_val x,
                               float eps, float momentum);

/* The same per position over the channels (last axis); no running values.
 * Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450). */
FV_API fv_val fv_layer_norm(fv_graph *g, const char *name, fv_val x, float eps);

/* y = scale * x/sqrt(mean x^2 + eps), per position. Parameter: scale (C) one.
 * Source: Zhang & Sennrich 2019 (arXiv:1910.07467). */
FV_API fv_val fv_rms_norm(fv_graph *g, const char *name, fv_val x, float eps);

/* As fv_layer_norm, over the positions of an image and C/groups neighboring
 * channels. eps = 1e-5. Source: Wu & He 2018 (arXiv:1803.08494). */
FV_API fv_val fv_group_norm(fv_graph *g, const char *name, fv_val x,
                            int groups);

/* y = x/sqrt(sum x^2), per position over the channels; 0 where x is 0. No
 * parameters. */
FV_API fv_val fv_l2_norm(fv_graph *g, fv_val x);

/* ---- attention ---- */

/* Zeroed fields mean the defaults at the right. */
typedef struct fv_attention {
    int heads;       /* required                                             */
    int channels;    /* of y: those of q, or a third of qkv; a multiple of
                        heads                                                */
    int window;      /* attention within windows of this side, which divides
                        all sides of the map; 0: among all positions         */
    int shift;       /* windows moved by so many positions around the edges  */
    int by_distance; /* 1: a learned number per distance and head is added   */
    int by_axis;     /* 1: a table of learned vectors per axis; 1 or 2 axes  */
    int rows;        /* length of those tables; 0: 2 side - 1, one for every
                        distance; else read at that many places, linearly    */
} fv_attention;

/*
 * y[t,c] = sum over s of p[t,s] v[s,c]
 * p[t,s] = softmax over s of q[t].k[s]/sqrt(d) + b[t,s]
 * in each head, of d = channels/heads of the channels; t and s are positions
 * whatever their spatial rank, 1 to 3.
 *   q (N,...,C), k and v (N,...,C) -> y (N,...,C)
 * b is 0 or, by distance, distances[t - s, head] or, by axis, the sum over the
 * axes of q[t].rows[t - s] and q[t].columns[t - s]. Moved windows keep tokens
 * from opposite edges apart; along an axis of one window nothing moves.
 * Parameters: distances (product of 2 side - 1, heads), small; or rows,
 * columns (2 side - 1, d), zero.
 * Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1; windows and
 * distances: Liu et al. 2021 (arXiv:2103.14030), section 3.2; axes: Li et al.
 * 2022 (arXiv:2112.01526), equation 4.
 */
FV_API fv_val fv_attend(fv_graph *g, const char *name, fv_val q, fv_val k,
                        fv_val v, fv_attention o);

/* The same where q, k and v are the three thirds of the channels of one value:
 * qkv (N,...,3C) -> (N,...,C). */
FV_API fv_val fv_attend_to_self(fv_graph *g, const char *name, fv_val qkv,
                                fv_attention o);

/* ---- tokens ---- */

/* Learned tokens before those of every image, such as a class token:
 * (N,T,C) -> (N,tokens+T,C). Parameter: tokens (tokens,C), small.
 * Source: Dosovitskiy et al. 2021 (arXiv:2010.11929), equation 1. */
FV_API fv_val fv_prepend(fv_graph *g, const char *name, fv_val x, int tokens);

/* Tokens lo <= t < hi: (N,T,C) -> (N,hi-lo,C), or (N,C) when it is one. */
FV_API fv_val fv_take_tokens(fv_graph *g, fv_val x, int lo, int hi);

/* A learned vector per position is added; the extents of x after N must be
 * known. Parameter: tokens (extents of x after N), small. */
FV_API fv_val fv_add_positions(fv_graph *g, const char *name, fv_val x);

/* y = scale * x per channel. Parameter: scale (C), `start`.
 * Source: Touvron et al. 2021 (arXiv:2103.17239), equation 4. */
FV_API fv_val fv_layer_scale(fv_graph *g, const char *name, fv_val x,
                             float start);

/* ---- normalisation without parameters ---- */

/*
 * y[...,c] = x[...,c] / (k + alpha * sum of x[...,j]^2)^beta
 *   over the channels |j - c| <= size/2 there are; `size` is odd.
 * No parameters. PyTorch's alpha is `size` times this one.
 * Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3 (size 5, alpha
 * 1e-4, beta 0.75, k 2).
 */
FV_API fv_val fv_local_response_norm(fv_graph *g, fv_val x, int size,
                                     float alpha, float beta, float k);

/* ---- pooling and resampling ---- */

/* Windows of `side` moved by `stride` (0: side), no padding:
 * H' = floor((H - side)/stride) + 1. */
FV_API fv_val fv_max_pool(fv_graph *g, fv_val x, int side, int stride);
FV_API fv_val fv_avg_pool(fv_graph *g, fv_val x, int side, int stride);

/* The same with `pad` positions without a number before the first and
 * pad + tail after the last one; pad + tail < side:
 * H' = floor((H + 2 pad + tail - side)/stride) + 1. */
FV_API fv_val fv_max_pool_padded(fv_graph *g, fv_val x, int side, int stride,
                                 int pad, int tail);

/* A blur by binomial weights (side 3: [1 2 1]/4 along each axis) at every
 * stride-th position, each channel for itself; zeros pad as above. No
 * parameters. Source: Zhang 2019 (arXiv:1904.11486). */
FV_API fv_val fv_blur_pool(fv_graph *g, fv_val x, int side, int stride, int pad,
                           int tail);

/* Means over a grid of `height` x `width` parts of the two spatial axes: part
 * i of I covers floor(i H/I) <= h < ceil((i+1) H/I), as in PyTorch. */
FV_API fv_val fv_adaptive_avg_pool(fv_graph *g, fv_val x, int height,
                                   int width);

/* Mean over all spatial axes: (N,H,W,C) -> (N,C). */
FV_API fv_val fv_global_avg_pool(fv_graph *g, fv_val x);

typedef enum fv_resample { FV_NEAREST, FV_BILINEAR } fv_resample;

/* Every spatial axis times `factor`. FV_BILINEAR (linear along each axis)
 * puts pixel centers at half-integers ("align_corners" false in PyTorch). */
FV_API fv_val fv_upsample(fv_graph *g, fv_val x, int factor, fv_resample how);

/* Channels laid out as pixels: (N,H,W,C f^2) -> (N,f H,f W,C),
 *   y[n,f h+i,f w+j,c] = x[n,h,w,(c f + i) f + j]
 * and the inverse, where `factor` divides the sides. Any spatial rank.
 * Source: Shi et al. 2016 (arXiv:1609.05158), equation 4. */
FV_API fv_val fv_pixel_shuffle(fv_graph *g, fv_val x, int factor);
FV_API fv_val fv_pixel_unshuffle(fv_graph *g, fv_val x, int factor);

/* Zeros at the far ends, until `multiple` divides every side; and cut back to
 * the sides of `like`. */
FV_API fv_val fv_pad(fv_graph *g, fv_val x, int multiple);
FV_API fv_val fv_crop(fv_graph *g, fv_val x, fv_val like);

/* ---- element by element ---- */

FV_API fv_val fv_relu(fv_graph *g, fv_val x);
FV_API fv_val fv_leaky_relu(fv_graph *g, fv_val x, float slope);
FV_API fv_val fv_sigmoid(fv_graph *g, fv_val x);
FV_API fv_val fv_tanh(fv_graph *g, fv_val x);
FV_API fv_val fv_gelu(fv_graph *g, fv_val x);      /* exact: x Phi(x)         */
FV_API fv_val fv_gelu_tanh(fv_graph *g, fv_val x); /* its approximation     */
FV_API fv_val fv_softmax(fv_graph *g, fv_val x);   /* over the last axis      */
/* floor + log(1 + exp(x)): a number above `floor`. */
FV_API fv_val fv_softplus(fv_graph *g, fv_val x, float floor);
FV_API fv_val fv_dropout(fv_graph *g, fv_val x, float rate); /* inverted    */
/* Stochastic depth: whole images instead of numbers, for a branch that is then
 * added. Source: Huang et al. 2016 (arXiv:1603.09382). */
FV_API fv_val fv_drop_path(fv_graph *g, fv_val x, float rate);
FV_API fv_val fv_scale(fv_graph *g, fv_val x, float factor);
FV_API fv_val fv_add(fv_graph *g, fv_val a, fv_val b);
/* b has the shape of a; or it is (N,C), one number per channel of each image,
 * that all positions share. */
FV_API fv_val fv_multiply(fv_graph *g, fv_val a, fv_val b);
/* a (N,...,C), b (N,C): y = a + b, at all positions of an image the same b. */
FV_API fv_val fv_add_channels(fv_graph *g, fv_val a, fv_val b);

/* ---- shape ---- */

/* Channels joined: (N,H,W,A), (N,H,W,B) -> (N,H,W,A+B). */
FV_API fv_val fv_concat(fv_graph *g, fv_val a, fv_val b);

/* Channels lo <= c < hi. */
FV_API fv_val fv_slice_channels(fv_graph *g, fv_val x, int lo, int hi);

/* (N,...) -> (N,F): all extents but the first joined; they must be known. */
FV_API fv_val fv_flatten(fv_graph *g, fv_val x);

/* New extents after N; one of them may be -1 (what is left). */
FV_API fv_val fv_reshape(fv_graph *g, fv_val x, int ndim, const int64_t dim[]);

/* ---- parameters ---- */

/* One named parameter: a view into the flat vector of all of them. */
typedef struct fv_param {
    const char *name; /* "down3/conv1/weight"; borrowed from the graph       */
    int ndim;
    int64_t dim[FV_MAX_DIM];
    int64_t offset, count; /* numbers, not bytes                             */
    int trained; /* 0: a buffer, such as a running mean                      */
    int decayed; /* 1: weight decay applies (weights, not biases or norms)   */
} fv_param;

/* The number of named parameters, the i-th, and the length of the flat vector
 * that holds them all. `trained_only` counts what training changes: the figure
 * papers print. */
FV_API int fv_param_list_size(const fv_graph *g);
FV_API fv_param fv_param_at(const fv_graph *g, int i);
FV_API int64_t fv_param_count(const fv_graph *g, int trained_only);

/* Fills `params` (fv_param_count(g, 0) floats, caller's) with the initial
 * values of every parameter: weights by fv_init, zero biases, unit scales.
 * The numbers are a function of seed, name and index alone. */
FV_API void fv_params_init(const fv_graph *g, uint64_t seed, float *params);

/*
 * Receptive field of `v` with respect to `input`, along each spatial axis:
 * how many input positions one output element can see (rounded up over output
 * positions). `size` receives one number per spatial axis, the rest are 0.
 * FV_EINVAL when v does not depend on input.
 */
FV_NODISCARD FV_API fv_status fv_receptive_field(fv_ctx *ctx, const fv_graph *g,
                                                 fv_val input, fv_val v,
                                                 int64_t size[3]);

FV_C_END

#endif
