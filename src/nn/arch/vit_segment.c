/*
 * A vision transformer that answers pixel by pixel, as Cellpose-SAM does: the
 * encoder of Segment Anything with attention among all patches, and a head
 * that gives every patch its pixels at once.
 *
 *   image > encoder > 1x1 to patch^2 channels per map > pixel shuffle > answer
 *
 * size=L, side=256, patch=8, tables=sam is the network of Cellpose-SAM with
 * its 304,592,064 numbers.
 * Source: Pachitariu, Rariden & Stringer 2025 (doi:10.1101/2025.04.28.651001).
 */
#include "nn/arch/transformer.h"

typedef struct vit_segment {
    int in, out;
    const char *size, *tables;
    int side, patch, window, neck, width, depth, heads;
    double drop_path;
} vit_segment;

static const fv_field fields[] = {
    FV_INT(vit_segment, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(vit_segment, out, 3, 1, 256, "channels", "output channels"),
    FV_CHOICE(vit_segment, size, "Ti", "Ti|S|B|L|H",
              "width, depth and heads: tiny, small, base, large, huge"),
    FV_CHOICE(vit_segment, tables, "own", "own|sam",
              "position tables: a row per distance, or 27 and, in every "
              "quarter's last block, 127 rows to read from in between"),
    FV_INT(vit_segment, side, 256, 8, 4096, "px", "side of the image"),
    FV_INT(vit_segment, patch, 8, 1, 256, "px",
           "side of a patch; divides the side"),
    FV_INT(vit_segment, window, 0, 0, 256, "patches",
           "side of the windows of attention; 0: every block sees all"),
    FV_INT(vit_segment, neck, 256, 1, 65536, "channels",
           "of a patch before the head"),
    FV_INT(vit_segment, width, 0, 0, 65536, "channels",
           "of a patch; 0: by size"),
    FV_INT(vit_segment, depth, 0, 0, 256, "blocks", "0: by size"),
    FV_INT(vit_segment, heads, 0, 0, 1024, "", "divides the width; 0: by size"),
    FV_REAL(vit_segment, drop_path, 0, 0, 0.95, "",
            "rate of stochastic depth of the last block, from 0 at the first"),
    FV_END,
};

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const vit_segment *v = config;
    bool stretched = strcmp(v->tables, "sam") == 0;
    fvi_sam s = {.size = fvi_vit_size_of(v->size, v->width, v->depth, v->heads),
                 .patch = v->patch,
                 .window = v->window,
                 .rows = stretched ? 27 : 0,
                 .global_rows = stretched ? 127 : 0,
                 .neck = v->neck,
                 .drop = v->drop_path};
    s.global = s.size.depth >= 4 ? s.size.depth / 4 : 1;
    x = fvi_sam_encode(g, &s, x);
    x = fv_convolve(
        g, "head", x,
        (fv_conv){.channels = v->out * v->patch * v->patch, .kernel = 1});
    return fv_pixel_shuffle(g, x, v->patch);
}

static int side(const void *config)
{
    return ((const vit_segment *)config)->side;
}

static int multiple(const void *config)
{
    return ((const vit_segment *)config)->patch;
}

const fv_arch fvi_arch_vit_segment = {
    .name = "vit_segment",
    .title = "vision transformer that answers pixel by pixel",
    .cite = "doi:10.1101/2025.04.28.651001",
    .size = sizeof(vit_segment),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .side = side,
    .build = build,
};
