/*
 * The gradient of a weight: every product of an input and an arriving gradient
 * that met at it, summed. Each thread owns weights, never pixels, so the sums
 * do not depend on the number of threads; they are taken in parts of PART
 * pixels, which keeps the rounding error of long sums small.
 */
#include "backend/ref/weight.h"

enum { CB = 4, KB = 32, PART = 64 }; /* channels at once; pixels per part */

typedef struct job { /* weights c0.., k0.. of one tap */
    const fvi_grid *g;
    bool transposed;
    const real *x, *dy;
    int64_t q, r, s, c0, k0, cn, kn;
} job;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* part[c][k] += x[c] dy[k] over narrow pixels m0 <= m < m1 of image n. */
static void add_part(const job *j, int64_t n, int64_t m0, int64_t m1,
                     real part[CB][KB])
{
    const fvi_grid *g = j->g;
    for (int64_t m = m0; m < m1; m++) {
        fvi_at h = fvi_at_pixel(g->narrow, m);
        int64_t i = fvi_wide(g, h, j->q, j->r, j->s);
        if (i < 0)
            continue;
        int64_t narrow = n * g->narrow_pixels + m;
        int64_t wide = n * g->wide_pixels + i;
        int64_t from = j->transposed ? narrow : wide;
        int64_t to = j->transposed ? wide : narrow;
        const real *xc = j->x + from * g->C + j->c0;
        const real *gk = j->dy + to * g->K + j->k0;
        if (j->kn == KB)
            FOR2 (c, j->cn, k, KB)
                part[c][k] += xc[c] * gk[k];
        else
            FOR2 (c, j->cn, k, j->kn)
                part[c][k] += xc[c] * gk[k];
    }
}

static void add_block(const job *j, real *df)
{
    const fvi_grid *g = j->g;
    int64_t tap = (j->q * g->R + j->r) * g->S + j->s;
    real *fck = df + (tap * g->C + j->c0) * g->K + j->k0;
    real sum[CB][KB] = {{0}};
    FOR (n, g->N)
        for (int64_t m = 0; m < g->narrow_pixels; m += PART) {
            real part[CB][KB] = {{0}};
            add_part(j, n, m, least(m + PART, g->narrow_pixels), part);
            FOR2 (c, j->cn, k, j->kn)
                sum[c][k] += part[c][k];
        }
    FOR2 (c, j->cn, k, j->kn)
        fck[c * g->K + k] += sum[c][k];
}

void REF(fvi_ref_weight_gradient)(const fvi_grid *g, bool transposed,
                                  const real *x, const real *dy, real *df)
{
    int64_t taps = g->Q * g->R * g->S;
    int64_t rows = (g->C + CB - 1) / CB, columns = (g->K + KB - 1) / KB;
#pragma omp parallel for collapse(3) schedule(static)
    FOR3 (tap, taps, row, rows, column, columns) {
        job j = {.g = g,
                 .transposed = transposed,
                 .x = x,
                 .dy = dy,
                 .q = tap / g->S / g->R,
                 .r = tap / g->S % g->R,
                 .s = tap % g->S,
                 .c0 = row * CB,
                 .k0 = column * KB};
        j.cn = least(CB, g->C - j.c0);
        j.kn = least(KB, g->K - j.k0);
        add_block(&j, df);
    }
}

void REF(fvi_ref_bias_gradient)(int64_t pixels, int64_t K, const real *dy,
                                real *db)
{
    int64_t columns = (K + KB - 1) / KB;
#pragma omp parallel for schedule(static)
    FOR (column, columns) {
        int64_t k0 = column * KB, kn = least(KB, K - k0);
        real sum[KB] = {0};
        for (int64_t m0 = 0; m0 < pixels; m0 += PART) {
            real part[KB] = {0};
            for (int64_t m = m0; m < least(m0 + PART, pixels); m++)
                FOR (k, kn)
                    part[k] += dy[m * K + k0 + k];
            FOR (k, kn)
                sum[k] += part[k];
        }
        FOR (k, kn)
            db[k0 + k] += sum[k];
    }
}
