#ifndef FVI_RESTORER_H
#define FVI_RESTORER_H

/* What fovea restore was asked, and its ways to do it: a network or a filter.*/

#include "psf.h"

typedef struct restore_args {
    psf_args psf; /* of wiener and rl */
    const char *output, *model, *method, *save, *augment, *precision, *backend;
    int tile, overlap;
    /* of the methods without a network */
    double sigma, strength, h, balance, tv, gain, offset, pitch;
    int radius, patch, search, iterations, stabilize, volume;
} restore_args;

typedef struct restorer {
    cli *c;
    /* f32 (H,W,C) in the units of `plane`; `*uncertainty` has ndim -1 when
     * there is none. Both are freed by the caller. */
    fv_status (*plane)(struct restorer *r, fv_tensor plane, int rgb,
                       fv_tensor *restored, fv_tensor *uncertainty);
    void (*close)(struct restorer *r);
    bool uncertain; /* gives an uncertainty */
    int channels;   /* of what it gives; 0: as the image */
    fv_model *model;
    fv_predictor *predictor;
} restorer;

/* restore_model.c: a network, by --model. */
fv_status restore_model_open(cli *c, const restore_args *o, restorer *out);

/* restore_image.c: every plane of an image (all z, all times) as images of the
 * same axes, pitch and names in f32; `*uncertainty` NULL when there is none. */
fv_status restore_image(restorer *r, const char *path, const fv_image *im,
                        fv_image **restored, fv_image **uncertainty);

/* restore_check.c: FV_EINVAL when options do not belong together. */
fv_status restore_check(cli *c, const restore_args *o);

/* restore_filter.c: a method that needs no network, by --method. */
/* FV_EINVAL when there is none of that name, or it lacks something. */
fv_status restore_filter_check(cli *c, const restore_args *o);
/* Restores all planes or volumes of `im` (f32) in place. */
fv_status restore_filter(cli *c, const restore_args *o, const char *path,
                         fv_image *im);

#endif
