/* From scores to weights, for 32 queries side by side. */
#include "backend/native/attention_half.h"

#include <math.h>

/* 2^x for x <= 0, from its nearest whole number by the polynomial with the
 * least largest relative error, 1e-4: a twentieth of what bf16 rounds. */
static inline vec power(vec x)
{
    const vec r = _mm512_reduce_ps(x, 0);
    vec sum = _mm512_set1_ps(0x1.c3f760p-5F);
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.f0de1ap-3F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.62f31ap-1F));
    sum = _mm512_fmadd_ps(sum, r, _mm512_set1_ps(0x1.fff692p-1F));
    return _mm512_scalef_ps(sum, _mm512_sub_ps(x, r));
}

void fvi_attend_mask(const fvi_attend_half *s, float *block)
{
    const int64_t n = s->keys - (s->wide - 1) * FVI_BLOCK;
    for (int64_t i = n * FVI_BLOCK; i < FVI_SQUARE; i++)
        block[i] = -INFINITY;
}

static void top(fvi_attend_room *r, int64_t b, const float *scores)
{
    const float *at = scores + b * FVI_SQUARE;
    vec most[2][2];
    for (int i = 0; i < 4; i++)
        most[i / 2][i % 2] = _mm512_load_ps(at + i * FVI_TILE);
    for (int64_t k = 2; k < FVI_BLOCK; k += 2)
        for (int i = 0; i < 4; i++)
            most[i / 2][i % 2] = _mm512_max_ps(
                most[i / 2][i % 2],
                _mm512_load_ps(at + k * FVI_BLOCK + i * FVI_TILE));
    for (int z = 0; z < 2; z++)
        r->best[z] =
            _mm512_max_ps(r->best[z], _mm512_max_ps(most[0][z], most[1][z]));
}

static void scale_out(const fvi_attend_half *s, fvi_attend_room *r, int z,
                      vec by)
{
    for (int64_t i = 0; i < s->deep * FVI_BLOCK; i++) {
        float *at = r->out + i * FVI_BLOCK + z * FVI_TILE;
        _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), by));
    }
}

void fvi_attend_raise(const fvi_attend_half *s, fvi_attend_room *r, bool more)
{
    const vec one = _mm512_set1_ps(1);
    for (int z = 0; z < 2; z++) {
        const vec best = _mm512_mul_ps(r->best[z], _mm512_set1_ps(s->unit));
        const vec old = r->top[z];
        const vec top = more ? _mm512_max_ps(old, best) : best;
        const __mmask16 raised = _mm512_cmp_ps_mask(top, old, _CMP_NEQ_UQ);
        if (!more) {
            r->sum[z] = _mm512_setzero_ps();
        } else if (raised) {
            const vec by =
                _mm512_mask_mov_ps(one, raised, power(_mm512_sub_ps(old, top)));
            r->sum[z] = _mm512_mul_ps(r->sum[z], by);
            scale_out(s, r, z, by);
        }
        r->top[z] = top;
        r->best[z] = _mm512_set1_ps(-INFINITY);
    }
}

/* The scores of half z of the queries, in block b, become weights. */
static void weigh(const fvi_attend_half *s, fvi_attend_room *r, int64_t b,
                  int64_t z, const float *scores)
{
    const vec unit = _mm512_set1_ps(s->unit), most = r->top[z];
    const float *at = scores + b * FVI_SQUARE + z * FVI_TILE;
    uint16_t *to = r->p + b * FVI_PAIR + z * FVI_TILE_SIZE;
    vec sum = r->sum[z];
    for (int k = 0; k < FVI_BLOCK; k += 2, at += 2 * FVI_BLOCK) {
        const vec p = power(_mm512_fmsub_ps(_mm512_load_ps(at), unit, most));
        const vec q =
            power(_mm512_fmsub_ps(_mm512_load_ps(at + FVI_BLOCK), unit, most));
        sum = _mm512_add_ps(sum, _mm512_add_ps(p, q));
        _mm512_store_si512(to + k * FVI_TILE, pairs(p, q));
    }
    r->sum[z] = sum;
}

void fvi_attend_weigh(void *of, int64_t step)
{
    fvi_attend_work *w = of;
    (void)step;
    for (int64_t i = 0; i < w->share && w->next < w->end; i++, w->next++)
        weigh(w->s, w->r, w->next / 2, w->next % 2, w->scores);
}

void fvi_attend_top(void *of, int64_t step)
{
    fvi_attend_work *w = of;
    (void)step;
    for (int64_t i = 0; i < w->share && w->next < w->end; i++, w->next++)
        top(w->r, w->next, w->scores);
}
