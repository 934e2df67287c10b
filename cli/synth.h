#ifndef FVI_SYNTH_VERB_H
#define FVI_SYNTH_VERB_H

/* What fovea synth was asked. */

#include "psf.h"

typedef struct synth_args {
    psf_args psf; /* of degrade */
    const char *output;
    int count, size, width, height, nuclei, seed;
    double diameter, spread, roughness, touching, texture, psf_sigma, photons;
    double background, read_noise, gain, offset, pitch;
    /* of degrade */
    const char *clean;
    int binning;
} synth_args;

/* Pictures of the images named by the operands; an exit code. */
int synth_degrade(cli *c, const synth_args *o, int count, char **operands);

#endif
