#ifndef FVI_STACK_H
#define FVI_STACK_H

/* All planes of one image file as float32, for verbs that change pixels and
 * keep everything else: axes, pitch, channel names. */

#include "cmd.h"

/* Reads `path` as f32; pixels that are not numbers become 0, with a note.
 * Free with fv_image_free. */
fv_status stack_read(cli *c, const char *path, fv_image **out);
/* The same of an image at hand, read from `path`. */
fv_status stack_copy(cli *c, const char *path, const fv_image *im,
                     fv_image **out);

/* A zeroed f32 image with the axes, extents, pitch and names of `im`. */
fv_status stack_blank(cli *c, const fv_image *im, fv_image **out);
/* The same with `channels` channels that have nothing to do with its own. */
fv_status stack_channels(cli *c, const fv_image *im, int channels,
                         fv_image **out);
/* A zeroed image like `im`, of another type, and of other height and width. */
fv_status stack_like(cli *c, const fv_image *im, fv_dtype dtype, int64_t height,
                     int64_t width, fv_image **out);

/* How many parts there are, and part `index` as a view (Y,X), or (Z,Y,X) with
 * `volume` (which wants a Z axis). */
int64_t stack_count(const fv_image *im, bool volume);
fv_tensor stack_part(const fv_image *im, bool volume, int64_t index);

#endif
