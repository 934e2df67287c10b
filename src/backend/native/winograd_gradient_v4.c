/* Weight gradient of a Winograd convolution:
 *   du[point] = sum over tiles of (B' d B)[point]' (A dy A')[point]
 * and dg = G' du G. Blocks of tiles are transformed, then added up; every sum
 * runs over the tiles in order whoever computes it. */
#include "backend/native/tile_v4.h"
#include "backend/native/winograd.h"

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

/* Tile t of dy to m[point][k/32][row][k%32]. */
static void output(const fvi_wino *w, const float *dy, int64_t t, int64_t row,
                   int64_t rows, float *m, int64_t step)
{
    int64_t per = w->down * w->across, r = t % per;
    int64_t i = r / w->across * 4, j = r % w->across * 4;
    const float *from = dy + ((t / per * w->Ho + i) * w->Wo + j) * w->K;
    for (int64_t k = 0; k < w->K; k += 16) {
        int64_t block = k / FVI_WINO_K * FVI_WINO_K;
        int64_t wide = w->K - block > 16 ? 32 : 16;
        output_tile(w, from + k, w->Ho - i, w->Wo - j, lanes(w->K - k),
                    m + block * rows + row * wide + k - block, step);
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

void fvi_wino_gradient_v4(const fvi_wino *w, const float *x, const float *dy,
                          float *dg, float *db, float *scratch, int threads)
{
    int64_t block = fvi_wino_gradient_block(w), C = fvi_up(w->C, 16);
    int64_t in = block * C + 16;
    int64_t out = block * fvi_up(w->K, FVI_WINO_K) + 16;
    float *v = scratch, *m = v + FVI_WINO_POINTS * in;
    float *du = m + FVI_WINO_POINTS * out;
    float *bias = du + fvi_wino_weights(w);
    int64_t wide = (w->K + FVI_WINO_K - 1) / FVI_WINO_K;
#pragma omp parallel num_threads(threads)
    for (int64_t t0 = 0; t0 < w->tiles; t0 += block) {
        int64_t rows = fvi_min(block, w->tiles - t0);
#pragma omp for schedule(static)
        for (int64_t t = 0; t < rows; t++) {
            fvi_wino_input_v4(w, x, t0 + t, t, block, v, in);
            output(w, dy, t0 + t, t, block, m, out);
        }
#pragma omp for schedule(static)
        for (int64_t item = 0; item < FVI_WINO_POINTS * wide; item++) {
            int64_t p = item % FVI_WINO_POINTS, k = item / FVI_WINO_POINTS * 32;
            int Z = w->K - k > 16 ? 2 : 1;
            fvi_wino_spot to = fvi_wino_find(w, k, 0);
            const float *right = m + p * out + k * block;
            add_block(C, Z, block, rows, v + p * in, right, t0 == 0,
                      du + to.at + p * to.step);
            if (p == ONES)
                add_bias(Z, rows, right, t0 == 0, bias + k);
        }
    }
    fvi_wino_unpack_v4(w, du, dg, threads);
    for (int64_t k = 0; db && k < w->K; k++)
        db[k] += bias[k];
}
