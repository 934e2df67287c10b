#ifndef FVI_DATA_H
#define FVI_DATA_H

/* Which pictures a run trains on, validates on and leaves alone. */

#include "base/base.h"
#include "fovea/train.h"

typedef enum fvi_role {
    FVI_UNUSED,
    FVI_FOR_TRAINING,
    FVI_FOR_VALIDATION,
    FVI_FOR_TEST
} fvi_role;

/* One image file and the label file that belongs to it. */
typedef struct fvi_source {
    char *stem, *image;
    char *labels; /* NULL: there is none */
    fvi_role role;
} fvi_source;

typedef struct fvi_sources {
    fvi_source *item;
    int64_t count, room;
} fvi_sources;

/* Every image in `images` in natural order with its labels: the same stem in
 * `labels` (NULL: `images`), or stem_masks / stem_labels in either folder.
 * FV_EINVAL: two files with one stem, or no image at all. */
fv_status fvi_sources_find(fv_ctx *ctx, const char *images, const char *labels,
                           fvi_sources *out);
void fvi_sources_free(fv_ctx *ctx, fvi_sources *s);

/* FV_EINVAL names the first used image without labels. */
fv_status fvi_sources_check(fv_ctx *ctx, const fvi_sources *s);

/* Gives every source its role by csv, or by seed. */
fv_status fvi_split(fv_ctx *ctx, const fv_train_options *o, fvi_sources *s);

/* Reads the sources with `role`; channels 0: as the images. */
fv_status fvi_pairs_of(fv_ctx *ctx, const fvi_sources *s, fvi_role role,
                       int channels, const double percentile[2], fv_pair **out,
                       int64_t *count);

/* The channels that fit all sources with a role: 3 when any is RGB. */
fv_status fvi_channels_of(fv_ctx *ctx, const fvi_sources *s, int *channels);

/* ---- tables ---- */

/* Comma-separated values with a header; cells point into `text`. */
typedef struct fvi_table {
    char *text, **cell;
    int64_t rows, columns; /* row 0 is the header */
} fvi_table;

fv_status fvi_table_read(fv_ctx *ctx, const char *path, fvi_table *out);
void fvi_table_free(fv_ctx *ctx, fvi_table *t);
/* -1 when absent. */
int64_t fvi_table_column(const fvi_table *t, const char *name);
const char *fvi_table_at(const fvi_table *t, int64_t row, int64_t column);

#endif
