/*
 * One convolution: the same small weighted sum at every place of the image.
 */
#include "nn/arch/arch_internal.h"

typedef struct conv {
    int in, out, kernel, stride, dilation;
} conv;

static const fv_field fields[] = {
    FV_INT(conv, in, 1, 1, 65536, "channels", "image channels"),
    FV_INT(conv, out, 1, 1, 65536, "channels", "output channels"),
    FV_INT(conv, kernel, 3, 1, 255, "px", "side of the kernel"),
    FV_INT(conv, stride, 1, 1, 64, "px", "step of the kernel"),
    FV_INT(conv, dilation, 1, 1, 64, "px", "distance between kernel taps"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const conv *c = config;
    return fv_convolve(g, "conv", x,
                       (fv_conv){.channels = c->out,
                                 .kernel = c->kernel,
                                 .stride = c->stride,
                                 .dilation = c->dilation});
}

const fv_arch fvi_arch_conv = {
    .name = "conv",
    .title = "one convolution",
    .cite = "arXiv:1603.07285",
    .size = sizeof(conv),
    .fields = fields,
    .rank = 2,
    .build = build,
};
