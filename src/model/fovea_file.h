#ifndef FVI_FOVEA_FILE_H
#define FVI_FOVEA_FILE_H

/* What reading and writing a .fovea file share: its settings as tables. */

#include "model/model.h"
#include "model/safetensors.h"
#include "model/style.h"

#define FVI_FORMAT "1"
#define FVI_SIZE   "size/style" /* the tensor that m->size is kept in */

/* The members of a model that "fovea.input" and "fovea.output" hold. */
typedef struct fvi_settings {
    int channels, side; /* channels 0: not said */
    double percentile_low, percentile_high;
    double diameter, diameter_low, diameter_high;
    double pitch_um_low, pitch_um_high;
    const char *axes;
    const char *normalize; /* NULL: percentile */
    int uncertainty, views, rescaled;
    const char *task, *target;
    double threshold, seed;
    int min_area, fill_holes;
} fvi_settings;

extern const fv_field fvi_input_fields[], fvi_output_fields[];
/* Whether a model for `task` writes this member. */
bool fvi_task_has(const char *task, const char *member);

/* Text in it is borrowed from `m`. */
fvi_settings fvi_settings_of(const fv_model *m);

/* FV_EFORMAT: settings that contradict the network. */
fv_status fvi_settings_apply(fv_ctx *ctx, const fvi_settings *s, fv_model *m);

/* notes.c: "fovea.statistics" and "fovea.classes" as JSON; NULL text when the
 * model has none. */
fv_status fvi_statistics_text(fv_ctx *ctx, const fv_model *m, fvi_text *out);
fv_status fvi_classes_text(fv_ctx *ctx, const fv_model *m, fvi_text *out);
/* And back, from what a file says (NULL: nothing). FV_EFORMAT. */
fv_status fvi_statistics_read(fv_ctx *ctx, const char *text, fv_model *m);
fv_status fvi_classes_read(fv_ctx *ctx, const char *text, fv_model *m);
/* A JSON string of `text` at the end of `t`. */
void fvi_add_quoted(fvi_text *t, const char *text);

#endif
