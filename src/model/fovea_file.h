#ifndef FVI_FOVEA_FILE_H
#define FVI_FOVEA_FILE_H

/* What reading and writing a .fovea file share: its settings as tables. */

#include "model/model.h"
#include "model/safetensors.h"

#define FVI_FORMAT "1"

/* The members of a model that "fovea.input" and "fovea.output" hold. */
typedef struct fvi_settings {
    double percentile_low, percentile_high, diameter;
    double pitch_um_low, pitch_um_high;
    const char *axes;
    const char *task, *target;
    double threshold, seed;
    int min_area, fill_holes;
} fvi_settings;

extern const fv_field fvi_input_fields[], fvi_output_fields[];

/* Text in it is borrowed from `m`. */
fvi_settings fvi_settings_of(const fv_model *m);

/* FV_EFORMAT: settings that contradict the network. */
fv_status fvi_settings_apply(fv_ctx *ctx, const fvi_settings *s, fv_model *m);

#endif
