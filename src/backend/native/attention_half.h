#ifndef FVI_ATTENTION_HALF_H
#define FVI_ATTENTION_HALF_H

/* Attention by tiles of bf16 numbers: what its files share. */

#include "backend/native/half.h"
#include "op/attention.h"

enum {
    FVI_SQUARE = FVI_BLOCK * FVI_BLOCK,
    FVI_PAIR = 2 * FVI_TILE_SIZE, /* two tiles              */
    FVI_DEEPEST = 8,              /* blocks of channels that a head may have */
    FVI_CHUNK = 4 /* blocks of keys: two chunks stay in the first cache */
};

/* Settled in prepare. */
typedef struct fvi_attend_half {
    fvi_attention o;
    int64_t N, d, queries, keys;
    int64_t pitch[3];         /* channels of q, k, v                   */
    int64_t deep, high, wide; /* blocks of channels, queries, keys     */
    int64_t chunks;           /* of the keys                           */
    int64_t parts;            /* of the queries of a head              */
    int64_t at[FVI_DEEPEST];
    float unit; /* of scores: log2(e)/sqrt(d) */
    int threads;
    const fvi_tiler *tiler;
} fvi_attend_half;

/* Scratch of a thread. A score's key is its row, its query the column. */
typedef struct fvi_attend_room {
    float *scores;   /* of two chunks: [key/32][key][32]               */
    float *out;      /* sums of values: [c/32][c][32]                  */
    uint16_t *p, *q; /* right factors: [key/32], [c/32]                */
    uint16_t *k, *v; /* left ones: [key/32][c/32], [c/32][key/32]      */
    vec best[2];     /* largest scores of a chunk                      */
    vec top[2];      /* and, in units, of all chunks that were weighed */
    vec sum[2];      /* of weights                                     */
} fvi_attend_room;

typedef struct fvi_head {
    int64_t image, head;
} fvi_head;

static inline int64_t fvi_blocks(int64_t n)
{
    return (n + FVI_BLOCK - 1) / FVI_BLOCK;
}

/* Floats of scratch of a thread, and what lies where. */
int64_t fvi_attend_floats(const fvi_attend_half *s);
fvi_attend_room fvi_attend_room_at(const fvi_attend_half *s, float *at);

/* attention_half_pack.c: keys and values of a head; a block of queries; the
 * results for a block of queries. */
void fvi_attend_pack(const fvi_attend_half *s, const fvi_call *c, fvi_head h,
                     fvi_attend_room *r);
void fvi_attend_pack_queries(const fvi_attend_half *s, const fvi_call *c,
                             fvi_head h, int64_t block, fvi_attend_room *r);
void fvi_attend_write(const fvi_attend_half *s, const fvi_call *c, fvi_head h,
                      int64_t block, const fvi_attend_room *r);

/* attention_half_weigh.c: keys after the last one, in its block, get no
 * weight. */
void fvi_attend_mask(const fvi_attend_half *s, float *block);
/* The largest scores of a chunk become those of all chunks: the first, or
 * `more` of them. */
void fvi_attend_raise(const fvi_attend_half *s, fvi_attend_room *r, bool more);

/* What is done with the scores of a chunk, a share after every step of
 * something else: items `next` to `end`. */
typedef struct fvi_attend_work {
    const fvi_attend_half *s;
    fvi_attend_room *r;
    const float *scores;
    int64_t next, end, share;
} fvi_attend_work;

/* `of` is such work; as fvi_tiles has it. Scores become weights, an item being
 * half of the queries of a block; the largest are looked for, block by block.
 */
void fvi_attend_weigh(void *of, int64_t step);
void fvi_attend_top(void *of, int64_t step);

#endif
