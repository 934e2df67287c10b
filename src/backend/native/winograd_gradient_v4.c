/* Weight gradient of a Winograd convolution:
 *   du[point] = sum over tiles of (B' d B)[point]' (A dy A')[point]
 * and dg = G' du G. */
#include "backend/native/tile_v4.h"
#include "backend/native/winograd.h"

#include <omp.h>

enum {
    DEEP = 8, /* input channels whose sums fit in registers */
    ONES = 7  /* at this point A dy A' is the sum of dy      */
};

/* m[point][row] = A dy A' for sixteen channels of one tile. */
static void output_tile(const fvi_wino *w, const float *dy, int64_t down,
                        int64_t across, __mmask16 some, float *m, int64_t step)
{
    vec half[6][4];
    for (int j = 0; j < 4; j++) {
        vec d[4], o[6];
        for (int i = 0; i < 4; i++)
            d[i] = _mm512_maskz_loadu_ps(i < down && j < across ? some : 0,
                                         dy + (i * w->Wo + j) * w->K);
        wino_output_back(d, o);
        for (int i = 0; i < 6; i++)
            half[i][j] = o[i];
    }
    for (int i = 0; i < 6; i++) {
        vec o[6];
        wino_output_back(half[i], o);
        for (int j = 0; j < 6; j++)
            _mm512_store_ps(m + (i * 6 + j) * step, o[j]);
    }
}

/* Width of the block of output channels that begins at k. */
static int64_t wide_at(const fvi_wino *w, int64_t k)
{
    return w->K - k > 16 ? 32 : 16;
}

/* Channels lo..hi of tile t of dy to m[point][k/32][row][k%32]. */
static void output(const fvi_wino *w, const float *dy, int64_t t, int64_t lo,
                   int64_t hi, int64_t row, int64_t rows, float *m,
                   int64_t step)
{
    int64_t per = w->down * w->across, r = t % per;
    int64_t i = r / w->across * 4, j = r % w->across * 4;
    const float *from = dy + ((t / per * w->Ho + i) * w->Wo + j) * w->K;
    for (int64_t k = lo; k < hi; k += 16) {
        int64_t block = k / FVI_WINO_K * FVI_WINO_K;
        int64_t at = (block - lo) * rows + row * wide_at(w, block);
        output_tile(w, from + k, w->Ho - i, w->Wo - j, lanes(w->K - k),
                    m + at + k - block, step);
    }
}

/* du[c][0..16 Z) (+)= sum over rows of v[row][c] m[row][0..16 Z). */
static inline __attribute__((always_inline)) void add_up(int Z, int64_t rows,
                                                         const float *v,
                                                         const float *m,
                                                         bool first, float *du)
{
    vec sum[DEEP][2];
    for (int c = 0; c < DEEP; c++)
        for (int z = 0; z < Z; z++)
            sum[c][z] = first ? _mm512_setzero_ps()
                              : _mm512_load_ps(du + (c * Z + z) * 16);
    for (int64_t r = 0; r < rows; r++, v += 16, m += 16 * Z) {
        vec right[2];
        for (int z = 0; z < Z; z++)
            right[z] = _mm512_load_ps(m + 16 * z);
        for (int c = 0; c < DEEP; c++) {
            vec left = BROADCAST(v[c]);
            for (int z = 0; z < Z; z++)
                sum[c][z] = fma_(left, right[z], sum[c][z]);
        }
    }
    for (int c = 0; c < DEEP; c++)
        for (int z = 0; z < Z; z++)
            _mm512_store_ps(du + (c * Z + z) * 16, sum[c][z]);
}

/* One point and one block of output channels. */
static void add_block(int64_t C, int Z, int64_t block, int64_t rows,
                      const float *v, const float *m, bool first, float *du)
{
    for (int64_t c = 0; c < C; c += DEEP) {
        const float *left = v + c / 16 * 16 * block + c % 16;
        if (Z == 2)
            add_up(2, rows, left, m, first, du + c * 32);
        else
            add_up(1, rows, left, m, first, du + c * 16);
    }
}

/* db[0..16 Z) (+)= sum over rows of m. */
static void add_bias(int Z, int64_t rows, const float *m, bool first, float *db)
{
    for (int z = 0; z < Z; z++) {
        vec sum = _mm512_setzero_ps();
        for (int64_t r = 0; r < rows; r++)
            sum = add_(sum, _mm512_load_ps(m + (r * Z + z) * 16));
        if (!first)
            sum = add_(sum, _mm512_load_ps(db + 16 * z));
        _mm512_store_ps(db + 16 * z, sum);
    }
}

/* Tiles t0..t0+rows, channels lo..hi, into du and db. */
static void add_tiles(const fvi_wino *w, const fvi_wino_cut *cut,
                      const float *x, const float *dy, int64_t t0, int64_t rows,
                      int64_t lo, int64_t hi, bool first, float *scratch,
                      float *du, float *db)
{
    int64_t C = fvi_up(w->C, 16);
    int64_t in = cut->block * C + 16, out = cut->block * cut->wide + 16;
    float *v = scratch, *m = v + FVI_WINO_POINTS * in;
    for (int64_t t = 0; t < rows; t++) {
        fvi_wino_input_v4(w, x, t0 + t, t, cut->block, v, in);
        output(w, dy, t0 + t, lo, hi, t, cut->block, m, out);
    }
    for (int64_t k = lo; k < hi; k += FVI_WINO_K)
        for (int p = 0; p < FVI_WINO_POINTS; p++) {
            int Z = (int)wide_at(w, k) / 16;
            fvi_wino_spot to = fvi_wino_find(w, k, 0);
            const float *right = m + p * out + (k - lo) * cut->block;
            add_block(C, Z, cut->block, rows, v + p * in, right, first,
                      du + to.at + p * to.step);
            if (p == ONES)
                add_bias(Z, rows, right, first, db + k);
        }
}

static void add_slice(const fvi_wino *w, const fvi_wino_cut *cut,
                      const float *x, const float *dy, int64_t slice,
                      int64_t group, float *scratch, float *du)
{
    int64_t t0 = slice * cut->slice, t1 = fvi_min(t0 + cut->slice, w->tiles);
    int64_t lo = group * cut->wide, hi = fvi_min(lo + cut->wide, w->K);
    for (int64_t t = t0; t < t1; t += cut->block)
        add_tiles(w, cut, x, dy, t, fvi_min(cut->block, t1 - t), lo, hi,
                  t == t0, scratch, du, du + fvi_wino_weights(w));
}

void fvi_wino_gradient_v4(const fvi_wino *w, const float *x, const float *dy,
                          float *dg, float *db, float *scratch, int threads)
{
    fvi_wino_cut cut = fvi_wino_cut_of(w);
    float *du = scratch + cut.per_thread * (size_t)threads;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t item = 0; item < cut.slices * cut.groups; item++)
        add_slice(w, &cut, x, dy, item / cut.groups, item % cut.groups,
                  scratch + cut.per_thread * (size_t)omp_get_thread_num(),
                  du + cut.per_slice * (size_t)(item / cut.groups));
    if (dg)
        fvi_wino_unpack_v4(w, du, cut.per_slice, cut.slices, dg, threads);
    const float *bias = du + fvi_wino_weights(w);
    for (int64_t i = 0; db && i < cut.slices; i++, bias += cut.per_slice)
        for (int64_t k = 0; k < w->K; k++)
            db[k] += bias[k];
}
