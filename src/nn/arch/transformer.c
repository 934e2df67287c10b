/*
 * The block of a transformer: attention moves what is known between places,
 * two linear layers rework it at each place; both are added to what was there.
 *   x <- x + out(attention(qkv(norm(x))))
 *   x <- x + out(gelu(in(norm(x))))
 * Source: Vaswani et al. 2017 (arXiv:1706.03762), with the norms before, as in
 * Dosovitskiy et al. 2021 (arXiv:2010.11929), equations 2 and 3.
 */
#include "nn/arch/transformer.h"

/* What a branch gives is scaled and, while training, now and then dropped. */
static fv_val join(fv_graph *g, const fvi_block *b, fv_val x, fv_val branch)
{
    if (b->scale > 0)
        branch = fv_layer_scale(g, "scale", branch, b->scale);
    if (b->drop > 0)
        branch = fv_drop_path(g, branch, b->drop);
    return fv_add(g, x, branch);
}

static fv_val attention(fv_graph *g, const fvi_block *b, fv_val x)
{
    int C = fv_channels(g, x);
    fv_val y = fv_layer_norm(g, "norm", x, b->eps);
    if (b->attention.window)
        y = fv_pad(g, y, b->attention.window);
    y = fv_attend_to_self(g, "", fv_linear(g, "qkv", y, 3 * C), b->attention);
    if (b->attention.window)
        y = fv_crop(g, y, x);
    return join(g, b, x, fv_linear(g, "out", y, C));
}

static fv_val mlp(fv_graph *g, const fvi_block *b, fv_val x)
{
    fv_val y = fv_layer_norm(g, "norm", x, b->eps);
    y = fv_gelu(g, fv_linear(g, "in", y, b->mlp));
    return join(g, b, x, fv_linear(g, "out", y, fv_channels(g, x)));
}

fv_val fvi_transformer_block(fv_graph *g, const fvi_block *b, fv_val x)
{
    fv_push(g, "attention");
    x = attention(g, b, x);
    fv_pop(g);
    fv_push(g, "mlp");
    x = mlp(g, b, x);
    fv_pop(g);
    return x;
}

/* Source: Dosovitskiy et al. 2021, table 1; Ti and S: Touvron et al. 2021
 * (arXiv:2012.12877), table 1. */
fvi_vit_size fvi_vit_size_of(const char *name, int width, int depth, int heads)
{
    static const struct {
        const char *name;
        fvi_vit_size size;
    } sizes[] = {{"Ti", {192, 12, 3}},
                 {"S", {384, 12, 6}},
                 {"B", {768, 12, 12}},
                 {"L", {1024, 24, 16}},
                 {"H", {1280, 32, 16}}};
    fvi_vit_size s = sizes[0].size;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(sizes[i].name, name) == 0)
            s = sizes[i].size;
    s.width = width ? width : s.width;
    s.depth = depth ? depth : s.depth;
    s.heads = heads ? heads : s.heads;
    return s;
}

float fvi_drop_rate(double last, int i, int depth)
{
    return depth > 1 ? (float)(last * i / (depth - 1)) : (float)last;
}
