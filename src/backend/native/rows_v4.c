/* Rows of channels times a matrix, and the gradient of the matrix. */
#include "backend/native/rows.h"

#include "backend/native/tile_v4.h"

enum {
    ROWS = 8,    /* rows (or channels) whose sums fit in registers */
    WIDE = 32,   /* results per row: two vectors                   */
    STRETCH = 64 /* rows that stay near while columns go by        */
};

static int64_t up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

/* Floats between rows c of the block of results that begins at k. */
static int64_t width(int64_t K, int64_t k)
{
    return K - k > 16 ? WIDE : 16;
}

size_t fvi_rows_weights(const fvi_rows *r)
{
    return (size_t)(r->parts * r->C * up(r->K, 16));
}

int64_t fvi_rows_wide(int64_t n)
{
    return up(n, 16);
}

/* One row of a block: the weights of part p, input c, from output k on. */
static void pack_row(const fvi_rows *r, const float *w, bool turned, int64_t p,
                     int64_t c, int64_t k, float *u)
{
    const int64_t n = r->K - k, step = turned ? r->C : 1;
    w += turned ? (p * r->K + k) * r->C + c : (p * r->C + c) * r->K + k;
    for (int64_t l = 0; l < width(r->K, k); l++)
        u[l] = l < n ? w[l * step] : 0;
}

void fvi_rows_pack_v4(const fvi_rows *r, const float *w, bool turned, float *u,
                      int threads)
{
    const int64_t C = r->C, rows = r->parts * C;
    for (int64_t k = 0; k < r->K; k += WIDE) {
        const int64_t wide = width(r->K, k);
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t i = 0; i < rows; i++)
            pack_row(r, w, turned, i / C, i % C, k, u + i * wide);
        u += rows * wide;
    }
}

/* What the sums of a block of rows become. */
typedef struct finish {
    vec bias[2];
    __mmask16 some[2];
    fvi_act act;
    vec slope;
    bool add, past;
} finish;

static inline vec activate(const finish *f, vec y)
{
    vec zero = _mm512_setzero_ps();
    if (f->act == FVI_ACT_RELU)
        return _mm512_max_ps(zero, y); /* NaN stays */
    if (f->act == FVI_ACT_LEAKY)
        return _mm512_mask_mul_ps(y, _mm512_cmp_ps_mask(y, zero, _CMP_LT_OQ), y,
                                  f->slope);
    return y;
}

/* R rows by Z vectors of results. */
static inline __attribute__((always_inline)) void multiply(
    int R, int Z, const fvi_rows *r, const float *u, const finish *f,
    const fvi_strip *s, int64_t first, float *y)
{
    vec sum[ROWS][2];
    for (int i = 0; i < R; i++)
        for (int z = 0; z < Z; z++)
            sum[i][z] = f->bias[z];
    for (int p = 0; p < r->parts; p++) {
        const float *x[ROWS];
        for (int i = 0; i < R; i++)
            x[i] = s->x[p] + (first + i) * s->from;
        for (int64_t c = 0; c < r->C; c++, u += 16 * Z) {
            vec right[2];
            for (int z = 0; z < Z; z++)
                right[z] = _mm512_loadu_ps(u + 16 * z);
            for (int i = 0; i < R; i++) {
                vec left = BROADCAST(x[i][c]);
                for (int z = 0; z < Z; z++)
                    sum[i][z] = fma_(left, right[z], sum[i][z]);
            }
        }
    }
    for (int i = 0; i < R; i++)
        for (int z = 0; z < Z; z++) {
            float *to = y + i * s->to + 16 * z;
            vec v = sum[i][z];
            if (f->add)
                v = add_(v, _mm512_maskz_loadu_ps(f->some[z], to));
            v = activate(f, v);
            if (f->past)
                _mm512_stream_ps(to, v);
            else if (f->some[z] == 0xFFFF)
                _mm512_storeu_ps(to, v);
            else
                _mm512_mask_storeu_ps(to, f->some[z], v);
        }
}

#define CASE(R)                                   \
    case R:                                       \
        if (Z == 2)                               \
            multiply(R, 2, r, u, f, s, first, y); \
        else                                      \
            multiply(R, 1, r, u, f, s, first, y); \
        break;

static void multiply_rows(int R, int Z, const fvi_rows *r, const float *u,
                          const finish *f, const fvi_strip *s, int64_t first,
                          float *y)
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
    }
}
#undef CASE

static finish finish_of(const fvi_rows *r, const float *bias, int64_t k,
                        const fvi_strip *s)
{
    finish f = {.act = r->act,
                .slope = BROADCAST(r->slope),
                .add = s->add,
                .past = s->past};
    for (int z = 0; z < 2; z++) {
        int64_t left = r->K - k - 16 * z;
        f.some[z] = left > 0 ? lanes(left) : 0;
        f.bias[z] = bias ? _mm512_maskz_loadu_ps(f.some[z], bias + k + 16 * z)
                         : _mm512_setzero_ps();
    }
    return f;
}

void fvi_rows_run_v4(const fvi_rows *r, const float *u, const float *bias,
                     const fvi_strip *s)
{
    for (int64_t m0 = 0; m0 < s->rows; m0 += STRETCH) {
        const float *at = u;
        int64_t end = s->rows < m0 + STRETCH ? s->rows : m0 + STRETCH;
        for (int64_t k = 0; k < r->K; k += WIDE) {
            int64_t wide = width(r->K, k);
            finish f = finish_of(r, bias, k, s);
            for (int64_t m = m0; m < end; m += ROWS)
                multiply_rows((int)(end - m < ROWS ? end - m : ROWS),
                              (int)wide / 16, r, at, &f, s, m,
                              s->y + m * s->to + k);
            at += r->parts * r->C * wide;
        }
    }
    _mm_sfence();
}

bool fvi_rows_past(const float *y, int64_t count, int64_t K)
{
    return count >= FVI_PAST && (uintptr_t)y % 64 == 0 && K % 16 == 0;
}

/* ---- sums of products ---- */

static inline __attribute__((always_inline)) void outer(
    int A, int Z, int64_t rows, const float *a, int64_t pitch_a, const float *b,
    int64_t pitch_b, const __mmask16 some[2], bool first, float *s,
    int64_t wide)
{
    vec sum[ROWS][2];
    for (int i = 0; i < A; i++)
        for (int z = 0; z < Z; z++)
            sum[i][z] = first ? _mm512_setzero_ps()
                              : _mm512_loadu_ps(s + i * wide + 16 * z);
    for (int64_t m = 0; m < rows; m++, a += pitch_a, b += pitch_b) {
        vec right[2];
        for (int z = 0; z < Z; z++)
            right[z] = _mm512_maskz_loadu_ps(some[z], b + 16 * z);
        for (int i = 0; i < A; i++) {
            vec left = BROADCAST(a[i]);
            for (int z = 0; z < Z; z++)
                sum[i][z] = fma_(left, right[z], sum[i][z]);
        }
    }
    for (int i = 0; i < A; i++)
        for (int z = 0; z < Z; z++)
            _mm512_storeu_ps(s + i * wide + 16 * z, sum[i][z]);
}

#define CASE(A)                                                              \
    case A:                                                                  \
        if (Z == 2)                                                          \
            outer(A, 2, rows, a, pitch_a, b, pitch_b, some, first, s, wide); \
        else                                                                 \
            outer(A, 1, rows, a, pitch_a, b, pitch_b, some, first, s, wide); \
        break;

static void outer_block(int A, int Z, int64_t rows, const float *a,
                        int64_t pitch_a, const float *b, int64_t pitch_b,
                        const __mmask16 some[2], bool first, float *s,
                        int64_t wide)
{
    switch (A) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
    }
}
#undef CASE

void fvi_rows_outer_v4(int64_t rows, const float *a, int64_t na,
                       int64_t pitch_a, const float *b, int64_t nb,
                       int64_t pitch_b, bool first, float *s)
{
    const int64_t wide = fvi_rows_wide(nb);
    for (int64_t m = 0; m < rows; m += STRETCH, first = false)
        for (int64_t j = 0; j < nb; j += WIDE) {
            int Z = (int)width(nb, j) / 16;
            const __mmask16 some[2] = {lanes(nb - j),
                                       Z == 2 ? lanes(nb - j - 16) : 0};
            int64_t n = rows - m < STRETCH ? rows - m : STRETCH;
            for (int64_t i = 0; i < na; i += ROWS)
                outer_block((int)(na - i < ROWS ? na - i : ROWS), Z, n,
                            a + m * pitch_a + i, pitch_a, b + m * pitch_b + j,
                            pitch_b, some, first, s + i * wide + j, wide);
        }
}

void fvi_rows_sum_v4(int64_t rows, const float *b, int64_t nb, int64_t pitch,
                     bool first, float *s)
{
    for (int64_t j = 0; j < nb; j += 16) {
        __mmask16 some = lanes(nb - j);
        vec sum = first ? _mm512_setzero_ps() : _mm512_loadu_ps(s + j);
        for (int64_t m = 0; m < rows; m++)
            sum = add_(sum, _mm512_maskz_loadu_ps(some, b + m * pitch + j));
        _mm512_storeu_ps(s + j, sum);
    }
}
