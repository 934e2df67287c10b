/*
 * U-Net: a contracting path that sees far, an expanding path that sees
 * sharply, and skips that hand detail across at equal resolution.
 *
 *   image  > C C ------------------- concat > C C > head > answer
 *              pool > C C - concat > C C > up
 *                    pool > C C > up
 *
 * C is a convolution, batch norm and ReLU. Going up halves the channels: in
 * the transposed convolution (up = transpose, as in the paper) or, before
 * enlarging, in the last convolution of a level (nearest, bilinear).
 * Source: Ronneberger, Fischer & Brox 2015 (arXiv:1505.04597), with padded
 * convolutions; residual and probabilistic: Weigert et al. 2018
 * (doi:10.1038/s41592-018-0216-7); blur and no top skip: Hoeck et al. 2022
 * (arXiv:2211.08512).
 */
#include "nn/arch/arch_internal.h"

enum { MAX_DEPTH = 7 };

typedef struct unet {
    int in, out, base, depth, convs, kernel, batch_norm, residual, top_skip;
    int blur, probabilistic;
    const char *up;
    double dropout;
} unet;

static const fv_field fields[] = {
    FV_INT(unet, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(unet, out, 1, 1, 256, "channels", "output channels"),
    FV_INT(unet, base, 32, 1, 1024, "channels", "width at full resolution"),
    FV_INT(unet, depth, 3, 1, MAX_DEPTH, "levels", "number of halvings"),
    FV_INT(unet, convs, 2, 1, 8, "", "convolutions per level"),
    FV_INT(unet, kernel, 3, 1, 15, "px", "side of the kernels"),
    FV_INT(unet, batch_norm, 1, 0, 1, "", "normalize after each convolution"),
    FV_CHOICE(unet, up, "nearest", "nearest|bilinear|transpose",
              "how the expanding path enlarges"),
    FV_INT(unet, residual, 0, 0, 1, "",
           "add the image, where it has the channels of the answer"),
    FV_INT(unet, probabilistic, 0, 0, 1, "",
           "answer the mean of each channel, then the scale of each"),
    FV_INT(unet, blur, 0, 0, 1, "", "blur when halving"),
    FV_INT(unet, top_skip, 1, 0, 1, "",
           "hand detail across at full resolution, too"),
    FV_REAL(unet, dropout, 0, 0, 0.95, "", "share dropped at the bottom"),
    FV_END,
};

static fv_val block(fv_graph *g, const unet *u, fv_val x, int channels,
                    int last)
{
    for (int i = 1; i <= u->convs; i++) {
        fv_push(g, "conv%d", i);
        x = fv_convolve(g, "", x,
                        (fv_conv){.channels = i < u->convs ? channels : last,
                                  .kernel = u->kernel,
                                  .no_bias = u->batch_norm});
        if (u->batch_norm)
            x = fv_batch_norm(g, "norm", x);
        x = fv_relu(g, x);
        fv_pop(g);
    }
    return x;
}

static fv_val enlarge(fv_graph *g, const unet *u, fv_val x, int channels)
{
    if (strcmp(u->up, "transpose") == 0)
        return fv_convolve_transposed(
            g, "enlarge", x,
            (fv_conv){.channels = channels, .kernel = 2, .stride = 2});
    return fv_upsample(
        g, x, 2, strcmp(u->up, "nearest") == 0 ? FV_NEAREST : FV_BILINEAR);
}

static fv_val halve(fv_graph *g, const unet *u, fv_val x)
{
    if (!u->blur)
        return fv_max_pool(g, x, 2, 0);
    return fv_blur_pool(g, fv_max_pool_padded(g, x, 2, 1, 0, 1), 3, 2, 0, 1);
}

/* What the network says of each channel. */
static fv_val answer(fv_graph *g, const unet *u, fv_val image, fv_val x)
{
    const fv_conv each = {.channels = u->out, .kernel = 1};
    fv_val mean = fv_convolve(g, "head", x, each);
    if (u->residual && u->in == u->out)
        mean = fv_add(g, mean, image);
    if (!u->probabilistic)
        return mean;
    fv_val scale = fv_softplus(g, fv_convolve(g, "scale", x, each), 1e-3f);
    return fv_concat(g, mean, scale);
}

static fv_val build(fv_graph *g, const void *config, fv_val image)
{
    const unet *u = config;
    fv_val x = image;
    fv_val skip[MAX_DEPTH];
    int narrow = strcmp(u->up, "transpose") != 0;

    for (int level = 0; level < u->depth; level++) {
        fv_push(g, "down%d", level);
        skip[level] = block(g, u, x, u->base << level, u->base << level);
        x = halve(g, u, skip[level]);
        fv_pop(g);
    }

    fv_push(g, "bottom");
    int wide = u->base << u->depth;
    x = block(g, u, x, wide, narrow ? wide / 2 : wide);
    if (u->dropout > 0)
        x = fv_dropout(g, x, (float)u->dropout);
    fv_pop(g);

    for (int level = u->depth - 1; level >= 0; level--) {
        int channels = u->base << level;
        fv_push(g, "up%d", level);
        x = enlarge(g, u, x, channels);
        if (level > 0 || u->top_skip)
            x = fv_concat(g, skip[level], x);
        x = block(g, u, x, channels, narrow && level ? channels / 2 : channels);
        fv_pop(g);
    }
    return answer(g, u, image, x);
}

static int multiple(const void *config)
{
    return 1 << ((const unet *)config)->depth;
}

const fv_arch fvi_arch_unet = {
    .name = "unet",
    .title = "U-Net",
    .cite = "arXiv:1505.04597",
    .size = sizeof(unet),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .build = build,
};
