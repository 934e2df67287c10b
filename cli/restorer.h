#ifndef FVI_RESTORER_H
#define FVI_RESTORER_H

/* Whatever makes a better picture of a picture: a model or a filter. */

#include "cmd.h"

typedef struct restore_args {
    const char *output, *model, *save, *backend;
    int tile, overlap;
} restore_args;

typedef struct restorer {
    cli *c;
    /* f32 (H,W,C) in the units of `plane`; `*uncertainty` has ndim -1 when
     * there is none. Both are freed by the caller. */
    fv_status (*plane)(struct restorer *r, fv_tensor plane, int rgb,
                       fv_tensor *restored, fv_tensor *uncertainty);
    void (*close)(struct restorer *r);
    bool uncertain; /* gives an uncertainty */
    fv_model *model;
    fv_predictor *predictor;
} restorer;

/* restore_model.c: a network, by --model. */
fv_status restore_model_open(cli *c, const restore_args *o, restorer *out);

/* restore_image.c: every plane of an image (all z, all times) as images of the
 * same axes, pitch and names in f32; `*uncertainty` NULL when there is none. */
fv_status restore_image(restorer *r, const char *path, const fv_image *im,
                        fv_image **restored, fv_image **uncertainty);

#endif
