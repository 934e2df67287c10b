#ifndef FVI_ARCH_INTERNAL_H
#define FVI_ARCH_INTERNAL_H

/* What an architecture file needs: builders, fields, and its row below. */

#include "base/base.h"
#include "fovea/arch.h"

#include <string.h>

extern const fv_arch fvi_arch_linear;
extern const fv_arch fvi_arch_perceptron;
extern const fv_arch fvi_arch_mlp;
extern const fv_arch fvi_arch_conv;
extern const fv_arch fvi_arch_unet;
extern const fv_arch fvi_arch_stardist;

#endif
