#ifndef FVI_CURVES_H
#define FVI_CURVES_H

/* exp, 2^x and log of vectors. Relative error below 3e-7. */

#include "backend/native/simd.h"

#ifdef __AVX512F__
typedef __m512i ivec;
#define I(operation)   _mm512_##operation##_epi32
#define AS_FLOAT(bits) _mm512_castsi512_ps(bits)
#define AS_BITS(x)     _mm512_castps_si512(x)
#else
typedef __m256i ivec;
#define I(operation)   _mm256_##operation##_epi32
#define AS_FLOAT(bits) _mm256_castsi256_ps(bits)
#define AS_BITS(x)     _mm256_castps_si256(x)
#endif

/* exp x = 2^n exp r with |r| <= log(2)/2, the latter by its series. Arguments
 * are kept within -87..88. */
static inline vec exp_(vec x)
{
    const float log2_high = 0x1.62e4p-1F, log2_low = 0x1.7f7d1cp-20F;
    x = V(max_ps)(all(-87.0F), V(min_ps)(all(88.0F), x));
    ivec n = V(cvtps_epi32)(x * all(1.44269504F));
    vec whole = V(cvtepi32_ps)(n);
    vec r = x - whole * all(log2_high) - whole * all(log2_low);
    vec sum = all(1.0F / 5040);
    sum = sum * r + all(1.0F / 720);
    sum = sum * r + all(1.0F / 120);
    sum = sum * r + all(1.0F / 24);
    sum = sum * r + all(1.0F / 6);
    sum = sum * r + all(0.5F);
    sum = sum * r + all(1.0F);
    sum = sum * r + all(1.0F);
    return AS_FLOAT(I(add)(AS_BITS(sum), I(slli)(n, 23)));
}

/* 2^x for x <= 0, from its nearest whole number by a polynomial with the least
 * largest relative error, 8e-8; 0 below -126. */
static inline vec exp2_(vec x)
{
    const vec low = V(max_ps)(all(-126.0F), x);
    const ivec n = V(cvtps_epi32)(low);
    const vec r = low - V(cvtepi32_ps)(n);
    vec sum = all(0x1.5c08ccp-10F);
    sum = V(fmadd_ps)(sum, r, all(0x1.3d0c52p-7F));
    sum = V(fmadd_ps)(sum, r, all(0x1.c6b6e6p-5F));
    sum = V(fmadd_ps)(sum, r, all(0x1.ebf918p-3F));
    sum = V(fmadd_ps)(sum, r, all(0x1.62e428p-1F));
    sum = V(fmadd_ps)(sum, r, all(0x1.000002p+0F));
    sum = AS_FLOAT(I(add)(AS_BITS(sum), I(slli)(n, 23)));
    /* greater or not a number: NaN stays NaN */
#ifdef __AVX512F__
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, all(-126.0F), _CMP_NLT_UQ),
                               sum);
#else
    return _mm256_and_ps(_mm256_cmp_ps(x, all(-126.0F), _CMP_NLT_UQ), sum);
#endif
}

/* 2 artanh s = log((1+s)/(1-s)) by its series, for |s| <= 1/3. */
static inline vec twice_artanh(vec s)
{
    vec s2 = s * s, sum = all(2.0F / 17);
    sum = sum * s2 + all(2.0F / 15);
    sum = sum * s2 + all(2.0F / 13);
    sum = sum * s2 + all(2.0F / 11);
    sum = sum * s2 + all(2.0F / 9);
    sum = sum * s2 + all(2.0F / 7);
    sum = sum * s2 + all(2.0F / 5);
    sum = sum * s2 + all(2.0F / 3);
    return s * s2 * sum + all(2.0F) * s;
}

/* log(1 + x), 0 <= x <= 1. */
static inline vec log1p_(vec x)
{
    return twice_artanh(x / (x + all(2.0F)));
}

/* log x for normal positive x = 2^n m, 1/sqrt(2) <= m < sqrt(2). */
static inline vec log_(vec x)
{
    const int bias = 0x3F3504F3; /* the bits of 1/sqrt(2) */
    ivec n = I(srai)(I(sub)(AS_BITS(x), I(set1)(bias)), 23);
    vec m = AS_FLOAT(I(sub)(AS_BITS(x), I(slli)(n, 23)));
    vec part = twice_artanh((m - all(1.0F)) / (m + all(1.0F)));
    return V(cvtepi32_ps)(n) * all(0.69314718F) + part;
}

#endif
