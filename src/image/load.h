#ifndef FVI_IMAGE_LOAD_H
#define FVI_IMAGE_LOAD_H

/* What the readers of the formats share: one file being read. */

#include "base/base.h"
#include "fovea/image.h"

#include <stdio.h>

/* One file on its way in. `header` asks for the shape only, `labels` for the
 * stored numbers: no palette, no inversion of "0 is white". */
typedef struct fvi_load {
    fv_ctx *ctx;
    const char *path;
    FILE *file;
    int64_t file_bytes;
    fv_limits limits;
    bool header, labels;
} fvi_load;

/* The shape a file claims, before anything is believed. */
typedef struct fvi_claim {
    fv_dtype dtype;
    char axes[FV_MAX_DIM + 1];
    int64_t dim[FV_MAX_DIM];
    /* The most bytes one stored byte can become in this coding. */
    int64_t expansion;
} fvi_claim;

/* Opens `path`, recognizes the format and reads. */
fv_status fvi_image_load(fv_ctx *ctx, const char *path, const fv_limits *limits,
                         bool header, bool labels, fv_image **out);

/* `limits` (may be NULL) with the defaults in place of zeros. */
fv_limits fvi_limits_or_default(const fv_limits *limits);

/* Opens `l->path`; the caller closes `l->file`. FV_EIO. */
fv_status fvi_load_open(fvi_load *l);

/* The pixels from (top, left) of plane t, z (below 0: as fv_image_plane) into
 * `out` f32 (h,w,C), dense, which must lie within the image. Counts, and
 * clears, what is not finite. */
fv_status fvi_image_part(fv_ctx *ctx, const fv_image *im, int64_t t, int64_t z,
                         int64_t top, int64_t left, fv_tensor out,
                         int64_t *nonfinite);

/* Checks the claim against the limits and the size of the file, then makes
 * the image: zeroed, or without pixels for a header. */
fv_status fvi_load_image(const fvi_load *l, const fvi_claim *claim,
                         fv_image **out);

/* "PATH: " before the sentence. */
fv_status fvi_load_fail(const fvi_load *l, fv_status status, const char *fmt,
                        ...) __attribute__((format(printf, 3, 4)));

fv_status fvi_read_tiff(fvi_load *l, fv_image **out);
fv_status fvi_read_png(fvi_load *l, fv_image **out);
fv_status fvi_read_jpeg(fvi_load *l, fv_image **out);
fv_status fvi_read_npy(fvi_load *l, fv_image **out);

fv_status fvi_write_tiff(fv_ctx *ctx, const char *path, const fv_image *im);
fv_status fvi_write_png(fv_ctx *ctx, const char *path, const fv_image *im);
fv_status fvi_write_npy(fv_ctx *ctx, const char *path, const fv_image *im);

/* ---- small things ---- */

/* Micrometers in one `unit` ("um", "nm", "inch", ...); 0 when it is not a
 * unit of length. */
double fvi_unit_um(const char *unit);

/* A pitch from a resolution (pixels per `unit_um` micrometers), or 0 when it
 * is a print density rather than a microscope's: coarser than 10 um. */
double fvi_pitch_from_density(double pixels, double unit_um);

/* Copies at most room-1 bytes without cutting a UTF-8 character in two. */
void fvi_copy_name(char *to, size_t room, const char *from, size_t size);

/* The index of `axis` in the axes, or -1; the extent there, or 1. */
int fvi_axis_index(const fv_image *im, char axis);
int64_t fvi_extent(const fv_image *im, char axis);
/* An extent after resizing by `scale`, to the nearest px, at least 1. */
int64_t fvi_scaled_extent(int64_t extent, double scale);

#endif
