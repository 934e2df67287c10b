/* Queries, keys and values of a head to tiles, and results from sums. */
#include "backend/native/attention_half.h"

int64_t fvi_attend_floats(const fvi_attend_half *s)
{
    return (2 * FVI_CHUNK + s->deep) * FVI_SQUARE +
           (FVI_CHUNK + s->deep + 2 * s->wide * s->deep) * FVI_PAIR / 2;
}

fvi_attend_room fvi_attend_room_at(const fvi_attend_half *s, float *at)
{
    fvi_attend_room r = {.scores = at, .out = at + 2 * FVI_CHUNK * FVI_SQUARE};
    r.p = (uint16_t *)(void *)(r.out + s->deep * FVI_SQUARE);
    r.q = r.p + FVI_CHUNK * FVI_PAIR;
    r.k = r.q + s->deep * FVI_PAIR;
    r.v = r.k + s->wide * s->deep * FVI_PAIR;
    r.best[0] = r.best[1] = _mm512_set1_ps(-__builtin_inff());
    return r;
}

/* What a head says in q (0), k (1) or v (2) of an image. */
typedef struct voice {
    const void *x;
    int64_t first, tokens; /* rows of the image              */
    int64_t from, d;       /* channels of the head           */
    int64_t pitch;         /* channels, or blocks of them    */
    bool tiled;
} voice;

static voice voice_of(const fvi_attend_half *s, const fvi_call *c, fvi_head h,
                      int i)
{
    const bool tiled = c->tiled & FVI_TILED_X(i);
    const int64_t tokens = i ? s->keys : s->queries;
    return (voice){.x = c->x[i].data,
                   .first = h.image * tokens,
                   .tokens = tokens,
                   .from = s->o.at[i] + h.head * s->d,
                   .d = s->d,
                   .pitch = tiled ? fvi_blocks(s->pitch[i]) : s->pitch[i],
                   .tiled = tiled};
}

/* 32 channels of a token, from c on; zeros after the last one. */
static inline __m512i channels(const voice *x, int64_t token, int64_t c)
{
    const int64_t row = x->first + token, from = x->from + c;
    if (token >= x->tokens)
        return _mm512_setzero_si512();
    if (x->tiled)
        return _mm512_loadu_si512(
            (const uint16_t *)x->x +
            (row / FVI_BLOCK * x->pitch + from / FVI_BLOCK) * FVI_PAIR +
            row % FVI_BLOCK * FVI_BLOCK);
    const float *at = (const float *)x->x + row * x->pitch + from;
    const int64_t n = x->d - c;
    return line(load_n(at, n), load_n(at + FVI_TILE, n - FVI_TILE));
}

void fvi_attend_pack_queries(const fvi_attend_half *s, const fvi_call *c,
                             fvi_head h, int64_t block, fvi_attend_room *r)
{
    const voice q = voice_of(s, c, h, 0);
    uint16_t *to = r->q;
    for (int64_t i = 0; i < s->deep; i++)
        for (int64_t t = 0; t < FVI_BLOCK; t += FVI_TILE) {
            __m512i row[FVI_TILE];
            for (int64_t k = 0; k < FVI_TILE; k++)
                row[k] = channels(&q, block * FVI_BLOCK + t + k, i * FVI_BLOCK);
            turn(row);
            for (int64_t k = 0; k < FVI_TILE; k++, to += FVI_TILE_DEPTH)
                _mm512_storeu_si512(to, row[k]);
        }
}

static void pack_keys(const fvi_attend_half *s, const voice *k, uint16_t *to)
{
    for (int64_t t = 0; t < s->wide * FVI_BLOCK; t += FVI_BLOCK)
        for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK)
            for (int64_t i = t; i < t + FVI_BLOCK; i++, to += FVI_TILE_DEPTH)
                _mm512_storeu_si512(to, channels(k, i, c));
}

/* Pairs of neighboring tokens, channel by channel: the first 16 channels of
 * both rows, the others. */
static inline void weave(__m512i even, __m512i odd, __m512i *low, __m512i *high)
{
    static const uint16_t order[32] __attribute__((aligned(64))) = {
        0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
        8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i first = _mm512_load_si512(order);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    *low = _mm512_permutex2var_epi16(even, first, odd);
    *high = _mm512_permutex2var_epi16(even, second, odd);
}

/* Channels become rows, tokens what is summed over. */
static void pack_values(const fvi_attend_half *s, const voice *v, uint16_t *to)
{
    for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK)
        for (int64_t t = 0; t < s->wide * FVI_BLOCK; t += FVI_BLOCK) {
            __m512i row[2][FVI_TILE];
            for (int64_t i = 0; i < FVI_TILE; i++)
                weave(channels(v, t + 2 * i, c), channels(v, t + 2 * i + 1, c),
                      &row[0][i], &row[1][i]);
            for (int z = 0; z < 2; z++) {
                turn(row[z]);
                for (int64_t i = 0; i < FVI_TILE; i++, to += FVI_TILE_DEPTH)
                    _mm512_storeu_si512(to, row[z][i]);
            }
        }
}

void fvi_attend_pack(const fvi_attend_half *s, const fvi_call *c, fvi_head h,
                     fvi_attend_room *r)
{
    const voice k = voice_of(s, c, h, 1), v = voice_of(s, c, h, 2);
    pack_keys(s, &k, r->k);
    pack_values(s, &v, r->v);
}

/* Sixteen queries from t on, 32 channels from c on; y begins at the head. */
static void write_rows(const fvi_attend_half *s, const __m512i *low,
                       const __m512i *high, int64_t n, int64_t c, float *y)
{
    for (int64_t i = 0; i < n; i++, y += s->o.channels) {
        _mm512_mask_storeu_ps(y, lanes(s->d - c), _mm512_castsi512_ps(low[i]));
        _mm512_mask_storeu_ps(y + FVI_TILE, lanes(s->d - c - FVI_TILE),
                              _mm512_castsi512_ps(high[i]));
    }
}

static void write_tile(const __m512i *low, const __m512i *high, int64_t n,
                       uint16_t *y)
{
    for (int64_t i = 0; i < FVI_TILE; i++, y += FVI_BLOCK)
        _mm512_storeu_si512(y, i < n ? line(_mm512_castsi512_ps(low[i]),
                                            _mm512_castsi512_ps(high[i]))
                                     : _mm512_setzero_si512());
}

void fvi_attend_write(const fvi_attend_half *s, const fvi_call *call,
                      fvi_head h, int64_t block, const fvi_attend_room *r)
{
    const int64_t C = s->o.channels, from = h.head * s->d;
    for (int64_t t = 0; t < FVI_BLOCK; t += FVI_TILE) {
        const vec inverse =
            _mm512_div_ps(_mm512_set1_ps(1), r->sum[t / FVI_TILE]);
        const int64_t token = block * FVI_BLOCK + t;
        const int64_t at = h.image * s->queries + token;
        const int64_t left = s->queries - token;
        const int64_t n = left < 0 ? 0 : left < FVI_TILE ? left : FVI_TILE;
        for (int64_t c = 0; c < s->deep * FVI_BLOCK; c += FVI_BLOCK) {
            __m512i row[2][FVI_TILE];
            for (int64_t i = 0; i < 2 * FVI_TILE; i++)
                row[i / FVI_TILE][i % FVI_TILE] =
                    _mm512_castps_si512(_mm512_mul_ps(
                        inverse,
                        _mm512_load_ps(r->out + (c + i) * FVI_BLOCK + t)));
            turn(row[0]);
            turn(row[1]);
            if (call->tiled & FVI_TILED_Y)
                write_tile(row[0], row[1], n,
                           (uint16_t *)call->y.data +
                               (at / FVI_BLOCK * fvi_blocks(C) +
                                (from + c) / FVI_BLOCK) *
                                   FVI_PAIR +
                               t * FVI_BLOCK);
            else
                write_rows(s, row[0], row[1], n, c,
                           (float *)call->y.data + at * C + from + c);
        }
    }
}
