/*
 * Multilayer perceptron: linear layers with a rectifier between them.
 *   h1 = relu(x W1 + b1),  h2 = relu(h1 W2 + b2),  ...,  y = h W + b
 * x is a vector or, in mlp_image, every number of an image in a row; then each
 * hidden number has a weight of its own for each number of the image.
 * Source: Rumelhart, Hinton & Williams 1986 (training by back-propagation).
 */
#include "nn/arch/arch_internal.h"

#include <stdlib.h>

/* ---- layers ---- */

typedef struct layers {
    const char *hidden; /* widths: "64-32" */
    double dropout;
    int out;
} layers;

static fv_val add_layers(fv_graph *g, layers l, fv_val x)
{
    const char *next = l.hidden ? l.hidden : "";
    for (int layer = 1; *next; layer++) {
        char *end;
        long width = strtol(next, &end, 10);
        if (end == next || width < 1 || width > 100000000)
            width = 0; /* fv_linear names the layer */
        fv_push(g, "hidden%d", layer);
        x = fv_relu(g, fv_linear(g, "", x, (int)width));
        if (l.dropout > 0)
            x = fv_dropout(g, x, (float)l.dropout);
        fv_pop(g);
        next = width ? end + (*end == ',' || *end == '-') : "";
    }
    return fv_linear(g, "out", x, l.out);
}

#define HIDDEN(T)                                                      \
    FV_TEXT(T, hidden, "64", "widths of the hidden layers, as 64-32"), \
        FV_REAL(T, dropout, 0, 0, 0.95, "", "share of hidden values dropped")

/* ---- of a vector ---- */

typedef struct mlp {
    int in, out;
    const char *hidden;
    double dropout;
} mlp;

static const fv_field fields[] = {
    FV_INT(mlp, in, 2, 1, 1e8, "numbers", "inputs"),
    FV_INT(mlp, out, 1, 1, 1e8, "numbers", "outputs"),
    HIDDEN(mlp),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const mlp *m = config;
    return add_layers(g, (layers){m->hidden, m->dropout, m->out}, x);
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

/* ---- of an image ---- */

typedef struct mlp_image {
    int in, out, side;
    const char *hidden;
    double dropout;
} mlp_image;

static const fv_field image_fields[] = {
    FV_INT(mlp_image, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(mlp_image, out, 10, 1, 65536, "classes", "classes told apart"),
    FV_INT(mlp_image, side, 28, 1, 4096, "px", "side of the image"),
    HIDDEN(mlp_image),
    FV_END,
};

static fv_val build_image(fv_graph *g, const void *config, fv_val x)
{
    const mlp_image *m = config;
    return add_layers(g, (layers){m->hidden, m->dropout, m->out},
                      fv_flatten(g, x));
}

static int side(const void *config)
{
    return ((const mlp_image *)config)->side;
}

const fv_arch fvi_arch_mlp_image = {
    .name = "mlp_image",
    .title = "multilayer perceptron of an image",
    .cite = "Rumelhart, Hinton & Williams 1986",
    .size = sizeof(mlp_image),
    .fields = image_fields,
    .rank = 2,
    .side = side,
    .build = build_image,
};
