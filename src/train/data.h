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

/* What belongs to an image. */
typedef enum fvi_truth {
    FVI_LABELS,  /* the same stem, or stem_masks / stem_labels            */
    FVI_TARGETS, /* a clean image of the same stem, or NAME for NAME_3    */
    FVI_SHOTS,   /* other shots of the same field: NAME_1, NAME_2, ...    */
    FVI_ALONE    /* nothing                                               */
} fvi_truth;

/* One image file and the label or target file that belongs to it. */
typedef struct fvi_source {
    char *stem, *image;
    char *labels;  /* NULL: there is none */
    char *objects; /* labels beside a target, or NULL */
    char *field; /* images of one field stay in one part; NULL: the only one */
    int64_t category; /* class number                                         */
    int64_t at;       /* of an idx file: which entry                          */
    fvi_role role;
} fvi_source;

typedef struct fvi_sources {
    fvi_source *item;
    int64_t count, room;
    fvi_truth truth;
} fvi_sources;

/* Every image in `images` in natural order with its labels: the same stem in
 * `labels` (NULL: `images`), or stem_masks / stem_labels in either folder.
 * FV_EINVAL: two files with one stem, or no image at all. */
fv_status fvi_sources_find(fv_ctx *ctx, const char *images, const char *labels,
                           fvi_sources *out);
/* The same for another kind of truth, in the folder `files`. */
fv_status fvi_sources_find_as(fv_ctx *ctx, fvi_truth truth, const char *images,
                              const char *files, fvi_sources *out);
/* "NAME_12" -> 4: the length without a number at the end. */
size_t fvi_field_length(const char *stem);
/* Takes over `stem` and `image` (fvi_alloc'ed) when it succeeds. */
fv_status fvi_sources_add(fv_ctx *ctx, fvi_sources *s, char *stem, char *image);
/* The image files of a folder, not yet paired. */
fv_status fvi_sources_list(fv_ctx *ctx, const char *folder, fvi_sources *out);
void fvi_sources_free(fv_ctx *ctx, fvi_sources *s);

/* FV_EINVAL names the first used image without its truth. */
fv_status fvi_sources_check(fv_ctx *ctx, const fvi_sources *s);

/* Gives every source its role by csv, or those for training by seed. */
fv_status fvi_split(fv_ctx *ctx, const fv_train_options *o, fvi_sources *s);

/* Reads the sources with `role`; channels 0: as the images. */
fv_status fvi_pairs_of(fv_ctx *ctx, const fvi_sources *s, fvi_role role,
                       int channels, const double percentile[2], fv_pair **out,
                       int64_t *count);

/* Reads `labels` of `image` into out->labels. FV_ESHAPE unless they have the
 * extents of out->plane. */
fv_status fvi_pair_labels(fv_ctx *ctx, const char *image, const char *labels,
                          fv_pair *out);

/* The plane of one image file as recorded, its pitch and whether it is RGB. */
fv_status fvi_plane_read(fv_ctx *ctx, const char *path, int channels,
                         fv_pair *out);

/* The same for all z planes and time points of a file: how many, and into so
 * many pairs. */
fv_status fvi_planes_count(fv_ctx *ctx, const char *path, int64_t *count);
fv_status fvi_planes_read(fv_ctx *ctx, const char *path, int channels,
                          int64_t count, fv_pair *out);

/* The channels that fit all images with a role, or all their targets: 3 when
 * any is RGB. FV_EINVAL: more than FV_MAX_CHANNELS. */
fv_status fvi_channels_of(fv_ctx *ctx, const fvi_sources *s, bool targets,
                          int *channels);

#endif
