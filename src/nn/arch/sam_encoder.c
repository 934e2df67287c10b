/*
 * The image encoder of Segment Anything: a vision transformer that keeps the
 * grid. Most blocks attend within windows, every global-th among all patches;
 * positions enter as a map that is added, and in every block by distance along
 * rows and columns.
 *
 *   image > patches + positions > block ... block > neck > answer
 *
 * The neck is 1x1 and 3x3 convolutions, each with layer norm.
 * Source: Kirillov et al. 2023 (arXiv:2304.02643), appendix A; the backbone:
 * Li et al. 2022 (arXiv:2203.16527).
 */
#include "nn/arch/transformer.h"

typedef struct sam_encoder {
    int in, out;
    const char *size;
    int side, patch, window, width, depth, heads;
    double drop_path;
} sam_encoder;

static const fv_field fields[] = {
    FV_INT(sam_encoder, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(sam_encoder, out, 256, 1, 65536, "channels", "of the neck"),
    FV_CHOICE(sam_encoder, size, "B", "Ti|S|B|L|H",
              "width, depth and heads: tiny, small, base, large, huge"),
    FV_INT(sam_encoder, side, 1024, 8, 4096, "px", "side of the image"),
    FV_INT(sam_encoder, patch, 16, 1, 256, "px",
           "side of a patch; divides the side"),
    FV_INT(sam_encoder, window, 14, 0, 256, "patches",
           "side of the windows; 0: every block sees all"),
    FV_INT(sam_encoder, width, 0, 0, 65536, "channels",
           "of a patch; 0: by size"),
    FV_INT(sam_encoder, depth, 0, 0, 256, "blocks",
           "every quarter of them ends in a global one; 0: by size"),
    FV_INT(sam_encoder, heads, 0, 0, 1024, "", "divides the width; 0: by size"),
    FV_REAL(sam_encoder, drop_path, 0, 0, 0.95, "",
            "rate of stochastic depth of the last block, from 0 at the first"),
    FV_END,
};

static fv_val norm_of_neck(fv_graph *g, const char *name, fv_val x,
                           int channels, int kernel)
{
    fv_push(g, "%s", name);
    x = fv_convolve(
        g, "", x,
        (fv_conv){.channels = channels, .kernel = kernel, .no_bias = 1});
    x = fv_layer_norm(g, "norm", x, 1e-6f);
    fv_pop(g);
    return x;
}

fv_val fvi_sam_encode(fv_graph *g, const fvi_sam *s, fv_val x)
{
    x = fv_convolve(g, "patches", x,
                    (fv_conv){.channels = s->size.width,
                              .kernel = s->patch,
                              .stride = s->patch,
                              .valid = 1});
    x = fv_add_positions(g, "positions", x);
    for (int i = 0; i < s->size.depth; i++) {
        bool global = s->global > 0 && (i + 1) % s->global == 0;
        fvi_block b = {.attention = {.heads = s->size.heads,
                                     .window = global ? 0 : s->window,
                                     .by_axis = 1,
                                     .rows = global ? s->global_rows : s->rows},
                       .mlp = 4 * s->size.width,
                       .eps = 1e-6f,
                       .drop = fvi_drop_rate(s->drop, i, s->size.depth)};
        fv_push(g, "block%d", i + 1);
        x = fvi_transformer_block(g, &b, x);
        fv_pop(g);
    }
    x = norm_of_neck(g, "neck1", x, s->neck, 1);
    return norm_of_neck(g, "neck2", x, s->neck, 3);
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const sam_encoder *c = config;
    fvi_sam s = {.size = fvi_vit_size_of(c->size, c->width, c->depth, c->heads),
                 .patch = c->patch,
                 .window = c->window,
                 .neck = c->out,
                 .drop = c->drop_path};
    s.global = s.size.depth >= 4 ? s.size.depth / 4 : 1;
    return fvi_sam_encode(g, &s, x);
}

static int side(const void *config)
{
    return ((const sam_encoder *)config)->side;
}

const fv_arch fvi_arch_sam_encoder = {
    .name = "sam_encoder",
    .title = "image encoder of Segment Anything",
    .cite = "arXiv:2304.02643",
    .size = sizeof(sam_encoder),
    .fields = fields,
    .rank = 2,
    .side = side,
    .build = build,
};
