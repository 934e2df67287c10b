/*
 * StarDist: a U-Net that answers, for every cell of a grid, how central the
 * cell is in its object (a logit) and how far the outline is along each ray.
 *
 *   image  > [C C pool] > C C --------------- concat > C C > F > prob, dist
 *             per halving   pool > C C - concat > C C > up
 *             of the grid         pool > C C > up
 *
 * C is a convolution and ReLU, without a norm. The last one of the middle and
 * of each level going up halves the channels before they are enlarged; what
 * was enlarged comes first in the concatenation. F is one wide convolution.
 * With classes, a second one leads to their logits, background first. Names
 * are those of the published weights.
 * Source: Schmidt et al. 2018 (arXiv:1806.03535), section 2.
 */
#include "nn/arch/arch_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_DEPTH = 7 };

typedef struct stardist {
    int in, out, classes, depth, base, convs, features;
    const char *grid;
} stardist;

static const fv_field fields[] = {
    FV_INT(stardist, in, 1, 1, 64, "channels", "image channels"),
    FV_INT(stardist, out, 33, 2, 512, "channels",
           "output channels: 1 + rays, and 1 + classes when there are any"),
    FV_INT(stardist, classes, 0, 0, 64, "",
           "kinds of objects, 0: no such head"),
    FV_CHOICE(stardist, grid, "1", "1|2|4|8", "image px per answer"),
    FV_INT(stardist, depth, 3, 1, MAX_DEPTH, "levels", "number of halvings"),
    FV_INT(stardist, base, 32, 1, 1024, "channels", "width of the first level"),
    FV_INT(stardist, convs, 2, 1, 8, "", "convolutions per level"),
    FV_INT(stardist, features, 128, 0, 1024, "channels",
           "width before the heads, 0: no such convolution"),
    FV_END,
};

static int grid(const stardist *s)
{
    return (int)strtol(s->grid, NULL, 10);
}

static fv_val conv(fv_graph *g, fv_val x, int channels, int kernel)
{
    return fv_convolve(g, "", x,
                       (fv_conv){.channels = channels, .kernel = kernel});
}

/* The convolutions of a level; `last` is the width after the last one, whose
 * number in the published names skips one where the widths may differ. */
static fv_val level(fv_graph *g, const stardist *s, fv_val x, const char *name,
                    int channels, int last, int skip)
{
    for (int i = 0; i < s->convs; i++) {
        bool end = i == s->convs - 1;
        fv_push(g, "%s_%d", name, end ? i + skip : i);
        x = fv_relu(g, conv(g, x, end ? last : channels, 3));
        fv_pop(g);
    }
    return x;
}

static fv_val head(fv_graph *g, fv_val x, const char *name, int channels)
{
    fv_push(g, "%s", name);
    x = conv(g, x, channels, 1);
    fv_pop(g);
    return x;
}

static fv_val wide(fv_graph *g, const stardist *s, fv_val x, const char *name)
{
    if (!s->features)
        return x;
    fv_push(g, "%s", name);
    x = fv_relu(g, conv(g, x, s->features, 3));
    fv_pop(g);
    return x;
}

static fv_val trunk(fv_graph *g, const stardist *s, fv_val x)
{
    fv_val skip[MAX_DEPTH];
    char name[40];
    for (int n = 0; 1 << n < grid(s); n++) {
        snprintf(name, sizeof name, "grid_%d_no", n);
        x = fv_max_pool(g, level(g, s, x, name, s->base, s->base, 0), 2, 0);
    }
    for (int n = 0; n < s->depth; n++) {
        snprintf(name, sizeof name, "down_level_%d_no", n);
        skip[n] = level(g, s, x, name, s->base << n, s->base << n, 0);
        x = fv_max_pool(g, skip[n], 2, 0);
    }
    x = level(g, s, x, "middle", s->base << s->depth, s->base << (s->depth - 1),
              1);
    for (int n = s->depth - 1; n >= 0; n--) {
        int half = s->base << (n > 0 ? n - 1 : 0);
        snprintf(name, sizeof name, "up_level_%d_no", n);
        x = fv_concat(g, fv_upsample(g, x, 2, FV_NEAREST), skip[n]);
        x = level(g, s, x, name, s->base << n, half, 1);
    }
    return x;
}

static fv_val build(fv_graph *g, const void *config, fv_val image)
{
    const stardist *s = config;
    int rays = s->out - 1 - (s->classes ? 1 + s->classes : 0);
    fv_val base = trunk(g, s, image);
    fv_val x = wide(g, s, base, "features");
    fv_val y = fv_concat(g, head(g, x, "prob", 1), head(g, x, "dist", rays));
    if (!s->classes)
        return y;
    x = wide(g, s, base, "features_class");
    return fv_concat(g, y, head(g, x, "prob_class", 1 + s->classes));
}

static int multiple(const void *config)
{
    const stardist *s = config;
    return grid(s) << s->depth;
}

const fv_arch fvi_arch_stardist = {
    .name = "stardist",
    .title = "StarDist",
    .cite = "arXiv:1806.03535",
    .size = sizeof(stardist),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .build = build,
};
