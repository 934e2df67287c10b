/* 16-bit floating point: bfloat16 is the upper half of an f32; binary16 has
 * 5 bits of exponent and 10 of fraction. Source: IEEE 754-2008, table 3.5. */
#include "model/half.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

float fvi_from_bf16(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t fvi_to_bf16(float x)
{
    uint32_t u = bits_of(x);
    if (isnan(x))
        return (uint16_t)((u >> 16) | 0x40); /* keeps a NaN a NaN */
    uint32_t half = 0x7fff + ((u >> 16) & 1);
    return (uint16_t)((u + half) >> 16);
}

float fvi_from_f16(uint16_t bits)
{
    float sign = bits & 0x8000 ? -1.0f : 1.0f;
    int exponent = (bits >> 10) & 31;
    float fraction = (float)(bits & 0x3ff);
    if (exponent == 31)
        return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf(fraction, -24);
    return sign * ldexpf(1024.0f + fraction, exponent - 25);
}

uint16_t fvi_to_f16(float x)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    float a = fabsf(x);
    if (isnan(x))
        return (uint16_t)(sign | 0x7e00);
    if (a >= 65520.0f) /* halfway between the largest number and 2^16 */
        return (uint16_t)(sign | 0x7c00);
    int exponent = 0;
    if (a >= 6.103515625e-5f) /* 2^-14, the smallest normal number */
        frexpf(a, &exponent);
    else
        exponent = -13;
    /* 11 bits hold the fraction with its leading one */
    float scaled = ldexpf(a, 11 - exponent);
    uint32_t n = (uint32_t)rintf(scaled);
    uint32_t biased = (uint32_t)(exponent + 13);
    return (uint16_t)(sign | (uint16_t)((biased << 10) + n));
}
