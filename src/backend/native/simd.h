#ifndef FVI_SIMD_H
#define FVI_SIMD_H

/*
 * Vectors of floats for files that are compiled once per instruction set;
 * FV_ISA is v3 (AVX2) or v4 (AVX-512) and ends every shared name.
 */

#include "backend/native/native.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define FVI_CAT_(a, b) a##_##b
#define FVI_CAT(a, b)  FVI_CAT_(a, b)
#define ISA(name)      FVI_CAT(name, FV_ISA)

#ifdef __AVX512F__
enum { LANES = 16 };
typedef __m512 vec;
#define V(operation) _mm512_##operation
#else
enum { LANES = 8 };
typedef __m256 vec;
#define V(operation) _mm256_##operation
#endif

static inline vec load(const float *x)
{
    return V(loadu_ps)(x);
}

static inline vec all(float x)
{
    return V(set1_ps)(x);
}

/* Stores, past the caches when `past` (y is then aligned). */
static inline void store(float *y, vec x, bool past)
{
    if (past)
        V(stream_ps)(y, x);
    else
        V(storeu_ps)(y, x);
}

/* y = x or y += x. */
static inline void put(float *y, vec x, bool add, bool past)
{
    if (add)
        x += load(y);
    store(y, x, past);
}

/* x where y > 0, else 0. */
static inline vec where_positive(vec y, vec x)
{
#ifdef __AVX512F__
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ), x);
#else
    return _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_GT_OQ), x);
#endif
}

/* max(y, 0); NaN stays NaN. */
static inline vec relu(vec y)
{
    return V(max_ps)(V(setzero_ps)(), y);
}

/* The first n (at least 1) of LANES numbers; the others are 0. */
static inline vec load_some(const float *x, int64_t n)
{
    float some[LANES] = {0};
    memcpy(some, x, (size_t)n * sizeof *x);
    return load(some);
}

static inline void put_some(float *y, vec x, int64_t n, bool add)
{
    float some[LANES];
    if (add)
        x += load_some(y, n);
    V(storeu_ps)(some, x);
    memcpy(y, some, (size_t)n * sizeof *y);
}

/* The sum of the lanes, in order. */
static inline float total_of(vec x)
{
    float part[LANES], sum = 0;
    V(storeu_ps)(part, x);
    for (int i = 0; i < LANES; i++)
        sum += part[i];
    return sum;
}

/* Results of so many numbers would not stay in the caches: they are written
 * past them, when rows of `row` numbers keep the vectors aligned. */
static inline bool write_past(const float *y, int64_t numbers, int64_t row)
{
    return numbers >= FVI_PAST && (uintptr_t)y % 64 == 0 && row % LANES == 0;
}

/* Blocks that `rows` make. */
static inline int64_t blocks_of(int64_t rows, int64_t block)
{
    return (rows + block - 1) / block;
}

/* Numbers in a block of element by element work. */
enum { NUMBERS = 8192 };

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
