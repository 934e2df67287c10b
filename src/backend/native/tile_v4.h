#ifndef FVI_TILE_V4_H
#define FVI_TILE_V4_H

/* The one-dimensional transforms of F(4x4,3x3), sixteen channels at a time. */

#include <immintrin.h>

typedef __m512 vec;

#define BROADCAST(number) _mm512_set1_ps(number)

static inline vec fma_(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec add_(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec sub_(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

/* o = B' d:
 *   4  0 -5  0  1  0
 *   0 -4 -4  1  1  0
 *   0  4 -4 -1  1  0
 *   0 -2 -1  2  1  0
 *   0  2 -1 -2  1  0
 *   0  4  0 -5  0  1 */
static inline void wino_input(const vec d[6], vec o[6])
{
    const vec two = BROADCAST(2), four = BROADCAST(4), five = BROADCAST(5);
    vec even = _mm512_fnmadd_ps(four, d[2], d[4]);
    vec odd = _mm512_fnmadd_ps(four, d[1], d[3]);
    vec even2 = sub_(d[4], d[2]);
    vec odd2 = sub_(d[3], d[1]);
    o[0] = fma_(four, d[0], _mm512_fnmadd_ps(five, d[2], d[4]));
    o[1] = add_(even, odd);
    o[2] = sub_(even, odd);
    o[3] = fma_(two, odd2, even2);
    o[4] = _mm512_fnmadd_ps(two, odd2, even2);
    o[5] = fma_(four, d[1], _mm512_fnmadd_ps(five, d[3], d[5]));
}

/* o = A' m:
 *   1  1  1  1  1  0
 *   0  1 -1  2 -2  0
 *   0  1  1  4  4  0
 *   0  1 -1  8 -8  1 */
static inline void wino_output(const vec m[6], vec o[4])
{
    const vec two = BROADCAST(2), four = BROADCAST(4), eight = BROADCAST(8);
    vec sum1 = add_(m[1], m[2]), difference1 = sub_(m[1], m[2]);
    vec sum2 = add_(m[3], m[4]), difference2 = sub_(m[3], m[4]);
    o[0] = add_(add_(m[0], sum1), sum2);
    o[1] = fma_(two, difference2, difference1);
    o[2] = fma_(four, sum2, sum1);
    o[3] = add_(fma_(eight, difference2, difference1), m[5]);
}

/* o = A d, the transpose of the above. */
static inline void wino_output_back(const vec d[4], vec o[6])
{
    const vec two = BROADCAST(2), four = BROADCAST(4);
    vec even = add_(d[0], d[2]), odd = add_(d[1], d[3]);
    vec even2 = fma_(four, d[2], d[0]);
    vec odd2 = fma_(four, d[3], d[1]);
    o[0] = d[0];
    o[1] = add_(even, odd);
    o[2] = sub_(even, odd);
    o[3] = fma_(two, odd2, even2);
    o[4] = _mm512_fnmadd_ps(two, odd2, even2);
    o[5] = d[3];
}

/* o = G g:
 *    1/4   0    0
 *   -1/6 -1/6 -1/6
 *   -1/6  1/6 -1/6
 *   1/24 1/12  1/6
 *   1/24 -1/12 1/6
 *     0    0    1 */
static inline void wino_weight(const vec g[3], vec o[6])
{
    const vec quarter = BROADCAST(0.25F), sixth = BROADCAST(-1.0F / 6);
    const vec part = BROADCAST(1.0F / 24), half = BROADCAST(1.0F / 12);
    vec outer = _mm512_mul_ps(sixth, add_(g[0], g[2]));
    vec far = fma_(part, g[0], _mm512_mul_ps(BROADCAST(1.0F / 6), g[2]));
    o[0] = _mm512_mul_ps(quarter, g[0]);
    o[1] = fma_(sixth, g[1], outer);
    o[2] = _mm512_fnmadd_ps(sixth, g[1], outer);
    o[3] = fma_(half, g[1], far);
    o[4] = _mm512_fnmadd_ps(half, g[1], far);
    o[5] = g[2];
}

/* o = G' u, the transpose of the above. */
static inline void wino_weight_back(const vec u[6], vec o[3])
{
    const vec quarter = BROADCAST(0.25F), sixth = BROADCAST(1.0F / 6);
    const vec part = BROADCAST(1.0F / 24), half = BROADCAST(1.0F / 12);
    vec near = add_(u[1], u[2]), far = add_(u[3], u[4]);
    vec outer = _mm512_mul_ps(sixth, near);
    o[0] = sub_(fma_(part, far, _mm512_mul_ps(quarter, u[0])), outer);
    o[1] = fma_(half, sub_(u[3], u[4]), _mm512_mul_ps(sixth, sub_(u[2], u[1])));
    o[2] = add_(fma_(sixth, far, u[5]), sub_(_mm512_setzero_ps(), outer));
}

/* The first `n` of sixteen lanes. */
static inline __mmask16 lanes(int64_t n)
{
    return (__mmask16)(n >= 16 ? 0xFFFFU : (1U << n) - 1U);
}

#endif
