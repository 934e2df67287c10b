#ifndef FVI_GELU_H
#define FVI_GELU_H

/* The Gaussian error linear unit of vectors. */

#include "backend/native/curves.h"

/*
 * exp(-x^2/2), and from it Phi(x) = erfc(-x/sqrt(2))/2 by Abramowitz & Stegun,
 * formula 7.1.26: off by less than 8e-8.
 */
static inline vec bell(vec x)
{
    return exp_(all(-0.5F) * x * x);
}

static inline vec Phi(vec x, vec bell_of_x)
{
    const vec size = V(max_ps)(x, V(setzero_ps)() - x);
    const vec t =
        all(1.0F) / (all(1.0F) + all(0.3275911F * 0.70710678F) * size);
    vec tail = all(1.061405429F);
    tail = tail * t + all(-1.453152027F);
    tail = tail * t + all(1.421413741F);
    tail = tail * t + all(-0.284496736F);
    tail = tail * t + all(0.254829592F);
    tail = tail * t * bell_of_x * all(0.5F);
    const vec upper = where_positive(x, all(1.0F) - tail - tail);
    return upper + tail;
}

static inline vec gelu(vec x)
{
    return x * Phi(x, bell(x));
}

#endif
