/*
 * CPnet, the network of Cellpose 1 to 3: a U-net of residual blocks with norms
 * in front of convolutions. The mean of the deepest map, made 1 long, is the
 * style of the image; each block going up adds numbers that are linear in it.
 *
 *   image > down > pool > down > pool > down > pool > down > mean > style
 *            |             |             |             |             |
 *   answer < up < enlarge < up < enlarge < up < enlarge < up <-------+
 *
 * With bc a batch norm, ReLU and convolution, and p a batch norm and 1x1
 * convolution:
 *   down:  a = p(x) + bc(bc(x)),                   y = a + bc(bc(a))
 *   up:    a = p(x) + bc(bc(x) + skip + style),    y = a + bc(bc(a + style)
 *                                                              + style)
 * Where there is no image, the style is zero. Names are those of the published
 * weights. Source: Stringer et al. 2021, doi:10.1038/s41592-020-01018-x.
 */
#include "nn/arch/arch_internal.h"

enum { MAX_LEVELS = 7 };

typedef struct cpnet {
    int in, out, base, levels, kernel;
} cpnet;

static const fv_field fields[] = {
    FV_INT(cpnet, in, 2, 1, 64, "channels", "image channels"),
    FV_INT(cpnet, out, 3, 1, 256, "channels", "output channels"),
    FV_INT(cpnet, base, 32, 1, 512, "channels", "width at full resolution"),
    FV_INT(cpnet, levels, 4, 1, MAX_LEVELS, "levels",
           "number of resolutions, each of twice the width"),
    FV_INT(cpnet, kernel, 3, 1, 15, "px", "side of the kernels"),
    FV_END,
};

static fv_val bc(fv_graph *g, const char *name, fv_val x, int channels,
                 int kernel)
{
    fv_push(g, "%s", name);
    x = fv_relu(g, fv_batch_norm(g, "0", x));
    x = fv_convolve(g, "2", x,
                    (fv_conv){.channels = channels, .kernel = kernel});
    fv_pop(g);
    return x;
}

static fv_val project(fv_graph *g, fv_val x, int channels)
{
    fv_push(g, "proj");
    x = fv_convolve(g, "1", fv_batch_norm(g, "0", x),
                    (fv_conv){.channels = channels, .kernel = 1});
    fv_pop(g);
    return x;
}

/* bc(x + full(style)) */
static fv_val styled(fv_graph *g, const char *name, fv_val x, fv_val style,
                     int channels, int kernel)
{
    fv_push(g, "%s", name);
    x = fv_add_channels(g, x, fv_linear(g, "full", style, channels));
    x = bc(g, "conv", x, channels, kernel);
    fv_pop(g);
    return x;
}

static fv_val down(fv_graph *g, const cpnet *o, int level, fv_val x)
{
    int k = o->base << level, side = o->kernel;
    fv_push(g, "downsample/down/res_down_%d", level);
    fv_val p = project(g, x, k);
    fv_push(g, "conv");
    fv_val b = bc(g, "conv_1", bc(g, "conv_0", x, k, side), k, side);
    fv_val a = fv_add(g, p, b);
    b = bc(g, "conv_3", bc(g, "conv_2", a, k, side), k, side);
    fv_pop(g);
    fv_pop(g);
    return fv_add(g, a, b);
}

static fv_val up(fv_graph *g, const cpnet *o, int level, fv_val x, fv_val skip,
                 fv_val style)
{
    int k = o->base << level, side = o->kernel;
    fv_push(g, "upsample/up/res_up_%d", level);
    fv_val p = project(g, x, k);
    fv_push(g, "conv");
    fv_val b = fv_add(g, bc(g, "conv_0", x, k, side), skip);
    fv_val a = fv_add(g, p, styled(g, "conv_1", b, style, k, side));
    b = styled(g, "conv_2", a, style, k, side);
    b = styled(g, "conv_3", b, style, k, side);
    fv_pop(g);
    fv_pop(g);
    return fv_add(g, a, b);
}

static fv_val build(fv_graph *g, const void *config, fv_val x)
{
    const cpnet *o = config;
    fv_val skip[MAX_LEVELS];
    for (int level = 0; level < o->levels; level++) {
        x = skip[level] = down(g, o, level, x);
        if (level < o->levels - 1)
            x = fv_max_pool(g, x, 2, 0);
    }
    fv_val style = fv_l2_norm(g, fv_global_avg_pool(g, x));
    fv_output(g, "style", style);
    for (int level = o->levels - 1; level >= 0; level--) {
        x = up(g, o, level, x, skip[level], style);
        if (level > 0)
            x = fv_upsample(g, x, 2, FV_NEAREST);
    }
    return bc(g, "output", x, o->out, 1);
}

static int multiple(const void *config)
{
    return 1 << (((const cpnet *)config)->levels - 1);
}

const fv_arch fvi_arch_cpnet = {
    .name = "cpnet",
    .title = "CPnet",
    .cite = "doi:10.1038/s41592-020-01018-x",
    .size = sizeof(cpnet),
    .fields = fields,
    .rank = 2,
    .multiple = multiple,
    .build = build,
};
