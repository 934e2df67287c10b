#ifndef FVI_PSF_H
#define FVI_PSF_H

/* Point spread functions named on the command line. */

#include "cmd.h"

/* What describes one. A verb has it as the first member of its options, and
 * psf_fields as the table that it shares. */
typedef struct psf_args {
    const char *psf; /* NULL: none */
    double wavelength, na, index, index_sample, depth, pitch_z;
} psf_args;

extern const fv_field psf_fields[];

/*
 * o->psf, which is not NULL, into a new tensor, (Y,X) or (Z,Y,X); Gibson-Lanni
 * is a volume when `volume`. `pitch` is that of the pixels, um; that of `im`
 * where it is 0, as along z (FV_EINVAL where neither is known and one is
 * needed). Free the data with fvi_free.
 */
fv_status psf_make(cli *c, const psf_args *o, double pitch, const fv_image *im,
                   bool volume, fv_tensor *out);

#endif
