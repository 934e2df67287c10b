/* Samples of 1 to 64 bits, integers and floats, to numbers we can use. */
#include "image/sample.h"

#include <math.h>
#include <string.h>

bool fvi_sample_known(const fvi_sample *s)
{
    int b = s->bits;
    if (s->kind == FVI_FLOAT)
        return b == 16 || b == 24 || b == 32 || b == 64;
    if (s->kind == FVI_SIGNED)
        return b == 8 || b == 16 || b == 32 || b == 64;
    return (b >= 1 && b <= 32) || b == 64;
}

fv_dtype fvi_sample_dtype(const fvi_sample *s)
{
    int b = s->bits;
    if (b == 64)
        return FV_F64;
    if (s->kind == FVI_FLOAT)
        return FV_F32;
    if (s->kind == FVI_SIGNED)
        return b == 8 ? FV_I8 : b == 16 ? FV_I16 : FV_I32;
    return b <= 8 ? FV_U8 : b <= 16 ? FV_U16 : FV_U32;
}

/* A float of 1 sign, `e` exponent and `m` mantissa bits, from its bits.
 * Source: IEEE 754-2019, 3.4. */
static float small_float(uint32_t bits, int e, int m)
{
    int bias = (1 << (e - 1)) - 1;
    uint32_t mantissa = bits & ((1u << m) - 1);
    int exponent = (int)(bits >> m & ((1u << e) - 1));
    float x;
    if (exponent == (1 << e) - 1)
        x = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexpf((float)mantissa, 1 - bias - m);
    else
        x = ldexpf((float)(mantissa | 1u << m), exponent - bias - m);
    return bits >> (e + m) & 1 ? -x : x;
}

static void small_floats(int bits, const unsigned char *from, int64_t n,
                         float *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = 0;
        memcpy(&v, from + i * bits / 8, (size_t)bits / 8);
        to[i] = bits == 16 ? small_float(v, 5, 10) : small_float(v, 7, 16);
    }
}

static void wide_integers(bool is_signed, const unsigned char *from, int64_t n,
                          double *to)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, from + i * 8, sizeof v);
        to[i] = is_signed ? (double)(int64_t)v : (double)v;
    }
}

static void put(void *to, int bits, int64_t i, uint32_t v)
{
    if (bits <= 8)
        ((uint8_t *)to)[i] = (uint8_t)v;
    else if (bits <= 16)
        ((uint16_t *)to)[i] = (uint16_t)v;
    else
        ((uint32_t *)to)[i] = v;
}

/* Packed from the high bit of each byte on, as TIFF does. */
static void odd_integers(int bits, const unsigned char *from, int64_t n,
                         void *to)
{
    uint64_t hold = 0;
    int held = 0;
    for (int64_t i = 0; i < n; i++) {
        for (; held < bits; held += 8)
            hold = hold << 8 | *from++;
        held -= bits;
        put(to, bits, i,
            (uint32_t)(hold >> held & (((uint64_t)1 << bits) - 1)));
    }
}

static void invert(int bits, const void *from, int64_t n, void *to)
{
    uint32_t top = (uint32_t)(((uint64_t)1 << bits) - 1);
    if (bits <= 8)
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)to)[i] = (uint8_t)(top - ((const uint8_t *)from)[i]);
    else if (bits <= 16)
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)to)[i] = (uint16_t)(top - ((const uint16_t *)from)[i]);
    else
        for (int64_t i = 0; i < n; i++)
            ((uint32_t *)to)[i] = top - ((const uint32_t *)from)[i];
}

const void *fvi_sample_row(const fvi_sample *s, const void *packed, int64_t n,
                           void *typed)
{
    int b = s->bits;
    if (s->kind == FVI_FLOAT && b < 32) {
        small_floats(b, packed, n, typed);
        return typed;
    }
    if (s->kind != FVI_FLOAT && b == 64) {
        wide_integers(s->kind == FVI_SIGNED, packed, n, typed);
        return typed;
    }
    if (s->kind != FVI_UNSIGNED)
        return packed;
    if (b != 8 && b != 16 && b != 32) {
        odd_integers(b, packed, n, typed);
        packed = typed;
    }
    if (!s->invert)
        return packed;
    invert(b, packed, n, typed);
    return typed;
}

#define SCATTER(T)                  \
    for (int64_t i = 0; i < n; i++) \
    ((T *)to)[offset + i * stride] = ((const T *)from)[i * step]

void fvi_scatter(fv_dtype dtype, const void *from, int64_t step, int64_t n,
                 void *to, int64_t offset, int64_t stride)
{
    size_t size = fv_dtype_size(dtype);
    if (step == 1 && stride == 1)
        memcpy((char *)to + offset * (int64_t)size, from, (size_t)n * size);
    else if (size == 1)
        SCATTER(uint8_t);
    else if (size == 2)
        SCATTER(uint16_t);
    else if (size == 4)
        SCATTER(uint32_t);
    else
        SCATTER(uint64_t);
}

void fvi_swap_bytes(void *data, int64_t n, int size)
{
    unsigned char *p = data;
    for (int64_t i = 0; i < n; i++, p += size)
        for (int lo = 0, hi = size - 1; lo < hi; lo++, hi--) {
            unsigned char keep = p[lo];
            p[lo] = p[hi];
            p[hi] = keep;
        }
}
