#ifndef FVI_REF_SUM_H
#define FVI_REF_SUM_H

/* Sums in an order that is fixed and that a compiler can vectorize. */

#include "backend/ref/real.h"

/* sum_k a[k] b[k], in eight interleaved parts. */
static inline real fvi_dot(const real *a, const real *b, int64_t n)
{
    real part[8] = {0};
    int64_t k = 0;
    for (; k + 8 <= n; k += 8)
        FOR (lane, 8)
            part[lane] += a[k + lane] * b[k + lane];
    for (; k < n; k++)
        part[k % 8] += a[k] * b[k];
    return ((part[0] + part[4]) + (part[2] + part[6])) +
           ((part[1] + part[5]) + (part[3] + part[7]));
}

/* y[k] += sum_c x[c] f[c,k], each y[k] in the order of c. Sixteen at a time
 * stay in registers. */
static inline void fvi_add_product(real *y, const real *x, const real *f,
                                   int64_t C, int64_t K)
{
    int64_t k = 0;
    for (; k + 16 <= K; k += 16) {
        real sum[16];
        FOR (lane, 16)
            sum[lane] = y[k + lane];
        FOR2 (c, C, lane, 16)
            sum[lane] += x[c] * f[c * K + k + lane];
        FOR (lane, 16)
            y[k + lane] = sum[lane];
    }
    for (; k < K; k++)
        FOR (c, C)
            y[k] += x[c] * f[c * K + k];
}

/* y[k] = b[k], or zero without a bias. */
static inline void fvi_start(real *y, const real *b, int64_t K)
{
    FOR (k, K)
        y[k] = b ? b[k] : 0;
}

/* y = y if y > 0, else 0 or slope y; NaN stays. */
static inline void fvi_activate(real *y, int64_t n, fvi_act act, float slope)
{
    if (act == FVI_ACT_NONE)
        return;
    real low = act == FVI_ACT_LEAKY ? (real)slope : 0;
    FOR (k, n)
        y[k] = y[k] < 0 ? (low > 0 ? low * y[k] : 0) : y[k];
}

#endif
