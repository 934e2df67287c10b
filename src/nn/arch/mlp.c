/*
 * Multilayer perceptron: linear layers with a rectifier between them.
 *   h1 = relu(x W1 + b1),  h2 = relu(h1 W2 + b2),  ...,  y = h W + b
 * Source: Rumelhart, Hinton & Williams 1986 (training by back-propagation).
 */
#include "nn/arch/arch_internal.h"

#include <stdlib.h>

typedef struct mlp {
    int in, out;
    const char *hidden; /* widths of the hidden layers: "64,32" */
    double dropout;
} mlp;

static const fv_field fields[] = {
    FV_INT(mlp, in, 2, 1, 1e8, "numbers", "inputs"),
    FV_INT(mlp, out, 1, 1, 1e8, "numbers", "outputs"),
    FV_TEXT(mlp, hidden, "64", "widths of the hidden layers, as 64,32"),
    FV_REAL(mlp, dropout, 0, 0, 0.95, "", "share of hidden values dropped"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const mlp *m = config;
    const char *next = m->hidden ? m->hidden : "";
    for (int layer = 1; *next; layer++) {
        char *end;
        long width = strtol(next, &end, 10);
        if (end == next || width < 1 || width > 100000000)
            width = 0; /* fv_linear names the layer */
        fv_push(g, "hidden%d", layer);
        x = fv_relu(g, fv_linear(g, "", x, (int)width));
        if (m->dropout > 0)
            x = fv_dropout(g, x, (float)m->dropout);
        fv_pop(g);
        next = width ? end + (*end == ',') : "";
    }
    return fv_linear(g, "out", x, m->out);
}

const fv_arch fvi_arch_mlp = {
    .name = "mlp",
    .title = "multilayer perceptron",
    .cite = "Rumelhart, Hinton & Williams 1986",
    .size = sizeof(mlp),
    .fields = fields,
    .rank = 0,
    .build = build,
};
