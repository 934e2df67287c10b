#ifndef FVI_PSF_H
#define FVI_PSF_H

/* Point spread functions named on the command line. */

#include "cmd.h"

/* What --psf may say, for help. */
#define PSF_HELP                                                           \
    "point spread function: gaussian:SIGMA or gaussian:Z,Y,X (px), airy, " \
    "gibson-lanni, or an image file"

/* Optics with the pitch of the image along the axes where `o` has none. */
fv_optics psf_optics(fv_optics o, const fv_image *im);

/*
 * `spec` as above into a new tensor, (Y,X) or (Z,Y,X); Gibson-Lanni is a volume
 * when `volume`. Light and glass come from `optics`, the pitch too (FV_EINVAL
 * where it is 0 and needed). Free the data with fvi_free.
 */
fv_status psf_make(cli *c, const char *spec, const fv_optics *optics,
                   bool volume, fv_tensor *out);

#endif
