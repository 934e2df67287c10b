/*
 * The Euler step of flow_walk.c for AVX-512, eight points at once: the same
 * arithmetic in the same order, so the same bits.
 */

#include "task/flow.h"

#include <immintrin.h>

/* The rows or columns around eight positions, with their weights. */
typedef struct pair {
    __m512i lo, hi;
    __m512d wlo, whi;
} pair;

static inline pair around(const fvi_flow_axis *a, __m256 p)
{
    __m512i one = _mm512_set1_epi64(1), n = _mm512_set1_epi64(a->n);
    __m512d at = _mm512_add_pd(
        _mm512_mul_pd(_mm512_cvtps_pd(p), _mm512_set1_pd(a->factor)),
        _mm512_set1_pd(a->shift));
    __m512i hi = _mm512_cvttpd_epi64(_mm512_add_pd(at, _mm512_set1_pd(1)));
    __m512i lo = _mm512_sub_epi64(hi, one);
    __m512d part = _mm512_sub_pd(at, _mm512_cvtepi64_pd(lo));
    __mmask8 first = _mm512_cmpgt_epi64_mask(hi, _mm512_setzero_si512());
    __mmask8 second = _mm512_cmplt_epi64_mask(hi, n);
    return (pair){_mm512_maskz_mov_epi64(first, lo),
                  _mm512_mask_mov_epi64(lo, second, hi),
                  _mm512_maskz_sub_pd(first, _mm512_set1_pd(1), part),
                  _mm512_maskz_mov_pd(second, part)};
}

/* Eight pairs (dY, dX) of the pixels with these places in the plane. */
static inline __m512i field_at(const fvi_flow_walk *k, __m512i place)
{
    return _mm512_i64gather_epi64(place, (const void *)k->field, 8);
}

static inline __m512d half(__m512i pairs)
{
    return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm512_cvtepi64_epi32(pairs)));
}

static inline __m512d blend(__m512i a, __m512i b, __m512i c, __m512i d,
                            const __m512d w[4])
{
    __m512d sum = _mm512_mul_pd(half(a), w[0]);
    sum = _mm512_add_pd(sum, _mm512_mul_pd(half(b), w[1]));
    sum = _mm512_add_pd(sum, _mm512_mul_pd(half(c), w[2]));
    return _mm512_add_pd(sum, _mm512_mul_pd(half(d), w[3]));
}

static inline __m256 moved(__m256 p, __m512d step, int64_t n)
{
    __m256 q = _mm256_add_ps(p, _mm512_cvtpd_ps(step));
    q = _mm256_max_ps(q, _mm256_setzero_ps());
    return _mm256_min_ps(q, _mm256_set1_ps((float)(n - 1)));
}

void fvi_flow_walk_v4(const fvi_flow_walk *k, float *y, float *x, int64_t count)
{
    __m512i width = _mm512_set1_epi64(k->x.n);
    for (int64_t i = 0; i < count; i += 8) {
        __m256 py = _mm256_loadu_ps(y + i), px = _mm256_loadu_ps(x + i);
        pair v = around(&k->y, py), u = around(&k->x, px);
        __m512i up = _mm512_mullo_epi64(v.lo, width);
        __m512i down = _mm512_mullo_epi64(v.hi, width);
        __m512i a = field_at(k, _mm512_add_epi64(up, u.lo));
        __m512i b = field_at(k, _mm512_add_epi64(up, u.hi));
        __m512i c = field_at(k, _mm512_add_epi64(down, u.lo));
        __m512i d = field_at(k, _mm512_add_epi64(down, u.hi));
        const __m512d w[4] = {
            _mm512_mul_pd(v.wlo, u.wlo), _mm512_mul_pd(v.wlo, u.whi),
            _mm512_mul_pd(v.whi, u.wlo), _mm512_mul_pd(v.whi, u.whi)};
        __m512d dy = blend(a, b, c, d, w);
        __m512d dx =
            blend(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32),
                  _mm512_srli_epi64(c, 32), _mm512_srli_epi64(d, 32), w);
        _mm256_storeu_ps(y + i, moved(py, dy, k->y.n));
        _mm256_storeu_ps(x + i, moved(px, dx, k->x.n));
    }
}
