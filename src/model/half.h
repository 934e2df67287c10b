#ifndef FVI_HALF_H
#define FVI_HALF_H

/* 16-bit floating point numbers, as files store them. */

#include <stdint.h>

float fvi_from_bf16(uint16_t bits);
float fvi_from_f16(uint16_t bits);

/* Rounded to the nearest, ties to even. A number too large for f16 becomes an
 * infinity; NaN stays NaN. */
uint16_t fvi_to_bf16(float x);
uint16_t fvi_to_f16(float x);

#endif
