/*
 * A linear layer: every output is a weighted sum of every input plus a bias.
 *   y = x W + b
 */
#include "nn/arch/arch_internal.h"

typedef struct linear {
    int in, out;
} linear;

static const fv_field fields[] = {
    FV_INT(linear, in, 1, 1, 1e8, "numbers", "inputs"),
    FV_INT(linear, out, 1, 1, 1e8, "numbers", "outputs"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const linear *l = config;
    return fv_linear(g, "linear", x, l->out);
}

const fv_arch fvi_arch_linear = {
    .name = "linear",
    .title = "one linear layer",
    .cite = "Gauss 1809",
    .size = sizeof(linear),
    .fields = fields,
    .rank = 0,
    .build = build,
};
