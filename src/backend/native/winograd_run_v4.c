/* Winograd convolution forward: transform a block of tiles, multiply at each
 * of the 36 points, transform back. Also the gradient to the input, which is a
 * convolution with turned weights. */
#include "backend/native/tile_v4.h"
#include "backend/native/winograd.h"

#include <omp.h>

enum { AHEAD = 6 }; /* pixels from a tile to the new ones of the next */

/* Where tile `t` lies: image n, top left output (i, j). */
typedef struct place {
    int64_t n, i, j;
} place;

static inline place place_of(const fvi_wino *w, int64_t t)
{
    int64_t per = w->down * w->across, r = t % per;
    return (place){t / per, r / w->across * 4, r % w->across * 4};
}

/* v[point][t] = B' d B for sixteen channels; `step` floats between points. */
static inline void input_tile(const float *x, int64_t row, int64_t col,
                              float *v, int64_t step)
{
    vec half[6][6];
    for (int j = 0; j < 6; j++) {
        vec d[6], o[6];
        for (int i = 0; i < 6; i++)
            d[i] = _mm512_loadu_ps(x + i * row + j * col);
        wino_input(d, o);
        for (int i = 0; i < 6; i++)
            half[i][j] = o[i];
    }
    for (int i = 0; i < 6; i++) {
        vec o[6];
        wino_input(half[i], o);
        for (int j = 0; j < 6; j++)
            _mm512_store_ps(v + (i * 6 + j) * step, o[j]);
    }
}

/* The same where the tile leaves the image or channels are missing. */
static void input_edge(const fvi_wino *w, const float *image, int64_t i0,
                       int64_t j0, __mmask16 some, float *v, int64_t step)
{
    vec half[6][6];
    for (int j = 0; j < 6; j++) {
        vec d[6], o[6];
        for (int i = 0; i < 6; i++) {
            int64_t h = i0 + i, k = j0 + j;
            bool in = h >= 0 && h < w->H && k >= 0 && k < w->W;
            d[i] =
                in ? _mm512_maskz_loadu_ps(some, image + (h * w->W + k) * w->C)
                   : _mm512_setzero_ps();
        }
        wino_input(d, o);
        for (int i = 0; i < 6; i++)
            half[i][j] = o[i];
    }
    for (int i = 0; i < 6; i++) {
        vec o[6];
        wino_input(half[i], o);
        for (int j = 0; j < 6; j++)
            _mm512_store_ps(v + (i * 6 + j) * step, o[j]);
    }
}

/* Asks for the pixels that the next tile adds. */
static inline void fetch_ahead(const float *x, int64_t row, int64_t col)
{
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++)
            _mm_prefetch((const char *)(x + i * row + (j + AHEAD) * col),
                         _MM_HINT_T0);
}

/* Transforms tile t into v[point][channels/16][row][16]. */
void fvi_wino_input_v4(const fvi_wino *w, const float *x, int64_t t,
                       int64_t row, int64_t rows, float *v, int64_t step)
{
    place p = place_of(w, t);
    int64_t i0 = p.i - w->pad, j0 = p.j - w->pad;
    const float *image = x + p.n * w->H * w->W * w->C;
    bool inside = i0 >= 0 && j0 >= 0 && i0 + 6 <= w->H && j0 + 6 <= w->W;
    for (int64_t c = 0; c < w->C; c += 16) {
        float *to = v + c * rows + row * 16;
        if (inside)
            fetch_ahead(image + (i0 * w->W + j0) * w->C + c, w->W * w->C, w->C);
        if (inside && c + 16 <= w->C)
            input_tile(image + (i0 * w->W + j0) * w->C + c, w->W * w->C, w->C,
                       to, step);
        else
            input_edge(w, image + c, i0, j0, lanes(w->C - c), to, step);
    }
}

/* m[row][0..16 Z) = sum over c of v[c/16][row][c%16] u[c][0..16 Z). */
static inline __attribute__((always_inline)) void multiply(
    int R, int Z, int64_t C, int64_t rows, const float *v, const float *u,
    float *m)
{
    vec sum[FVI_WINO_ROWS][2];
    for (int r = 0; r < R; r++)
        for (int z = 0; z < Z; z++)
            sum[r][z] = _mm512_setzero_ps();
    for (int64_t c = 0; c < C; c += 16, v += 16 * rows)
        for (int l = 0; l < 16; l++, u += 16 * Z) {
            vec right[2];
            for (int z = 0; z < Z; z++)
                right[z] = _mm512_load_ps(u + 16 * z);
            for (int r = 0; r < R; r++) {
                vec left = BROADCAST(v[r * 16 + l]);
                for (int z = 0; z < Z; z++)
                    sum[r][z] = fma_(left, right[z], sum[r][z]);
            }
        }
    for (int r = 0; r < R; r++)
        for (int z = 0; z < Z; z++)
            _mm512_store_ps(m + r * FVI_WINO_K + 16 * z, sum[r][z]);
}

#define CASE(R)                               \
    case R:                                   \
        if (Z == 2)                           \
            multiply(R, 2, C, rows, v, u, m); \
        else                                  \
            multiply(R, 1, C, rows, v, u, m); \
        break;

/* As above for any number of rows up to FVI_WINO_ROWS. */
static void multiply_rows(int R, int Z, int64_t C, int64_t rows, const float *v,
                          const float *u, float *m)
{
    switch (R) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
    }
}

static inline vec activate(const fvi_wino *w, vec y)
{
    vec zero = _mm512_setzero_ps();
    if (w->act == FVI_ACT_RELU)
        return _mm512_max_ps(zero, y); /* NaN stays */
    if (w->act == FVI_ACT_LEAKY)
        return _mm512_mask_mul_ps(y, _mm512_cmp_ps_mask(y, zero, _CMP_LT_OQ), y,
                                  BROADCAST(w->slope));
    return y;
}

/* y = A' m A + bias for sixteen channels of one tile; `past` the caches. */
static inline void output_tile(const fvi_wino *w, const float *m, int64_t step,
                               vec bias, float *y, int64_t down, int64_t across,
                               __mmask16 some, bool sum, bool past)
{
    vec half[4][6];
    for (int j = 0; j < 6; j++) {
        vec d[6], o[4];
        for (int i = 0; i < 6; i++)
            d[i] = _mm512_load_ps(m + (i * 6 + j) * step);
        wino_output(d, o);
        for (int i = 0; i < 4; i++)
            half[i][j] = o[i];
    }
    for (int i = 0; i < 4; i++) {
        vec o[4];
        if (i >= down)
            break;
        wino_output(half[i], o);
        for (int j = 0; j < 4; j++) {
            float *to = y + (i * w->Wo + j) * w->K;
            if (j >= across)
                break;
            o[j] = add_(o[j], bias);
            if (sum)
                o[j] = add_(o[j], _mm512_maskz_loadu_ps(some, to));
            o[j] = activate(w, o[j]);
            if (past)
                _mm512_stream_ps(to, o[j]);
            else if (some == 0xFFFF)
                _mm512_storeu_ps(to, o[j]);
            else
                _mm512_mask_storeu_ps(to, some, o[j]);
        }
    }
}

/* Sixteen channels from k of every tile of a block. */
static void output_block(const fvi_wino *w, const float *m, int64_t step,
                         int64_t first, int64_t count, int64_t k,
                         const float *bias, float *y, bool sum, bool past)
{
    __mmask16 some = lanes(w->K - k);
    vec b = bias ? _mm512_maskz_loadu_ps(some, bias + k) : _mm512_setzero_ps();
    for (int64_t t = 0; t < count; t++) {
        place p = place_of(w, first + t);
        float *to = y + ((p.n * w->Ho + p.i) * w->Wo + p.j) * w->K + k;
        output_tile(w, m + t * FVI_WINO_K, step, b, to, w->Ho - p.i,
                    w->Wo - p.j, some, sum, past);
    }
}

/* Tiles first..first+count, all output channels. */
static void run_block(const fvi_wino *w, const float *x, const float *u,
                      const float *bias, float *y, bool sum, bool past,
                      int64_t first, int64_t count, float *scratch)
{
    int64_t C = fvi_up(w->C, 16);
    int64_t in = w->block * C + 16, out = w->block * FVI_WINO_K + 16;
    float *v = scratch, *m = scratch + FVI_WINO_POINTS * in;
    for (int64_t t = 0; t < count; t++)
        fvi_wino_input_v4(w, x, first + t, t, w->block, v, in);
    for (int64_t k = 0; k < w->K; k += FVI_WINO_K) {
        int Z = w->K - k > 16 ? 2 : 1;
        for (int p = 0; p < FVI_WINO_POINTS; p++, u += C * 16 * Z)
            for (int64_t t = 0; t < count; t += FVI_WINO_ROWS)
                multiply_rows((int)fvi_min(FVI_WINO_ROWS, count - t), Z, C,
                              w->block, v + p * in + t * 16, u,
                              m + p * out + t * FVI_WINO_K);
        for (int z = 0; z < Z; z++)
            output_block(w, m + 16 * z, out, first, count, k + 16 * z, bias, y,
                         sum, past);
    }
    _mm_sfence();
}

void fvi_wino_run_v4(const fvi_wino *w, const float *x, const float *u,
                     const float *bias, float *y, bool add, float *scratch,
                     int threads)
{
    int64_t blocks = (w->tiles + w->block - 1) / w->block;
    size_t each = fvi_wino_scratch(w);
    bool past = !add && w->K % 16 == 0 && (uintptr_t)y % 64 == 0 &&
                w->N * w->Ho * w->Wo * w->K >= FVI_PAST;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t first = b * w->block;
        run_block(w, x, u, bias, y, add, past, first,
                  fvi_min(w->block, w->tiles - first),
                  scratch + each * (size_t)omp_get_thread_num());
    }
}
