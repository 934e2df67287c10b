#ifndef FVI_SYNTH_VERB_H
#define FVI_SYNTH_VERB_H

/* What fovea synth was asked. */

#include "cmd.h"

typedef struct synth_args {
    const char *output;
    int count, size, width, height, nuclei, seed;
    double diameter, spread, roughness, touching, texture, psf_sigma, photons;
    double background, read_noise, gain, offset, pitch;
    /* of degrade */
    const char *psf, *clean;
    int binning;
    double wavelength, na, index, index_sample, depth, pitch_z;
} synth_args;

/* Pictures of the images named by the operands; an exit code. */
int synth_degrade(cli *c, const synth_args *o, int count, char **operands);

#endif
