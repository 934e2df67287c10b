/* The settings of a model as tables: what is done to a picture before the
 * network sees it, and to the network's answer afterwards. */
#include "model/fovea_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const fv_field fvi_input_fields[] = {
    FV_CHOICE(fvi_settings, axes, "NYXC", "NC|NXC|NYXC|NZYXC",
              "order of the extents of the network's input"),
    FV_INT(fvi_settings, channels, 0, 0, 1e9, "",
           "of the network's input; 0: not said"),
    FV_CHOICE(fvi_settings, normalize, NULL, "percentile|mean_std",
              "of each picture, or of the training set"),
    FV_REAL(fvi_settings, percentile_low, 1, 0, 100, "%",
            "percentile that becomes 0"),
    FV_REAL(fvi_settings, percentile_high, 99.8, 0, 100, "%",
            "percentile that becomes 1"),
    FV_INT(fvi_settings, side, 0, 0, 65536, "px",
           "classify: square that pictures are fitted to"),
    FV_REAL(fvi_settings, diameter, 0, 0, 1e6, "px",
            "median diameter of the objects trained on; 0: unknown"),
    FV_REAL(fvi_settings, diameter_low, 0, 0, 1e6, "px",
            "5th percentile of these diameters; 0: unknown"),
    FV_REAL(fvi_settings, diameter_high, 0, 0, 1e6, "px",
            "95th percentile of these diameters; 0: unknown"),
    FV_FLAG(fvi_settings, rescaled,
            "every image trained on had objects of this diameter"),
    FV_REAL(fvi_settings, pitch_um_low, 0, 0, 1e6, "um",
            "smallest pixel pitch trained on; 0: unknown"),
    FV_REAL(fvi_settings, pitch_um_high, 0, 0, 1e6, "um",
            "largest pixel pitch trained on; 0: unknown"),
    FV_END,
};

const fv_field fvi_output_fields[] = {
    FV_TEXT(fvi_settings, task, "segment", "what the model is for"),
    FV_CHOICE(fvi_settings, target, "cell",
              "cell|boundary|distance|stars|flows|shape",
              "meaning of the maps"),
    FV_REAL(fvi_settings, threshold, 0.5, 0, 1, "",
            "probability above which a pixel is object"),
    FV_REAL(fvi_settings, seed, 0.5, 0, 1e6, "",
            "rise of a seed over the pass to a higher one"),
    FV_INT(fvi_settings, min_area, 10, 0, 1e9, "px",
           "smaller objects are removed"),
    FV_FLAG(fvi_settings, fill_holes, "holes in objects are filled"),
    FV_FLAG(fvi_settings, uncertainty,
            "the second half of the maps are the scales of the first half"),
    FV_INT(fvi_settings, views, 0, 0, 8, "",
           "mirrored and turned views that are averaged: 1, 4 or 8; 0: 1"),
    FV_END,
};

/* Members that only some tasks have; all others belong to every task. */
static const struct {
    const char *member, *task;
} particular[] = {
    {"target", "segment"},        {"threshold", "segment"},
    {"seed", "segment"},          {"min_area", "segment"},
    {"fill_holes", "segment"},    {"uncertainty", "restore"},
    {"side", "classify"},         {"side", "embed"},
    {"rescaled", "segment"},      {"diameter_low", "segment"},
    {"diameter_high", "segment"},
};

bool fvi_task_has(const char *task, const char *member)
{
    bool every = true;
    for (size_t i = 0; i < sizeof particular / sizeof *particular; i++) {
        if (strcmp(particular[i].member, member) != 0)
            continue;
        if (strcmp(particular[i].task, task) == 0)
            return true;
        every = false;
    }
    return every;
}

static const char *axes_of(const fv_model *m)
{
    static const char *const axes[] = {"NC", "NXC", "NYXC", "NZYXC"};
    return axes[m->arch->rank];
}

fvi_settings fvi_settings_of(const fv_model *m)
{
    int64_t area = m->decode.min_area;
    return (fvi_settings){
        .side = m->side,
        .percentile_low = m->percentile[0],
        .percentile_high = m->percentile[1],
        .channels = fv_channels(m->graph, m->image),
        .diameter = m->diameter,
        .diameter_low = m->diameters[0],
        .diameter_high = m->diameters[1],
        .pitch_um_low = m->pitch_um[0],
        .pitch_um_high = m->pitch_um[1],
        .axes = axes_of(m),
        .normalize =
            strcmp(m->normalize, "percentile") == 0 ? NULL : m->normalize,
        .uncertainty = m->uncertainty,
        .views = m->views,
        .rescaled = m->rescaled,
        .task = m->task,
        .target = fv_target_name(m->target),
        .threshold = m->decode.threshold,
        .seed = m->decode.seed,
        .min_area = area > 1000000000 ? 1000000000 : (int)area,
        .fill_holes = m->decode.fill_holes,
    };
}

fv_status fvi_settings_apply(fv_ctx *ctx, const fvi_settings *s, fv_model *m)
{
    if (s->percentile_low >= s->percentile_high)
        return fvi_fail(ctx, FV_EFORMAT, "percentiles %g and %g do not rise",
                        s->percentile_low, s->percentile_high);
    if (strcmp(s->axes, axes_of(m)) != 0)
        return fvi_fail(ctx, FV_EFORMAT, "axes are %s, %s wants %s", s->axes,
                        m->arch->name, axes_of(m));
    int in = fv_channels(m->graph, m->image);
    if (s->channels && s->channels != in)
        return fvi_fail(ctx, FV_EFORMAT,
                        "channels are %d, the network takes %d", s->channels,
                        in);
    if (s->diameter_low > s->diameter_high)
        return fvi_fail(ctx, FV_EFORMAT, "diameters from %g to %g do not rise",
                        s->diameter_low, s->diameter_high);
    if (strlen(s->task) >= sizeof m->task)
        return fvi_fail(ctx, FV_EFORMAT, "task '%.40s' is unknown", s->task);
    FV_TRY(fv_target_find(ctx, s->target, &m->target));
    int channels = fv_channels(m->graph, m->answer);
    if (strcmp(s->task, "segment") == 0 &&
        fv_target_maps(m->target) != channels)
        return fvi_fail(ctx, FV_EFORMAT,
                        "target %s has %d maps, the network answers with %d",
                        s->target, fv_target_maps(m->target), channels);
    if (s->uncertainty && channels % 2)
        return fvi_fail(ctx, FV_EFORMAT,
                        "has uncertainty, but the network answers with %d maps",
                        channels);
    if (s->views && s->views != 1 && s->views != 4 && s->views != 8)
        return fvi_fail(ctx, FV_EFORMAT, "%d views, expected 1, 4 or 8",
                        s->views);
    memmove(m->task, s->task, strlen(s->task) + 1);
    if (s->normalize && s->normalize != m->normalize)
        snprintf(m->normalize, sizeof m->normalize, "%s", s->normalize);
    m->uncertainty = s->uncertainty;
    m->views = s->views;
    m->rescaled = s->rescaled;
    m->side = s->side;
    m->percentile[0] = s->percentile_low;
    m->percentile[1] = s->percentile_high;
    m->diameter = s->diameter;
    m->diameters[0] = s->diameter_low;
    m->diameters[1] = s->diameter_high;
    m->pitch_um[0] = s->pitch_um_low;
    m->pitch_um[1] = s->pitch_um_high;
    m->decode = (fv_decode_options){.threshold = s->threshold,
                                    .seed = s->seed,
                                    .min_area = s->min_area,
                                    .fill_holes = s->fill_holes};
    return FV_OK;
}
