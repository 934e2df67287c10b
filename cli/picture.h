#ifndef FVI_PICTURE_H
#define FVI_PICTURE_H

/* One image file as the verbs use it: the plane to work on. */

#include "cmd.h"

typedef struct picture {
    fv_image *image;
    fv_tensor plane; /* f32 (H,W,C) */
} picture;

/* Reads `path` and takes its first time point and middle z, and of these the
 * channel `channel` (from 1; 0: all). Notes on stderr what was left out and
 * pixels that are not numbers. */
fv_status picture_read(cli *c, const char *path, int channel, picture *out);
/* The same without pixels; `plane` has none. */
fv_status picture_header(cli *c, const char *path, picture *out);
void picture_free(cli *c, picture *p);

/* Calls `work` with the picture of a file as picture_read takes it, or with
 * every image of a file of MNIST, named as in training: t10k-00007. */
typedef fv_status (*picture_fn)(void *user, const char *name, fv_tensor plane,
                                int rgb);
fv_status picture_each(cli *c, const char *path, int channel, picture_fn work,
                       void *user);

/* After a failure with `im`: when the sentence asks to choose a channel, adds
 * how that is done and which there are. Returns `status`. */
fv_status picture_channels(cli *c, fv_status status, const fv_image *im);

/* The extent of axis `axis` ('Z'), 1 when there is none. */
int64_t axis_extent(const fv_image *im, char axis);

#endif
