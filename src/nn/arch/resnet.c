/*
 * ResNet: blocks that learn only what to change, y = relu(x + f(x)), so that
 * depth does not get in the way of the gradient.
 *
 *   image > stem > stage 1 > stage 2 > stage 3 > stage 4 > mean > linear
 *
 * Every stage but the first halves the sides and doubles the channels in its
 * first block, where the skip is a 1x1 convolution. f is two 3x3 convolutions
 * (18, 34 layers), or 1x1, 3x3, 1x1 around a bottleneck of a quarter of the
 * channels (50 and more); each convolution with batch norm.
 * Source: He, Zhang, Ren & Sun 2015 (arXiv:1512.03385), table 1; a bottleneck
 * strides in its 3x3 convolution, as in torchvision.
 */
#include "nn/arch/arch_internal.h"

typedef struct resnet {
    int in, out;
    const char *depth;
    int width, stem_kernel, stem_stride, stem_pool;
} resnet;

static const fv_field fields[] = {
    FV_INT(resnet, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(resnet, out, 1000, 1, 65536, "classes", "classes told apart"),
    FV_CHOICE(resnet, depth, "18", "18|34|50|101|152", "layers with weights"),
    FV_INT(resnet, width, 64, 1, 1024, "channels", "width of the first stage"),
    FV_INT(resnet, stem_kernel, 7, 1, 15, "px",
           "side of the first kernel; 3 for small images"),
    FV_INT(resnet, stem_stride, 2, 1, 4, "px",
           "step of the first convolution; 1 for small images"),
    FV_INT(resnet, stem_pool, 1, 0, 1, "",
           "pool after the first convolution; 0 for small images"),
    FV_END,
};

static const struct depth {
    const char *name;
    int bottleneck, blocks[4];
} depths[] = {
    {"18", 0, {2, 2, 2, 2}},   {"34", 0, {3, 4, 6, 3}},
    {"50", 1, {3, 4, 6, 3}},   {"101", 1, {3, 4, 23, 3}},
    {"152", 1, {3, 8, 36, 3}},
};

static fv_val conv(fv_graph *g, const char *name, fv_val x, int channels,
                   int kernel, int stride)
{
    fv_push(g, "%s", name);
    x = fv_convolve(g, "", x,
                    (fv_conv){.channels = channels,
                              .kernel = kernel,
                              .stride = stride,
                              .no_bias = 1});
    x = fv_batch_norm(g, "norm", x);
    fv_pop(g);
    return x;
}

static fv_val block(fv_graph *g, const struct depth *d, fv_val x, int channels,
                    int stride)
{
    fv_val y;
    int out = d->bottleneck ? 4 * channels : channels;
    if (d->bottleneck) {
        y = fv_relu(g, conv(g, "conv1", x, channels, 1, 1));
        y = fv_relu(g, conv(g, "conv2", y, channels, 3, stride));
        y = conv(g, "conv3", y, out, 1, 1);
    } else {
        y = fv_relu(g, conv(g, "conv1", x, channels, 3, stride));
        y = conv(g, "conv2", y, out, 3, 1);
    }
    if (stride > 1 || fv_channels(g, x) != out)
        x = conv(g, "skip", x, out, 1, stride);
    return fv_relu(g, fv_add(g, y, x));
}

void fvi_resnet_maps(fv_graph *g, const fvi_resnet *r, fv_val x, fv_val map[4])
{
    const struct depth *d = depths;
    while (strcmp(d->name, r->depth) != 0)
        d++;
    x = fv_relu(g,
                conv(g, "stem", x, r->width, r->stem_kernel, r->stem_stride));
    if (r->stem_pool)
        x = fv_max_pool_padded(g, x, 3, 2, 1, 0);
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < d->blocks[stage]; i++) {
            fv_push(g, "stage%d/block%d", stage + 1, i + 1);
            x = block(g, d, x, r->width << stage, stage && !i ? 2 : 1);
            fv_pop(g);
        }
        map[stage] = x;
    }
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const resnet *r = config;
    fv_val map[4];
    fvi_resnet_maps(g,
                    &(fvi_resnet){r->depth, r->width, r->stem_kernel,
                                  r->stem_stride, r->stem_pool},
                    x, map);
    return fv_linear(g, "out", fv_global_avg_pool(g, map[3]), r->out);
}

const fv_arch fvi_arch_resnet = {
    .name = "resnet",
    .title = "ResNet",
    .cite = "arXiv:1512.03385",
    .size = sizeof(resnet),
    .fields = fields,
    .rank = 2,
    .build = build,
};
