#ifndef FVI_BLIND_H
#define FVI_BLIND_H

/*
 * Blind spots: some pixels of a crop are replaced by others around them, and
 * the network is asked for what was there. It cannot copy, and noise that is
 * independent from pixel to pixel cannot be guessed: what is left is the
 * picture. Source: Krull, Buchholz & Jug 2019 (arXiv:1811.10980); medians:
 * Hoeck et al. 2022 (arXiv:2211.08512); structure: Broaddus et al. 2020.
 */

#include "base/base.h"
#include "fovea/tensor.h"

typedef struct fvi_blind {
    double share;      /* of pixels, percent                                */
    int radius;        /* of the window that replacements come from, px     */
    bool median;       /* of the window without its center; else one of it  */
    int height, width; /* odd: also hidden around each spot; 1, 1: nothing  */
    double lo, hi;     /* what these become: uniform noise in this range    */
} fvi_blind;

/* "1x9" into height and width. FV_EINVAL. NULL: 1, 1. */
fv_status fvi_blind_mask(fv_ctx *ctx, const char *text, fvi_blind *b);

/* Replaces spots of `image`, which starts as a copy of `whole`, both dense f32
 * (S,S,C); `weight` (S,S,1) becomes 1 at the spots and 0 elsewhere. One spot
 * at a random place of each square of 100/share pixels. */
void fvi_blind_spots(const fvi_blind *b, fvi_rng *r, fv_tensor whole,
                     fv_tensor image, fv_tensor weight);

#endif
