/* From sums to the outputs of a linear layer: bias, activation, what is added,
 * and bf16 where only products read on. */
#include "backend/native/linear_half.h"

/* Rows of outputs that the first cache is asked for ahead: they are so far
 * apart that it would not keep the 32 of a block. */
enum { SOON = 6 };

/*
 * x Phi(x), off by less than 2e-5, a hundredth of what bf16 rounds at 1. Phi is
 * odd about 1/2: Phi(x) = 1/2 + x P(x^2) for |x| <= 5, with P(25) = 1/10 so
 * that it ends at 0 and 1, and P's other coefficients those with the least
 * largest error of x Phi(x).
 */
static inline vec gelu(vec x)
{
    static const float q[] = {
        -0x1.87c0f0p-7F,  0x1.1d2662p-9F,  -0x1.41985cp-12F, 0x1.13c78ap-15F,
        -0x1.66d58ep-19F, 0x1.59c06ep-23F, -0x1.d85170p-28F, 0x1.abcb6ep-33F,
        -0x1.c90de2p-39F, 0x1.b18a9ap-46F};
    const vec end = _mm512_set1_ps(5);
    /* the operand of least size with the sign of x; NaN stays */
    const vec near = _mm512_range_ps(x, end, 2);
    const vec u = _mm512_mul_ps(near, near);
    vec sum = _mm512_set1_ps(q[9]);
    for (int i = 8; i >= 0; i--)
        sum = _mm512_fmadd_ps(sum, u, _mm512_set1_ps(q[i]));
    sum = _mm512_fmadd_ps(_mm512_sub_ps(u, _mm512_set1_ps(25)), sum,
                          _mm512_set1_ps(0.1F));
    return _mm512_mul_ps(x, _mm512_fmadd_ps(near, sum, _mm512_set1_ps(0.5F)));
}

static inline vec activate(const fvi_linear *o, vec y)
{
    const vec zero = _mm512_setzero_ps();
    if (o->act == FVI_ACT_GELU)
        return gelu(y);
    if (o->act == FVI_ACT_RELU)
        return _mm512_max_ps(zero, y); /* NaN stays */
    if (o->act == FVI_ACT_LEAKY)
        return _mm512_mask_mul_ps(y, _mm512_cmp_ps_mask(y, zero, _CMP_LT_OQ), y,
                                  _mm512_set1_ps(o->slope));
    return y;
}

static inline vec output(const fvi_linear_end *e, int64_t i, int z)
{
    const vec sum = _mm512_load_ps(e->sum + i * FVI_BLOCK + z * FVI_TILE);
    const vec y = activate(&e->s->o, _mm512_add_ps(sum, e->bias[z]));
    if (!e->f->added)
        return y;
    const int64_t at = (e->m + i) * e->s->K + e->k + z * FVI_TILE;
    return _mm512_add_ps(y,
                         _mm512_maskz_loadu_ps(e->mask[z], e->f->added + at));
}

/* Asks for 32 outputs in f32 from number `at` on, and for what is added. Always
 * inlined: GCC drops calls of functions that only prefetch. */
static inline __attribute__((always_inline)) void ask_for(
    const fvi_linear_end *e, int64_t at)
{
    const float *y = e->f->y, *added = e->f->added;
    const int64_t end = e->s->M * e->s->K;
    for (int64_t i = at; i < at + FVI_BLOCK && i < end; i += FVI_TILE) {
        __builtin_prefetch(y + i, 1, 3);
        if (added)
            __builtin_prefetch(added + i, 0, 3);
    }
}

static inline void finish_row(const fvi_linear_end *e, int64_t i)
{
    const fvi_linear_half *s = e->s;
    if (e->f->tiled) {
        uint16_t *to = (uint16_t *)e->f->y +
                       (e->m * s->wide + e->k) * FVI_BLOCK + i * FVI_BLOCK;
        __m512i y = _mm512_setzero_si512();
        if (e->m + i < s->M)
            y = line(_mm512_maskz_mov_ps(e->mask[0], output(e, i, 0)),
                     _mm512_maskz_mov_ps(e->mask[1], output(e, i, 1)));
        _mm512_storeu_si512(to, y);
    } else {
        const int64_t at = (e->m + i) * s->K + e->k;
        float *to = (float *)e->f->y + at;
        if (i + SOON < e->rows)
            ask_for(e, at + SOON * s->K);
        _mm512_mask_storeu_ps(to, e->mask[0], output(e, i, 0));
        _mm512_mask_storeu_ps(to + FVI_TILE, e->mask[1], output(e, i, 1));
    }
}

void fvi_linear_half_wait(fvi_linear_end *e, const float *sum, int64_t m,
                          int64_t k)
{
    const int64_t n = e->s->K - k, left = e->s->M - m;
    e->sum = sum;
    e->m = m;
    e->k = k;
    e->row = 0;
    e->rows = e->f->tiled || left > FVI_BLOCK ? FVI_BLOCK : left;
    for (int z = 0; z < 2; z++) {
        const int64_t side = z * FVI_TILE;
        e->mask[z] = lanes(n - side);
        e->bias[z] = e->f->bias ? load_n(e->f->bias + k + side, n - side)
                                : _mm512_setzero_ps();
    }
}

static inline void ask(const fvi_linear_ask *next, int64_t step)
{
    const int64_t line_of = 32;
    for (int64_t i = 0; i < next->numbers; i += line_of)
        __builtin_prefetch(next->from + step * next->numbers + i, 0, 2);
}

void fvi_linear_half_meanwhile(void *of, int64_t step)
{
    fvi_linear_end *e = of;
    ask(&e->next_w, step);
    ask(&e->next_x, step);
    for (int64_t i = 0; i < e->share && e->row < e->rows; i++)
        finish_row(e, e->row++);
}

void fvi_linear_half_finish(fvi_linear_end *e)
{
    while (e->row < e->rows)
        finish_row(e, e->row++);
}
