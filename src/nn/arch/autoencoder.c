/*
 * Autoencoder: the image through the eye of a needle and back. What survives
 * is a short description of it, the output "bottleneck".
 *
 *   image > C C C > linear > bottleneck > linear > up C up C up C > answer
 *
 * C is a 3x3 convolution and a ReLU; going down it halves the sides and
 * doubles the channels, going up the other way round.
 * Source: Hinton & Salakhutdinov 2006, Science 313:504, with convolutions.
 */
#include "graph/graph_internal.h"
#include "nn/arch/arch_internal.h"

enum { MAX_DEPTH = 7 };

typedef struct autoencoder {
    int in, out, side, base, depth, bottleneck;
} autoencoder;

static const fv_field fields[] = {
    FV_INT(autoencoder, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(autoencoder, out, 1, 1, 64, "channels", "output channels"),
    FV_INT(autoencoder, side, 64, 2, 1024, "px", "side of the image"),
    FV_INT(autoencoder, base, 16, 1, 1024, "channels",
           "width after the first halving"),
    FV_INT(autoencoder, depth, 3, 1, MAX_DEPTH, "levels", "number of halvings"),
    FV_INT(autoencoder, bottleneck, 16, 1, 65536, "numbers",
           "numbers that describe an image"),
    FV_END,
};

static fv_val conv(fv_graph *g, fv_val x, int channels, int stride)
{
    fv_conv o = {.channels = channels, .stride = stride};
    return fv_relu(g, fv_convolve(g, "", x, o));
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const autoencoder *a = config;
    const int64_t left = a->side >> a->depth;
    const int64_t wide = (int64_t)a->base << (a->depth - 1);
    if (a->side % (1 << a->depth) != 0)
        return fvi_graph_fail(g, FV_EINVAL,
                              "side is %d, expected a multiple of %d for depth "
                              "%d",
                              a->side, 1 << a->depth, a->depth);

    for (int level = 0; level < a->depth; level++) {
        fv_push(g, "down%d", level);
        x = conv(g, x, a->base << level, 2);
        fv_pop(g);
    }
    x = fv_reshape(g, x, 1, (int64_t[]){left * left * wide});
    x = fv_linear(g, "bottleneck", x, a->bottleneck);
    fv_output(g, "bottleneck", x);

    x = fv_relu(g, fv_linear(g, "expand", x, (int)(left * left * wide)));
    x = fv_reshape(g, x, 3, (int64_t[]){left, left, wide});
    for (int level = a->depth - 1; level >= 0; level--) {
        fv_push(g, "up%d", level);
        x = conv(g, fv_upsample(g, x, 2, FV_NEAREST),
                 a->base << (level ? level - 1 : 0), 1);
        fv_pop(g);
    }
    return fv_convolve(g, "head", x, (fv_conv){.channels = a->out});
}

static int multiple(const void *config)
{
    return 1 << ((const autoencoder *)config)->depth;
}

static int side(const void *config)
{
    return ((const autoencoder *)config)->side;
}

const fv_arch fvi_arch_autoencoder = {
    .name = "autoencoder",
    .title = "autoencoder",
    .cite = "Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647",
    .size = sizeof(autoencoder),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .side = side,
    .build = build,
};
