/*
 * LeNet, the network that learned to read digits: two rounds of looking for
 * small patterns and forgetting where exactly they were, then two linear
 * layers.
 *
 *   image > C 6 > pool > C 16 > pool > linear > linear > answer
 *
 * C is a 5x5 convolution without padding and a ReLU.
 * Source: LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86:2278, with
 * rectifiers, the largest of 2x2 and one hidden linear layer.
 */
#include "nn/arch/arch_internal.h"

typedef struct lenet {
    int in, out, side, maps1, maps2, hidden;
} lenet;

static const fv_field fields[] = {
    FV_INT(lenet, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(lenet, out, 10, 1, 65536, "classes", "classes told apart"),
    FV_INT(lenet, side, 28, 16, 1024, "px", "side of the image"),
    FV_INT(lenet, maps1, 6, 1, 1024, "channels", "of the first convolution"),
    FV_INT(lenet, maps2, 16, 1, 1024, "channels", "of the second"),
    FV_INT(lenet, hidden, 120, 1, 65536, "numbers",
           "width of the first linear layer"),
    FV_END,
};

static fv_val stage(fv_graph *g, const char *name, fv_val x, int maps)
{
    x = fv_convolve(g, name, x,
                    (fv_conv){.channels = maps, .kernel = 5, .valid = 1});
    return fv_max_pool(g, fv_relu(g, x), 2, 0);
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const lenet *l = config;
    const int64_t left = ((l->side - 4) / 2 - 4) / 2;
    x = stage(g, "conv1", x, l->maps1);
    x = stage(g, "conv2", x, l->maps2);
    x = fv_reshape(g, x, 1, (int64_t[]){left * left * l->maps2});
    x = fv_relu(g, fv_linear(g, "hidden", x, l->hidden));
    return fv_linear(g, "out", x, l->out);
}

static int side(const void *config)
{
    return ((const lenet *)config)->side;
}

const fv_arch fvi_arch_lenet = {
    .name = "lenet",
    .title = "LeNet",
    .cite = "LeCun et al. 1998, doi:10.1109/5.726791",
    .size = sizeof(lenet),
    .fields = fields,
    .rank = 2,
    .side = side,
    .build = build,
};
