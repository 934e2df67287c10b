/* Builders: one function per operation, as an architecture file calls them. */
#include "graph/graph_internal.h"

#include <string.h>

static int spatial_rank(const fv_graph *g, fv_val x)
{
    return fv_shape(g, x).ndim - 2;
}

/* ---- with parameters ---- */

void fv_init_weights(fv_graph *g, fv_init how)
{
    g->init = how;
}

/* He counts the inputs of one output, Glorot also the outputs of one input. */
static fv_val add_weight(fv_graph *g, const char *name, int ndim,
                         const int64_t dim[], double fan_in, double fan_out)
{
    if (g->init == FV_INIT_GLOROT)
        return fvi_param_add(g, name, "weight", ndim, dim, FVI_INIT_GLOROT,
                             fan_in + fan_out, true);
    return fvi_param_add(g, name, "weight", ndim, dim, FVI_INIT_HE, fan_in,
                         true);
}

static fv_val linear(fv_graph *g, const char *name, fv_val x, int channels,
                     bool bias)
{
    fvi_linear o = {.channels = channels};
    int64_t in = fv_channels(g, x), weight[] = {in, channels},
            each[] = {channels};
    if (g->status != FV_OK)
        return (fv_val){0};
    if (in < 1 || channels < 1)
        return fvi_graph_fail(g, FV_EINVAL,
                              "'%s': linear needs channels, has %d in, %d out",
                              name, (int)in, channels);
    fv_val v[3] = {x};
    v[1] = add_weight(g, name, 2, weight, (double)in, channels);
    if (bias)
        v[2] = fvi_param_add(g, name, "bias", 1, each, FVI_INIT_ZERO, 1, true);
    return fvi_node_named(g, name, FVI_OP_linear, &o, 2 + bias, v);
}

fv_val fv_linear(fv_graph *g, const char *name, fv_val x, int channels)
{
    return linear(g, name, x, channels, true);
}

fv_val fv_linear_no_bias(fv_graph *g, const char *name, fv_val x, int channels)
{
    return linear(g, name, x, channels, false);
}

static int64_t or_else(int value, int fallback)
{
    return value ? value : fallback;
}

/* The attribute of a window; outer axes a lower rank lacks are 1 wide. */
static fvi_window window_of(fv_conv o, int rank, bool transposed)
{
    fvi_window w = {.rank = rank, .channels = o.channels};
    for (int axis = 0; axis < 3; axis++) {
        int own = axis - (3 - rank);
        bool there = own >= 0;
        int64_t side =
            there ? or_else(o.side[own], (int)or_else(o.kernel, 3)) : 1;
        int64_t step =
            there ? or_else(o.step[own], (int)or_else(o.stride, 1)) : 1;
        int64_t d = there ? or_else(o.dilation, 1) : 1;
        int64_t reach = d * (side - 1);
        int64_t pad = transposed ? (reach + 1 - step) / 2 : reach / 2;
        w.kernel[axis] = side;
        w.stride[axis] = step;
        w.dilation[axis] = d;
        w.pad[axis] = o.valid || pad < 0 ? 0 : pad;
        if (there && o.pad)
            w.pad[axis] = o.pad;
    }
    return w;
}

static fv_val convolve(fv_graph *g, const char *name, fv_val x, fv_conv o,
                       fvi_op_id op)
{
    int rank = spatial_rank(g, x);
    if (g->status != FV_OK)
        return (fv_val){0};
    if (rank < 1 || rank > 3)
        return fvi_graph_fail(g, FV_ESHAPE,
                              "'%s': convolution needs 1 to 3 spatial axes, "
                              "the input has %d",
                              name, rank);
    fvi_window w = window_of(o, rank, op == FVI_OP_conv_transposed);
    int64_t weight[FV_MAX_DIM], each[] = {o.channels}, in = fv_channels(g, x);
    double fan_in = (double)in, fan_out = o.channels;
    for (int axis = 3 - rank; axis < 3; axis++) {
        weight[axis - (3 - rank)] = w.kernel[axis];
        fan_in *= (double)w.kernel[axis];
        fan_out *= (double)w.kernel[axis];
        if (op == FVI_OP_conv_transposed)
            fan_in /= (double)w.stride[axis];
    }
    if (o.channels < 1 || o.kernel < 0 || o.stride < 0 || o.dilation < 0 ||
        o.pad < 0)
        return fvi_graph_fail(g, FV_EINVAL,
                              "'%s': channels %d, kernel %d, stride %d, "
                              "dilation %d and padding %d must be positive",
                              name, o.channels, o.kernel, o.stride, o.dilation,
                              o.pad);
    weight[rank] = in;
    weight[rank + 1] = o.channels;
    fv_val v[3] = {x};
    v[1] = add_weight(g, name, rank + 2, weight, fan_in, fan_out);
    if (!o.no_bias)
        v[2] = fvi_param_add(g, name, "bias", 1, each, FVI_INIT_ZERO, 1, true);
    return fvi_node_named(g, name, op, &w, o.no_bias ? 2 : 3, v);
}

fv_val fv_convolve(fv_graph *g, const char *name, fv_val x, fv_conv o)
{
    return convolve(g, name, x, o, FVI_OP_conv);
}

fv_val fv_convolve_transposed(fv_graph *g, const char *name, fv_val x,
                              fv_conv o)
{
    return convolve(g, name, x, o, FVI_OP_conv_transposed);
}

static fv_val norm(fv_graph *g, const char *name, fv_val x, fvi_op_id op,
                   fvi_norm o)
{
    int64_t each[] = {fv_channels(g, x)};
    fv_val v[5] = {x};
    int nx = 3;
    if (g->status != FV_OK)
        return (fv_val){0};
    v[1] = fvi_param_add(g, name, "scale", 1, each, FVI_INIT_ONE, 1, true);
    if (op == FVI_OP_rms_norm)
        return fvi_node_named(g, name, op, &o, 2, v);
    v[2] = fvi_param_add(g, name, "shift", 1, each, FVI_INIT_ZERO, 1, true);
    if (op == FVI_OP_batch_norm) {
        o.momentum = g->lent ? 0 : o.momentum;
        v[3] = fvi_param_add(g, name, "mean", 1, each, FVI_INIT_ZERO, 1, false);
        v[4] = fvi_param_add(g, name, "var", 1, each, FVI_INIT_ONE, 1, false);
        nx = 5;
    }
    return fvi_node_named(g, name, op, &o, nx, v);
}

fv_val fv_batch_norm(fv_graph *g, const char *name, fv_val x)
{
    return fv_batch_norm_as(g, name, x, 1e-5f, 0.1f);
}

fv_val fv_batch_norm_as(fv_graph *g, const char *name, fv_val x, float eps,
                        float momentum)
{
    if (!(eps > 0 && momentum > 0))
        return fvi_graph_fail(g, FV_EINVAL,
                              "'%s': eps %g and momentum %g, expected both "
                              "above 0",
                              name, (double)eps, (double)momentum);
    return norm(g, name, x, FVI_OP_batch_norm,
                (fvi_norm){.eps = eps, .momentum = momentum});
}

fv_val fv_layer_norm(fv_graph *g, const char *name, fv_val x, float eps)
{
    return norm(g, name, x, FVI_OP_layer_norm, (fvi_norm){.eps = eps});
}

fv_val fv_rms_norm(fv_graph *g, const char *name, fv_val x, float eps)
{
    return norm(g, name, x, FVI_OP_rms_norm, (fvi_norm){.eps = eps});
}

fv_val fv_group_norm(fv_graph *g, const char *name, fv_val x, int groups)
{
    return norm(g, name, x, FVI_OP_group_norm,
                (fvi_norm){.eps = 1e-5f, .groups = groups});
}

fv_val fv_local_response_norm(fv_graph *g, fv_val x, int size, float alpha,
                              float beta, float k)
{
    fvi_response o = {size, alpha, beta, k};
    return fvi_node_add(g, FVI_OP_local_response_norm, &o, 1, &x);
}

fv_val fv_l2_norm(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_l2_norm, NULL, 1, &x);
}

/* ---- pooling and resampling ---- */

static fv_val pool(fv_graph *g, fv_val x, fvi_op_id op, int side, int stride,
                   int pad, int tail)
{
    int rank = spatial_rank(g, x);
    if (g->status != FV_OK)
        return (fv_val){0};
    if (rank < 1 || rank > 3 || side < 1 || stride < 0 || pad < 0 || tail < 0)
        return fvi_graph_fail(g, FV_EINVAL,
                              "pooling of %d spatial axes by side %d, stride "
                              "%d, padding %d and %d more",
                              rank, side, stride, pad, tail);
    fv_conv o = {.kernel = side, .stride = stride ? stride : side, .valid = 1};
    fvi_window w = window_of(o, rank, false);
    for (int axis = 3 - rank; axis < 3; axis++) {
        w.pad[axis] = pad;
        w.tail[axis] = tail;
    }
    return fvi_node_add(g, op, &w, 1, &x);
}

fv_val fv_max_pool(fv_graph *g, fv_val x, int side, int stride)
{
    return pool(g, x, FVI_OP_max_pool, side, stride, 0, 0);
}

fv_val fv_max_pool_padded(fv_graph *g, fv_val x, int side, int stride, int pad,
                          int tail)
{
    return pool(g, x, FVI_OP_max_pool, side, stride, pad, tail);
}

fv_val fv_avg_pool(fv_graph *g, fv_val x, int side, int stride)
{
    return pool(g, x, FVI_OP_avg_pool, side, stride, 0, 0);
}

fv_val fv_blur_pool(fv_graph *g, fv_val x, int side, int stride, int pad,
                    int tail)
{
    return pool(g, x, FVI_OP_blur_pool, side, stride, pad, tail);
}

fv_val fv_adaptive_avg_pool(fv_graph *g, fv_val x, int height, int width)
{
    fvi_shape o = {.ndim = 2, .dim = {height, width}};
    return fvi_node_add(g, FVI_OP_adaptive_avg_pool, &o, 1, &x);
}

fv_val fv_global_avg_pool(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_global_avg_pool, NULL, 1, &x);
}

fv_val fv_upsample(fv_graph *g, fv_val x, int factor, fv_resample how)
{
    fvi_upsample o = {.factor = factor, .how = how};
    if (factor < 1)
        return fvi_graph_fail(g, FV_EINVAL, "upsample: factor %d is below 1",
                              factor);
    return fvi_node_add(g, FVI_OP_upsample, &o, 1, &x);
}

/* ---- element by element ---- */

fv_val fv_relu(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_relu, NULL, 1, &x);
}

fv_val fv_leaky_relu(fv_graph *g, fv_val x, float slope)
{
    return fvi_node_add(g, FVI_OP_leaky_relu, &(fvi_number){slope}, 1, &x);
}

fv_val fv_sigmoid(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_sigmoid, NULL, 1, &x);
}

fv_val fv_tanh(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_tanh, NULL, 1, &x);
}

fv_val fv_gelu(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_gelu, NULL, 1, &x);
}

fv_val fv_gelu_tanh(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_gelu_tanh, NULL, 1, &x);
}

fv_val fv_softmax(fv_graph *g, fv_val x)
{
    return fvi_node_add(g, FVI_OP_softmax, NULL, 1, &x);
}

fv_val fv_softplus(fv_graph *g, fv_val x, float floor)
{
    return fvi_node_add(g, FVI_OP_softplus, &(fvi_number){floor}, 1, &x);
}

static fv_val drop(fv_graph *g, fv_val x, float rate, fvi_op_id op)
{
    if (!(rate >= 0 && rate < 1))
        return fvi_graph_fail(g, FV_EINVAL,
                              "%s: rate %g, expected 0 to below 1",
                              fvi_ops[op]->name, (double)rate);
    if (g->lent)
        return x;
    return fvi_node_add(g, op, &(fvi_number){rate}, 1, &x);
}

fv_val fv_dropout(fv_graph *g, fv_val x, float rate)
{
    return drop(g, x, rate, FVI_OP_dropout);
}

fv_val fv_drop_path(fv_graph *g, fv_val x, float rate)
{
    return drop(g, x, rate, FVI_OP_drop_path);
}

fv_val fv_scale(fv_graph *g, fv_val x, float factor)
{
    return fvi_node_add(g, FVI_OP_scale, &(fvi_number){factor}, 1, &x);
}

fv_val fv_add(fv_graph *g, fv_val a, fv_val b)
{
    return fvi_node_add(g, FVI_OP_add, NULL, 2, (fv_val[]){a, b});
}

fv_val fv_multiply(fv_graph *g, fv_val a, fv_val b)
{
    return fvi_node_add(g, FVI_OP_multiply, NULL, 2, (fv_val[]){a, b});
}

fv_val fv_add_channels(fv_graph *g, fv_val a, fv_val b)
{
    return fvi_node_add(g, FVI_OP_add_channels, NULL, 2, (fv_val[]){a, b});
}

/* ---- shape ---- */

fv_val fv_concat(fv_graph *g, fv_val a, fv_val b)
{
    return fvi_node_add(g, FVI_OP_concat, NULL, 2, (fv_val[]){a, b});
}

fv_val fv_slice_channels(fv_graph *g, fv_val x, int lo, int hi)
{
    return fvi_node_add(g, FVI_OP_slice, &(fvi_slice){lo, hi}, 1, &x);
}

fv_val fv_reshape(fv_graph *g, fv_val x, int ndim, const int64_t dim[])
{
    fvi_shape o = {.ndim = ndim + 1, .dim = {-1}};
    if (ndim < 1 || ndim >= FV_MAX_DIM)
        return fvi_graph_fail(g, FV_EINVAL, "reshape: to %d extents after N",
                              ndim);
    memcpy(o.dim + 1, dim, (size_t)ndim * sizeof *dim);
    return fvi_node_add(g, FVI_OP_reshape, &o, 1, &x);
}

fv_val fv_flatten(fv_graph *g, fv_val x)
{
    return fv_reshape(g, x, 1, (int64_t[]){-1});
}
