/* Weights of a Winograd convolution to the 36 points and back. The order is
 * [block of 32 k][point][c][k within the block]. */
#include "backend/native/tile_v4.h"
#include "backend/native/winograd.h"

/* u = G g G' of nine vectors of taps. */
static inline void weight_tile(vec g[3][3], vec u[FVI_WINO_POINTS])
{
    vec half[3][6];
    for (int s = 0; s < 3; s++) {
        vec d[3] = {g[0][s], g[1][s], g[2][s]};
        wino_weight(d, half[s]);
    }
    for (int i = 0; i < 6; i++) {
        vec d[3] = {half[0][i], half[1][i], half[2][i]};
        wino_weight(d, u + 6 * i);
    }
}

void fvi_wino_pack_v4(const fvi_wino *w, const float *g, float *u, int threads)
{
    int64_t C = fvi_up(w->C, 16), K = fvi_up(w->K, 16);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t c = 0; c < C; c++)
        for (int64_t k = 0; k < K; k += 16) {
            vec tap[3][3], o[FVI_WINO_POINTS];
            __mmask16 some = c < w->C ? lanes(w->K - k) : 0;
            for (int rs = 0; rs < 9; rs++)
                tap[rs / 3][rs % 3] =
                    _mm512_maskz_loadu_ps(some, g + (rs * w->C + c) * w->K + k);
            weight_tile(tap, o);
            fvi_wino_spot to = fvi_wino_find(w, k, c);
            for (int p = 0; p < FVI_WINO_POINTS; p++)
                _mm512_store_ps(u + to.at + p * to.step, o[p]);
        }
}

/* Rows become columns. */
static void transpose(float from[16][16], float *to, int64_t step)
{
    const __m512i index = _mm512_mullo_epi32(
        _mm512_set1_epi32(16),
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    for (int r = 0; r < 16; r++)
        _mm512_store_ps(to + r * step,
                        _mm512_i32gather_ps(index, &from[0][r], 4));
}

/* Sixteen input by sixteen output channels of the turned weights; for them
 * w->C counts what g calls k and w->K what g calls c. */
static void pack_turned(const fvi_wino *w, const float *g, float *u, int64_t c,
                        int64_t k)
{
    _Alignas(64) float square[FVI_WINO_POINTS][16][16];
    for (int l = 0; l < 16; l++) {
        vec tap[3][3], o[FVI_WINO_POINTS];
        __mmask16 some = k + l < w->K ? lanes(w->C - c) : 0;
        for (int rs = 0; rs < 9; rs++)
            tap[2 - rs / 3][2 - rs % 3] =
                _mm512_maskz_loadu_ps(some, g + (rs * w->K + k + l) * w->C + c);
        weight_tile(tap, o);
        for (int p = 0; p < FVI_WINO_POINTS; p++)
            _mm512_store_ps(square[p][l], o[p]);
    }
    fvi_wino_spot to = fvi_wino_find(w, k, c);
    int64_t rows = to.step / fvi_up(w->C, 16);
    for (int p = 0; p < FVI_WINO_POINTS; p++)
        transpose(square[p], u + to.at + p * to.step, rows);
}

void fvi_wino_pack_turned_v4(const fvi_wino *w, const float *g, float *u,
                             int threads)
{
    int64_t C = (w->C + 15) / 16, K = (w->K + 15) / 16;
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (int64_t c = 0; c < C; c++)
        for (int64_t k = 0; k < K; k++)
            pack_turned(w, g, u, 16 * c, 16 * k);
}

static inline vec sum_parts(const float *du, size_t size, int64_t parts)
{
    vec sum = _mm512_load_ps(du);
    for (int64_t i = 1; i < parts; i++)
        sum = add_(sum, _mm512_load_ps(du + (size_t)i * size));
    return sum;
}

/* dg[r,s,c,k] += G' du G for one c and sixteen k. */
static void unpack(const fvi_wino *w, const float *du, size_t size,
                   int64_t parts, int64_t c, int64_t k, int64_t step, float *dg)
{
    vec half[6][3], g[3][3];
    __mmask16 some = lanes(w->K - k);
    for (int i = 0; i < 6; i++) {
        vec d[6];
        for (int j = 0; j < 6; j++)
            d[j] = sum_parts(du + (i * 6 + j) * step, size, parts);
        wino_weight_back(d, half[i]);
    }
    for (int s = 0; s < 3; s++) {
        vec d[6], o[3];
        for (int i = 0; i < 6; i++)
            d[i] = half[i][s];
        wino_weight_back(d, o);
        for (int r = 0; r < 3; r++)
            g[r][s] = o[r];
    }
    for (int rs = 0; rs < 9; rs++) {
        float *to = dg + (rs * w->C + c) * w->K + k;
        _mm512_mask_storeu_ps(
            to, some, add_(g[rs / 3][rs % 3], _mm512_maskz_loadu_ps(some, to)));
    }
}

void fvi_wino_unpack_v4(const fvi_wino *w, const float *du, size_t size,
                        int64_t parts, float *dg, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t c = 0; c < w->C; c++)
        for (int64_t k = 0; k < w->K; k += 16) {
            fvi_wino_spot from = fvi_wino_find(w, k, c);
            unpack(w, du + from.at, size, parts, c, k, from.step, dg);
        }
}
