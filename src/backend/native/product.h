#ifndef FVI_PRODUCT_H
#define FVI_PRODUCT_H

/*
 * Small matrix products from registers. A word is a float or, in files
 * compiled with FV_HALF, two neighboring numbers along the sum as bf16, which
 * are multiplied as they are and added up in float.
 */

#include "backend/native/simd.h"

#ifdef FV_HALF
#include "backend/native/half.h"
enum { PAIR = 2 };
typedef uint32_t word;
#else
enum { PAIR = 1 };
typedef float word;
#endif

/* Rows of a result in registers at once, and vectors of it. */
enum { ROWS = 6, WIDE = LANES == 16 ? 4 : 2 };

#ifdef FV_HALF
/* The nearest, ties to even; NaN stays NaN. */
static inline uint32_t half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U)
        return bits >> 16 | 0x40U;
    return (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
}

/* Number k of a word is x[k], zero from `count` on. */
static inline word word_of(const float *x, int64_t count)
{
    return (count > 0 ? half(x[0]) : 0) | (count > 1 ? half(x[1]) << 16 : 0);
}

/* Words of neighbors: (a0, a1), (a2, a3), ..., (b0, b1), ... */
static inline void pair_up(vec a, vec b, word *to)
{
    _mm512_storeu_si512(to, line(a, b));
}

/* Words of lanes: (a0, b0), (a1, b1), ... */
static inline void interleave(vec a, vec b, word *to)
{
    _mm512_storeu_si512(to, pairs(a, b));
}

static inline vec multiply_add(vec sum, const word *a, const word *b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32((int)*a),
                            (__m512bh)_mm512_loadu_si512(b));
}
#else
static inline word word_of(const float *x, int64_t count)
{
    return count > 0 ? x[0] : 0;
}

static inline vec multiply_add(vec sum, const word *a, const word *b)
{
    return V(fmadd_ps)(all(*a), load(b), sum);
}
#endif

/* `count` numbers as words, padded with zeros to `words`. */
static inline void pack_words(const float *x, int64_t count, word *to,
                              int64_t words)
{
    const int64_t whole = least(count / PAIR, words);
    int64_t k = 0;
#ifdef FV_HALF
    for (; k + LANES <= whole; k += LANES)
        pair_up(load(x + 2 * k), load(x + 2 * k + LANES), to + k);
#endif
    for (; k < whole; k++)
        to[k] = word_of(x + PAIR * k, PAIR);
    for (; k < words; k++)
        to[k] = word_of(x + PAIR * k, count - PAIR * k);
}

#define UNROLL _Pragma("GCC unroll 8")

/* y[r][0..wide) (+)= sum over k of a[r*row + k*step] b[k][0..wide), where wide
 * is `vectors` of LANES and both are known when this is compiled. */
static inline __attribute__((always_inline)) void product(
    int rows, int vectors, const word *a, int64_t row, int64_t step,
    const word *b, int64_t depth, float *y, int64_t pitch, bool add)
{
    vec sum[ROWS][WIDE];
#define EACH                              \
    UNROLL for (int r = 0; r < rows; r++) \
        UNROLL for (int v = 0; v < vectors; v++)
    EACH sum[r][v] = add ? load(y + r * pitch + v * LANES) : V(setzero_ps)();
    for (int64_t k = 0; k < depth; k++)
        EACH sum[r][v] = multiply_add(sum[r][v], a + r * row + k * step,
                                      b + (k * vectors + v) * LANES);
    EACH V(storeu_ps)(y + r * pitch + v * LANES, sum[r][v]);
#undef EACH
}

typedef void product_of(const word *a, int64_t row, int64_t step, const word *b,
                        int64_t depth, float *y, int64_t pitch, bool add);

#define PRODUCT_OF(rows, vectors)                                      \
    static void product_##rows##_##vectors(                            \
        const word *a, int64_t row, int64_t step, const word *b,       \
        int64_t depth, float *y, int64_t pitch, bool add)              \
    {                                                                  \
        product(rows, vectors, a, row, step, b, depth, y, pitch, add); \
    }
#define PRODUCT_NAME(rows, vectors) product_##rows##_##vectors
#if defined __AVX512F__
#define PRODUCTS(X, rows) X(rows, 1) X(rows, 2) X(rows, 3) X(rows, 4)
#define NAMES(rows)                                                 \
    {                                                               \
        product_##rows##_1, product_##rows##_2, product_##rows##_3, \
            product_##rows##_4                                      \
    }
#else
#define PRODUCTS(X, rows) X(rows, 1) X(rows, 2)
#define NAMES(rows)                            \
    {                                          \
        product_##rows##_1, product_##rows##_2 \
    }
#endif
PRODUCTS(PRODUCT_OF, 1)
PRODUCTS(PRODUCT_OF, 2)
PRODUCTS(PRODUCT_OF, 3)
PRODUCTS(PRODUCT_OF, 4)
PRODUCTS(PRODUCT_OF, 5)
PRODUCTS(PRODUCT_OF, 6)

/* [rows - 1][vectors - 1] */
static product_of *const products[ROWS][WIDE] = {NAMES(1), NAMES(2), NAMES(3),
                                                 NAMES(4), NAMES(5), NAMES(6)};

/* A packed matrix b: panels of at most WIDE vectors side by side, each
 * [k][vector][lane]. */
typedef struct panels {
    int64_t depth, vectors; /* words along the sum; vectors of the result */
} panels;

static inline int64_t panel_count(const panels *p)
{
    return blocks_of(p->vectors, WIDE);
}

/* Vector at which panel i begins: all are about as wide. */
static inline int64_t panel_start(const panels *p, int64_t i)
{
    return i * p->vectors / panel_count(p);
}

/* Where word k of column c is. */
static inline int64_t panel_word(const panels *p, int64_t i, int64_t k,
                                 int64_t column)
{
    int64_t start = panel_start(p, i);
    int64_t wide = (panel_start(p, i + 1) - start) * LANES;
    return start * LANES * p->depth + k * wide + column - start * LANES;
}

/* y[r][...] (+)= a b for all panels; at most ROWS rows. */
static inline void multiply(const panels *p, int64_t rows, const word *a,
                            int64_t row, int64_t step, const word *b, float *y,
                            int64_t pitch, bool add)
{
    for (int64_t i = 0; i < panel_count(p); i++) {
        int64_t start = panel_start(p, i), end = panel_start(p, i + 1);
        products[rows - 1][end - start - 1](
            a, row, step, b + start * LANES * p->depth, p->depth,
            y + start * LANES, pitch, add);
    }
}

#endif
