/*
 * Feature pyramid network: a ResNet sees further and coarser from stage to
 * stage; on the way back, what is known at a coarse level is added to each
 * finer one, and all levels have a say in every pixel.
 *
 *   stage 4 > 1x1 ------------------> 3x3 > C up C up C up --+
 *                  up                                         |
 *   stage 3 > 1x1 - + --------------> 3x3 > C up C up -----  +
 *                      up                                     |
 *   stage 2 > 1x1 ----- + ----------> 3x3 > C up ----------  +
 *                          up                                 |
 *   stage 1 > 1x1 --------- + ------> 3x3 > C -------------  + > 1x1 > up
 *
 * C is a 3x3 convolution, batch norm and ReLU. Sources: Lin et al. 2017
 * (arXiv:1612.03144) for the pyramid; Kirillov et al. 2019 (arXiv:1901.02446),
 * figure 3, for the head, with batch norm for group norm.
 */
#include "nn/arch/arch_internal.h"

typedef struct fpn {
    int in, out, channels, head;
    const char *depth;
    int width, stem_kernel, stem_stride, stem_pool;
} fpn;

static const fv_field fields[] = {
    FV_INT(fpn, in, 3, 1, 64, "channels", "image channels"),
    FV_INT(fpn, out, 2, 1, 256, "channels", "output channels"),
    FV_INT(fpn, channels, 256, 1, 4096, "channels", "width of the pyramid"),
    FV_INT(fpn, head, 128, 1, 4096, "channels", "width of the head"),
    FV_CHOICE(fpn, depth, "50", "18|34|50|101|152", "layers of the ResNet"),
    FV_INT(fpn, width, 64, 1, 1024, "channels", "width of its first stage"),
    FV_INT(fpn, stem_kernel, 7, 1, 15, "px", "side of the first kernel"),
    FV_INT(fpn, stem_stride, 2, 1, 4, "px", "step of the first convolution"),
    FV_INT(fpn, stem_pool, 1, 0, 1, "", "pool after the first convolution"),
    FV_END,
};

/* Stage 1 is so many times smaller than the image. */
static int shrink(const fpn *f)
{
    return f->stem_stride * (f->stem_pool ? 2 : 1);
}

/* From the coarsest level to the finest. */
static void pyramid(fv_graph *g, const fpn *f, fv_val map[4])
{
    const fv_conv lateral = {.channels = f->channels, .kernel = 1};
    const fv_conv smooth = {.channels = f->channels};
    for (int i = 3; i >= 0; i--) {
        fv_push(g, "pyramid%d", i + 1);
        fv_val x = fv_convolve(g, "lateral", map[i], lateral);
        map[i] = i == 3
                     ? x
                     : fv_add(g, x, fv_upsample(g, map[i + 1], 2, FV_NEAREST));
        fv_pop(g);
    }
    for (int i = 0; i < 4; i++) {
        fv_push(g, "pyramid%d", i + 1);
        map[i] = fv_convolve(g, "smooth", map[i], smooth);
        fv_pop(g);
    }
}

/* Level i at the resolution of level 0. */
static fv_val refine(fv_graph *g, const fpn *f, fv_val x, int level)
{
    for (int i = 1; i <= (level ? level : 1); i++) {
        fv_push(g, "head%d/conv%d", level + 1, i);
        x = fv_convolve(g, "", x, (fv_conv){.channels = f->head, .no_bias = 1});
        x = fv_relu(g, fv_batch_norm(g, "norm", x));
        fv_pop(g);
        if (level)
            x = fv_upsample(g, x, 2, FV_BILINEAR);
    }
    return x;
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const fpn *f = config;
    fv_val map[4];
    fvi_resnet_maps(g,
                    &(fvi_resnet){f->depth, f->width, f->stem_kernel,
                                  f->stem_stride, f->stem_pool},
                    x, map);
    pyramid(g, f, map);
    x = refine(g, f, map[0], 0);
    for (int i = 1; i < 4; i++)
        x = fv_add(g, x, refine(g, f, map[i], i));
    x = fv_convolve(g, "out", x, (fv_conv){.channels = f->out, .kernel = 1});
    return shrink(f) == 1 ? x : fv_upsample(g, x, shrink(f), FV_BILINEAR);
}

static int multiple(const void *config)
{
    return 8 * shrink(config);
}

const fv_arch fvi_arch_fpn = {
    .name = "fpn",
    .title = "feature pyramid network",
    .cite = "arXiv:1612.03144",
    .size = sizeof(fpn),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .build = build,
};
