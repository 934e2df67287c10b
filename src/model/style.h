#ifndef FVI_STYLE_H
#define FVI_STYLE_H

/*
 * The style of a picture: the mean over its positions of the deepest map of a
 * network, made 1 long. Only the way down is computed.
 * Source: Stringer et al. 2021, doi:10.1038/s41592-020-01018-x, for CPnet.
 */

#include "model/model.h"

typedef struct fvi_style fvi_style;

/* FV_ENOTSUP: the network has no map smaller than its image. */
fv_status fvi_style_new(fv_ctx *ctx, const fv_model *m, const char *backend,
                        fvi_style **out);
void fvi_style_free(fvi_style *s); /* NULL is fine */
int fvi_style_size(const fvi_style *s);

/* Of `plane` f32 (H,W,C) as fvi_prepare makes it: fvi_style_size numbers, all
 * zero for a picture that leaves the deepest map dark. FV_ECANCEL. */
fv_status fvi_style_of(fv_ctx *ctx, fvi_style *s, fv_tensor plane,
                       double *style);

/* Numbers in m->size of a network like this one: those of the style, and the
 * constant. 0 and FV_OK when it has no style. */
fv_status fvi_size_numbers(fv_ctx *ctx, const fv_model *m, int *count);

#endif
