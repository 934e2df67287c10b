/* Counter-based random numbers. Source: Salmon et al. 2011, Philox 4x32-10. */
#include "base/base.h"

#include <math.h>

void fvi_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

fvi_rng fvi_rng_new(uint64_t seed, uint64_t stream)
{
    return (fvi_rng){.seed = seed, .stream = stream};
}

uint32_t fvi_rng_u32(fvi_rng *r)
{
    if (r->left == 0) {
        fvi_philox(r->seed, r->stream, r->index++, r->word);
        r->left = 4;
    }
    return r->word[4 - r->left--];
}

double fvi_rng_uniform(fvi_rng *r)
{
    uint64_t high = fvi_rng_u32(r) >> 5, low = fvi_rng_u32(r) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

double fvi_rng_between(fvi_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * fvi_rng_uniform(r);
}

int64_t fvi_rng_below(fvi_rng *r, int64_t n)
{
    int64_t i = (int64_t)(fvi_rng_uniform(r) * (double)n);
    return i < n ? i : n - 1;
}

/* Box & Muller 1958. */
double fvi_rng_normal(fvi_rng *r)
{
    double u = 1.0 - fvi_rng_uniform(r), v = fvi_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* Small means: count exponential waits (Knuth). Large: transformed rejection.
 * Source: Hormann 1993, algorithm PTRS. */
int64_t fvi_rng_poisson(fvi_rng *r, double mean)
{
    if (mean < 30) {
        double limit = exp(-mean), product = fvi_rng_uniform(r);
        int64_t k = 0;
        while (product > limit) {
            product *= fvi_rng_uniform(r);
            k++;
        }
        return k;
    }
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inv_alpha = 1.1239 + 1.1328 / (b - 3.4);
    double v_r = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = fvi_rng_uniform(r) - 0.5, v = 1.0 - fvi_rng_uniform(r);
        double us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v * inv_alpha / (a / (us * us) + b)) <=
            k * log(mean) - mean - lgamma(k + 1))
            return (int64_t)k;
    }
}

uint64_t fvi_hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}
