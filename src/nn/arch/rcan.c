/*
 * Residual channel attention network: very deep, with a skip around every
 * block, every group of blocks and the whole; each block weighs its channels
 * by what the image as a whole has in them.
 *
 *   image > conv > group > ... > group > conv > + > conv > answer
 *                |_____________________________|
 *   group:  > block > ... > block > conv > +      block: > C > conv > A > +
 *
 * C is a 3x3 convolution and a ReLU. A (attention) multiplies each channel by
 * a number from 0 to 1: mean > linear > relu > linear > sigmoid.
 * Source: Zhang et al. 2018 (arXiv:1807.02758), figure 2, without its
 * enlarging; in microscopy Chen et al. 2021 (doi:10.1038/s41592-021-01155-x).
 */
#include "nn/arch/arch_internal.h"

typedef struct rcan {
    int in, out, width, groups, blocks, reduction;
} rcan;

static const fv_field fields[] = {
    FV_INT(rcan, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(rcan, out, 1, 1, 64, "channels", "output channels"),
    FV_INT(rcan, width, 64, 1, 1024, "channels", "width everywhere"),
    FV_INT(rcan, groups, 10, 1, 64, "", "groups of blocks"),
    FV_INT(rcan, blocks, 20, 1, 64, "", "blocks of a group"),
    FV_INT(rcan, reduction, 16, 1, 1024, "times",
           "how much narrower attention is in its middle"),
    FV_END,
};

static fv_val conv(fv_graph *g, const char *name, fv_val x, int channels)
{
    return fv_convolve(g, name, x, (fv_conv){.channels = channels});
}

static fv_val attention(fv_graph *g, const rcan *r, fv_val x)
{
    int narrow = r->width / r->reduction;
    fv_val a = fv_global_avg_pool(g, x);
    a = fv_relu(g, fv_linear(g, "squeeze", a, narrow > 0 ? narrow : 1));
    return fv_multiply(g, x,
                       fv_sigmoid(g, fv_linear(g, "excite", a, r->width)));
}

static fv_val block(fv_graph *g, const rcan *r, fv_val x)
{
    fv_val y = fv_relu(g, conv(g, "conv1", x, r->width));
    return fv_add(g, x, attention(g, r, conv(g, "conv2", y, r->width)));
}

static fv_val group(fv_graph *g, const rcan *r, fv_val x)
{
    fv_val y = x;
    for (int i = 1; i <= r->blocks; i++) {
        fv_push(g, "block%d", i);
        y = block(g, r, y);
        fv_pop(g);
    }
    return fv_add(g, x, conv(g, "conv", y, r->width));
}

static fv_val build(fv_graph *g, const void *config, fv_val image)
{
    const rcan *r = config;
    fv_val x = conv(g, "first", image, r->width), y = x;
    for (int i = 1; i <= r->groups; i++) {
        fv_push(g, "group%d", i);
        y = group(g, r, y);
        fv_pop(g);
    }
    y = fv_add(g, x, conv(g, "conv", y, r->width));
    return conv(g, "head", y, r->out);
}

const fv_arch fvi_arch_rcan = {
    .name = "rcan",
    .title = "residual channel attention network",
    .cite = "arXiv:1807.02758",
    .size = sizeof(rcan),
    .fields = fields,
    .rank = 2,
    .build = build,
};
