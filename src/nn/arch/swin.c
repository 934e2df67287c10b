/*
 * Swin transformer: attention within windows that every other block moves by
 * half a window, so that neighbors meet; four stages, each with half the side
 * and twice the channels of the one before.
 *
 *   image > patches of 4 > stage 1 > merge > stage 2 > merge > stage 3 >
 *   merge > stage 4 > norm > mean > linear > answer
 *
 * Merging joins the channels of 2x2 neighbors and halves them.
 * Source: Liu et al. 2021 (arXiv:2103.14030).
 */
#include "nn/arch/transformer.h"

typedef struct swin {
    int in, out;
    const char *size;
    int patch, window, width, heads;
    double drop_path;
} swin;

static const fv_field fields[] = {
    FV_INT(swin, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(swin, out, 1000, 1, 65536, "classes", "classes told apart"),
    FV_CHOICE(swin, size, "T", "T|S|B|nano",
              "width and depth: tiny, small, base; nano to try things out"),
    FV_INT(swin, patch, 4, 1, 64, "px", "side of a patch"),
    FV_INT(swin, window, 7, 2, 64, "patches", "side of the windows"),
    FV_INT(swin, width, 0, 0, 4096, "channels",
           "of the first stage; 0: by size"),
    FV_INT(swin, heads, 0, 0, 256, "",
           "of the first stage, divides the width; 0: by size"),
    FV_REAL(swin, drop_path, 0, 0, 0.95, "",
            "rate of stochastic depth of the last block, from 0 at the first"),
    FV_END,
};

typedef struct sizes {
    const char *name;
    int width, heads, blocks[4];
} sizes;

/* Source: Liu et al. 2021, section 3.3. */
static const sizes all[] = {
    {"T", 96, 3, {2, 2, 6, 2}},
    {"S", 96, 3, {2, 2, 18, 2}},
    {"B", 128, 4, {2, 2, 18, 2}},
    {"nano", 24, 1, {2, 2, 2, 2}},
};
enum { STAGES = 4, SIZES = sizeof all / sizeof *all };

/* (N,H,W,C) -> (N,H/2,W/2,2C); an odd side gets a row of zeros. */
static fv_val merge(fv_graph *g, fv_val x)
{
    int C = fv_channels(g, x);
    x = fv_pixel_unshuffle(g, fv_pad(g, x, 2), 2);
    x = fv_layer_norm(g, "norm", x, 1e-5f);
    return fv_linear_no_bias(g, "linear", x, 2 * C);
}

static fv_val stage(fv_graph *g, const swin *s, fv_val x, int heads, int blocks,
                    int before, int depth)
{
    for (int i = 0; i < blocks; i++) {
        fvi_block b = {.attention = {.heads = heads,
                                     .window = s->window,
                                     .shift = i % 2 ? s->window / 2 : 0,
                                     .by_distance = 1},
                       .mlp = 4 * fv_channels(g, x),
                       .eps = 1e-5f,
                       .drop = fvi_drop_rate(s->drop_path, before + i, depth)};
        fv_push(g, "block%d", i + 1);
        x = fvi_transformer_block(g, &b, x);
        fv_pop(g);
    }
    return x;
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const swin *s = config;
    const sizes *z = all;
    while (z < all + SIZES - 1 && strcmp(z->name, s->size) != 0)
        z++;
    int width = s->width ? s->width : z->width, before = 0, depth = 0;
    for (int i = 0; i < STAGES; i++)
        depth += z->blocks[i];
    x = fv_convolve(g, "patches", x,
                    (fv_conv){.channels = width,
                              .kernel = s->patch,
                              .stride = s->patch,
                              .valid = 1});
    x = fv_layer_norm(g, "patches/norm", x, 1e-5f);
    for (int i = 0; i < STAGES; i++) {
        int heads = (s->heads ? s->heads : z->heads) << i;
        fv_push(g, "stage%d", i + 1);
        if (i > 0) {
            fv_push(g, "merge");
            x = merge(g, x);
            fv_pop(g);
        }
        x = stage(g, s, x, heads, z->blocks[i], before, depth);
        before += z->blocks[i];
        fv_pop(g);
    }
    x = fv_global_avg_pool(g, fv_layer_norm(g, "norm", x, 1e-5f));
    return fv_linear(g, "head", x, s->out);
}

static int multiple(const void *config)
{
    return ((const swin *)config)->patch;
}

const fv_arch fvi_arch_swin = {
    .name = "swin",
    .title = "Swin transformer",
    .cite = "arXiv:2103.14030",
    .size = sizeof(swin),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .build = build,
};
