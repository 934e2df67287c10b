#ifndef FVI_HALF_H
#define FVI_HALF_H

/* Floats to bf16 sixteen at a time, in the orders that tiles have. */

#include "backend/native/tiles.h"

#include <immintrin.h>

typedef __m512 vec;

/* The first n of sixteen lanes; none when n is not positive. */
static inline __mmask16 lanes(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xFFFFU : n <= 0 ? 0 : (1U << n) - 1U);
}

/* The first n floats, then zeros; x may be NULL when n is not positive. */
static inline vec load_n(const float *x, int64_t n)
{
    if (n >= 16)
        return _mm512_loadu_ps(x);
    return n <= 0 ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes(n), x);
}

/* a0 a1 ... a15 b0 ... b15 */
static inline __m512i line(vec a, vec b)
{
    return (__m512i)_mm512_cvtne2ps_pbh(b, a);
}

/* a0 b0 a1 b1 ... */
static inline __m512i pairs(vec a, vec b)
{
    static const uint16_t order[32] __attribute__((aligned(64))) = {
        0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_permutexvar_epi16(_mm512_load_si512(order), line(a, b));
}

/* Rows become columns: sixteen vectors of sixteen words. */
static inline void turn(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 16; i += 8)
        for (int j = i; j < i + 4; j++) {
            t[j] = _mm512_shuffle_i32x4(r[j], r[j + 4], 0x88);
            t[j + 4] = _mm512_shuffle_i32x4(r[j], r[j + 4], 0xDD);
        }
    for (int j = 0; j < 8; j++) {
        r[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
        r[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xDD);
    }
}

#endif
