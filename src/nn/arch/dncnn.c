/*
 * DnCNN: a plain stack of convolutions that finds the noise, which is then
 * taken off.
 *
 *   image > C > C norm > ... > C norm > conv > noise,  answer = image - noise
 *
 * C is a 3x3 convolution and a ReLU (behind the norm, where there is one).
 * Source: Zhang, Zuo, Chen, Meng & Zhang 2017 (arXiv:1608.03981): depth 17
 * for one noise level, 20 for a range of them.
 */
#include "nn/arch/arch_internal.h"

typedef struct dncnn {
    int in, out, depth, width, batch_norm, residual;
} dncnn;

static const fv_field fields[] = {
    FV_INT(dncnn, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(dncnn, out, 1, 1, 64, "channels", "output channels"),
    FV_INT(dncnn, depth, 17, 2, 128, "layers", "convolutions in all"),
    FV_INT(dncnn, width, 64, 1, 1024, "channels", "width of the convolutions"),
    FV_INT(dncnn, batch_norm, 1, 0, 1, "",
           "normalize in all layers but the first and last"),
    FV_INT(dncnn, residual, 1, 0, 1, "",
           "subtract the result from the image; out = in then"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val image)
{
    const dncnn *d = config;
    fv_val x = image;
    for (int i = 1; i < d->depth; i++) {
        int norm = d->batch_norm && i > 1;
        fv_push(g, "conv%d", i);
        x = fv_convolve(g, "", x,
                        (fv_conv){.channels = d->width, .no_bias = norm});
        if (norm)
            x = fv_batch_norm(g, "norm", x);
        x = fv_relu(g, x);
        fv_pop(g);
    }
    x = fv_convolve(g, "head", x, (fv_conv){.channels = d->out});
    return d->residual ? fv_add(g, image, fv_scale(g, x, -1)) : x;
}

const fv_arch fvi_arch_dncnn = {
    .name = "dncnn",
    .title = "DnCNN",
    .cite = "arXiv:1608.03981",
    .size = sizeof(dncnn),
    .fields = fields,
    .rank = 2,
    .build = build,
};
