/*
 * AlexNet: five convolutions that see more and more, three linear layers.
 *
 *   image > C 64 > pool > C 192 > pool > C 384 > C 256 > C 256 > pool
 *         > 6x6 means > linear > linear > linear > answer
 *
 * C is a convolution and a ReLU; the first is 11x11 at every fourth pixel.
 * Pools are 3x3 at every second. Sources: Krizhevsky, Sutskever & Hinton 2012
 * (NIPS), in the widths of Krizhevsky 2014 (arXiv:1404.5997), which fit one
 * machine; the paper of 2012 also dampens channels by their neighbors
 * (`response_norm`).
 */
#include "nn/arch/arch_internal.h"

typedef struct alexnet {
    int in, out, width, hidden, response_norm;
    double dropout;
} alexnet;

static const fv_field fields[] = {
    FV_INT(alexnet, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(alexnet, out, 1000, 1, 65536, "classes", "classes told apart"),
    FV_INT(alexnet, width, 64, 1, 1024, "channels",
           "width of the first convolution"),
    FV_INT(alexnet, hidden, 4096, 1, 65536, "numbers",
           "width of the linear layers"),
    FV_INT(alexnet, response_norm, 0, 0, 1, "",
           "local response norm behind the first two convolutions"),
    FV_REAL(alexnet, dropout, 0.5, 0, 0.95, "",
            "share dropped before the first two linear layers"),
    FV_END,
};

static fv_val conv(fv_graph *g, const char *name, fv_val x, fv_conv o)
{
    return fv_relu(g, fv_convolve(g, name, x, o));
}

static fv_val pool(fv_graph *g, const alexnet *a, fv_val x, int norm)
{
    if (norm && a->response_norm)
        x = fv_local_response_norm(g, x, 5, 1e-4f, 0.75f, 2);
    return fv_max_pool(g, x, 3, 2);
}

static fv_val hidden(fv_graph *g, const alexnet *a, const char *name, fv_val x)
{
    if (a->dropout > 0)
        x = fv_dropout(g, x, (float)a->dropout);
    return fv_relu(g, fv_linear(g, name, x, a->hidden));
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const alexnet *a = config;
    const int w = a->width;
    x = conv(g, "conv1", x,
             (fv_conv){.channels = w, .kernel = 11, .stride = 4, .pad = 2});
    x = pool(g, a, x, 1);
    x = conv(g, "conv2", x, (fv_conv){.channels = 3 * w, .kernel = 5});
    x = pool(g, a, x, 1);
    x = conv(g, "conv3", x, (fv_conv){.channels = 6 * w});
    x = conv(g, "conv4", x, (fv_conv){.channels = 4 * w});
    x = conv(g, "conv5", x, (fv_conv){.channels = 4 * w});
    x = pool(g, a, x, 0);
    x = fv_flatten(g, fv_adaptive_avg_pool(g, x, 6, 6));
    x = hidden(g, a, "hidden1", x);
    x = hidden(g, a, "hidden2", x);
    return fv_linear(g, "out", x, a->out);
}

const fv_arch fvi_arch_alexnet = {
    .name = "alexnet",
    .title = "AlexNet",
    .cite = "arXiv:1404.5997",
    .size = sizeof(alexnet),
    .fields = fields,
    .rank = 2,
    .build = build,
};
