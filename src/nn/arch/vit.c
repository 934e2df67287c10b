/*
 * Vision transformer: the image cut into patches, each a token, that attend to
 * each other from the first layer on.
 *
 *   image > patches > [class token] + positions > block ... block > norm >
 *   class token or mean > linear > answer
 *
 * Source: Dosovitskiy et al. 2021 (arXiv:2010.11929).
 */
#include "nn/arch/transformer.h"

typedef struct vit {
    int in, out;
    const char *size, *pool;
    int side, patch, width, depth, heads;
    double drop_path, layer_scale;
} vit;

static const fv_field fields[] = {
    FV_INT(vit, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(vit, out, 1000, 1, 65536, "classes", "classes told apart"),
    FV_CHOICE(vit, size, "B", "Ti|S|B|L|H",
              "width, depth and heads: tiny, small, base, large, huge"),
    FV_CHOICE(vit, pool, "token", "token|mean",
              "what is classified: a class token, or the mean of all tokens"),
    FV_INT(vit, side, 224, 8, 4096, "px", "side of the image"),
    FV_INT(vit, patch, 16, 1, 256, "px", "side of a patch; divides the side"),
    FV_INT(vit, width, 0, 0, 65536, "channels", "of a token; 0: by size"),
    FV_INT(vit, depth, 0, 0, 256, "blocks", "0: by size"),
    FV_INT(vit, heads, 0, 0, 1024, "", "divides the width; 0: by size"),
    FV_REAL(vit, drop_path, 0, 0, 0.95, "",
            "rate of stochastic depth of the last block, from 0 at the first"),
    FV_REAL(vit, layer_scale, 0, 0, 1, "",
            "where the scales of branches start; 0: there are none"),
    FV_END,
};

/* Tokens (N,T,C) of a map. */
static fv_val tokens(fv_graph *g, const vit *v, fv_val x, int width)
{
    x = fv_convolve(g, "patches", x,
                    (fv_conv){.channels = width,
                              .kernel = v->patch,
                              .stride = v->patch,
                              .valid = 1});
    x = fv_reshape(g, x, 2, (int64_t[]){-1, width});
    if (strcmp(v->pool, "token") == 0)
        x = fv_prepend(g, "class", x, 1);
    return fv_add_positions(g, "positions", x);
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const vit *v = config;
    fvi_vit_size s = fvi_vit_size_of(v->size, v->width, v->depth, v->heads);
    fvi_block b = {.attention = {.heads = s.heads},
                   .mlp = 4 * s.width,
                   .eps = 1e-6f,
                   .scale = (float)v->layer_scale};
    x = tokens(g, v, x, s.width);
    for (int i = 0; i < s.depth; i++) {
        fv_push(g, "block%d", i + 1);
        b.drop = fvi_drop_rate(v->drop_path, i, s.depth);
        x = fvi_transformer_block(g, &b, x);
        fv_pop(g);
    }
    x = fv_layer_norm(g, "norm", x, b.eps);
    x = strcmp(v->pool, "token") == 0 ? fv_take_tokens(g, x, 0, 1)
                                      : fv_global_avg_pool(g, x);
    return fv_linear(g, "head", x, v->out);
}

static int side(const void *config)
{
    return ((const vit *)config)->side;
}

const fv_arch fvi_arch_vit = {
    .name = "vit",
    .title = "vision transformer",
    .cite = "arXiv:2010.11929",
    .size = sizeof(vit),
    .fields = fields,
    .rank = 2,
    .side = side,
    .build = build,
};
