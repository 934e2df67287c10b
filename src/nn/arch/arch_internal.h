#ifndef FVI_ARCH_INTERNAL_H
#define FVI_ARCH_INTERNAL_H

/* What an architecture file needs: builders, fields, and its row below. */

#include "base/base.h"
#include "fovea/arch.h"

#include <string.h>

/* All of them, in the order in which they are listed. */
#define FVI_ARCHS(X) \
    X(linear)        \
    X(perceptron)    \
    X(mlp)           \
    X(mlp_image)     \
    X(conv)          \
    X(unet)          \
    X(cpnet)         \
    X(stardist)      \
    X(lenet)         \
    X(alexnet)       \
    X(resnet)        \
    X(fpn)           \
    X(autoencoder)   \
    X(dncnn)         \
    X(rcan)          \
    X(care)          \
    X(n2v)           \
    X(n2v2)          \
    X(vit)           \
    X(sam_encoder)   \
    X(swin)          \
    X(vit_segment)

#define FVI_ARCH_DECLARE(name) extern const fv_arch fvi_arch_##name;
FVI_ARCHS(FVI_ARCH_DECLARE)
#undef FVI_ARCH_DECLARE

/* A residual network without its classifier: the maps its four stages end
 * with, each half as wide and high as the one before (resnet.c). */
typedef struct fvi_resnet {
    const char *depth; /* "18", "34", "50", "101", "152" */
    int width, stem_kernel, stem_stride, stem_pool;
} fvi_resnet;
void fvi_resnet_maps(fv_graph *g, const fvi_resnet *r, fv_val image,
                     fv_val map[4]);

#endif
