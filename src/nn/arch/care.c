/*
 * The U-nets of image restoration, as their packages build them.
 *
 *   image > C C -------------- concat > C C > 1x1 > + image > answer
 *             pool > C C - concat > C C > up
 *                   pool > C C > up
 *
 * C is a convolution and a ReLU. Going up, what was enlarged comes before the
 * skip. Three rows share the file:
 *   care  adds the image; or answers mean and scale of each pixel
 *   n2v   normalizes; the first C of a level going up is as narrow as the top
 *   n2v2  normalizes; no skip at the top; blurs when it halves the sides
 * Sources: Weigert et al. 2018 (doi:10.1038/s41592-018-0216-7); Krull, Buchholz
 * & Jug 2019 (arXiv:1811.10980); Hoeck et al. 2022 (arXiv:2211.08512).
 */
#include "nn/arch/arch_internal.h"

enum { MAX_DEPTH = 7 };

typedef struct care {
    int in, out, base, depth, convs, kernel, residual, probabilistic;
    int batch_norm, narrow_up, top_skip, blur;
} care;

#define FIELDS(kernel_, residual_, batch_norm_, narrow_up_, top_skip_, blur_)  \
    {                                                                          \
        FV_INT(care, in, 1, 1, 64, "channels", "image channels"),              \
            FV_INT(care, out, 1, 1, 64, "channels", "restored channels"),      \
            FV_INT(care, base, 32, 1, 1024, "channels",                        \
                   "width at full resolution"),                                \
            FV_INT(care, depth, 2, 1, MAX_DEPTH, "levels",                     \
                   "number of halvings"),                                      \
            FV_INT(care, convs, 2, 1, 8, "", "convolutions per level"),        \
            FV_INT(care, kernel, kernel_, 1, 15, "px", "side of the kernels"), \
            FV_INT(care, residual, residual_, 0, 1, "",                        \
                   "add the image, where it has the channels of the answer"),  \
            FV_INT(care, probabilistic, 0, 0, 1, "",                           \
                   "answer the mean of each channel, then the scale of each"), \
            FV_INT(care, batch_norm, batch_norm_, 0, 1, "",                    \
                   "normalize after each convolution"),                        \
            FV_INT(care, narrow_up, narrow_up_, 0, 1, "",                      \
                   "first convolutions going up have the base width"),         \
            FV_INT(care, top_skip, top_skip_, 0, 1, "",                        \
                   "skip at full resolution"),                                 \
            FV_INT(care, blur, blur_, 0, 1, "", "blur when halving"), FV_END,  \
    }

static const fv_field care_fields[] = FIELDS(5, 1, 0, 0, 1, 0);
static const fv_field n2v_fields[] = FIELDS(5, 0, 1, 1, 1, 0);
static const fv_field n2v2_fields[] = FIELDS(3, 0, 1, 0, 0, 1);

/* As Keras writes it: eps 1e-3, momentum 0.99. */
static fv_val conv(fv_graph *g, const care *c, fv_val x, int i, int channels)
{
    fv_push(g, "conv%d", i);
    x = fv_convolve(g, "", x,
                    (fv_conv){.channels = channels, .kernel = c->kernel});
    if (c->batch_norm)
        x = fv_batch_norm_as(g, "norm", x, 1e-3f, 0.01f);
    fv_pop(g);
    return fv_relu(g, x);
}

static fv_val block(fv_graph *g, const care *c, fv_val x, int channels,
                    int last)
{
    for (int i = 1; i < c->convs; i++)
        x = conv(g, c, x, i, channels);
    return conv(g, c, x, c->convs, last);
}

static fv_val halve(fv_graph *g, const care *c, fv_val x)
{
    if (!c->blur)
        return fv_max_pool(g, x, 2, 0);
    return fv_blur_pool(g, fv_max_pool_padded(g, x, 2, 1, 0, 1), 3, 2, 0, 1);
}

static fv_val unet(fv_graph *g, const care *c, fv_val x)
{
    fv_val skip[MAX_DEPTH];
    for (int level = 0; level < c->depth; level++) {
        fv_push(g, "down%d", level);
        skip[level] = block(g, c, x, c->base << level, c->base << level);
        x = halve(g, c, skip[level]);
        fv_pop(g);
    }
    fv_push(g, "bottom");
    x = block(g, c, x, c->base << c->depth, c->base << (c->depth - 1));
    fv_pop(g);
    for (int level = c->depth - 1; level >= 0; level--) {
        int first = c->narrow_up ? c->base : c->base << level;
        fv_push(g, "up%d", level);
        x = fv_upsample(g, x, 2, FV_NEAREST);
        if (level > 0 || c->top_skip)
            x = fv_concat(g, x, skip[level]);
        x = block(g, c, x, first, c->base << (level ? level - 1 : 0));
        fv_pop(g);
    }
    return x;
}

static fv_val build(fv_graph *g, const void *config, fv_val image)
{
    const care *c = config;
    const fv_conv each = {.channels = c->out, .kernel = 1};
    fv_init_weights(g, FV_INIT_GLOROT);
    fv_val x = unet(g, c, image);
    fv_val mean = fv_convolve(g, "head", x, each);
    if (c->residual && c->in == c->out)
        mean = fv_add(g, mean, image);
    if (!c->probabilistic)
        return mean;
    fv_val scale = fv_softplus(g, fv_convolve(g, "scale", x, each), 1e-3f);
    return fv_concat(g, mean, scale);
}

static int multiple(const void *config)
{
    return 1 << ((const care *)config)->depth;
}

#define ROW(name_, title_, cite_)      \
    const fv_arch fvi_arch_##name_ = { \
        .name = #name_,                \
        .title = title_,               \
        .cite = cite_,                 \
        .size = sizeof(care),          \
        .fields = name_##_fields,      \
        .rank = 2,                     \
        .multiple = multiple,          \
        .build = build,                \
    };
ROW(care, "U-net of CARE", "doi:10.1038/s41592-018-0216-7")
ROW(n2v, "U-net of Noise2Void", "arXiv:1811.10980")
ROW(n2v2, "U-net of N2V2", "arXiv:2211.08512")
