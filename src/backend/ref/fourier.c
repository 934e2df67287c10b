/*
 * Differences of spectra: with X = F x/sqrt(H W), the two-dimensional discrete
 * Fourier transform of a plane, and T that of its target,
 *   y = mean over planes and frequencies of ||X| - |T||
 *   dL/dx = Re(F conj(Z))/sqrt(H W),  Z = g sign(|X| - |T|) X/|X| / count
 * F is separable: columns are transformed and become rows, twice. That costs
 * H W (H + W) and is meant for crops.
 */
#include "backend/ref/planes.h"

enum { ROOM = 6 }; /* planes of scratch; tables of cosines come before */

typedef struct complexes {
    double *re, *im;
} complexes;

typedef struct work {
    fvi_dims d;
    int64_t n, planes;
    double *cosines, *sines; /* of one side at a time */
    complexes x, t, half;    /* both planes; one after one of its sides */
} work;

static int64_t longer(fvi_dims d)
{
    return d.H > d.W ? d.H : d.W;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const fvi_dims d = fvi_dims_of(p->x[0]);
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status == FV_OK)
        need->scratch =
            (size_t)(ROOM * d.H * d.W + 2 * longer(d)) * sizeof(double);
    return status;
}

static work open(const fvi_ref_state *s, const fvi_call *c)
{
    work k = {.d = fvi_dims_of(s->p.x[0])};
    double *at = c->scratch;
    k.n = k.d.H * k.d.W;
    k.planes = plane_count(k.d);
    k.cosines = at;
    k.sines = at + longer(k.d);
    at += 2 * longer(k.d);
    k.x = (complexes){at, at + k.n};
    k.t = (complexes){at + 2 * k.n, at + 3 * k.n};
    k.half = (complexes){at + 4 * k.n, at + 5 * k.n};
    return k;
}

/* out[k,b] = sum_a in[a,b] exp(-2 pi i a k/A) for in (A,B) */
static void transform_columns(const work *w, int64_t A, int64_t B, complexes in,
                              complexes out)
{
    const double turn = 6.28318530717958647692;
    FOR (a, A) {
        w->cosines[a] = cos(turn * (double)a / (double)A);
        w->sines[a] = sin(turn * (double)a / (double)A);
    }
#pragma omp parallel for schedule(static)
    FOR (k, A) {
        double *re = out.re + k * B, *im = out.im + k * B;
        FOR (b, B)
            re[b] = im[b] = 0;
        FOR (a, A) {
            const double cosine = w->cosines[a * k % A];
            const double sine = w->sines[a * k % A];
            const double *x = in.re + a * B, *y = in.im + a * B;
            FOR (b, B) {
                re[b] += x[b] * cosine + y[b] * sine;
                im[b] += y[b] * cosine - x[b] * sine;
            }
        }
    }
}

static void transpose(int64_t A, int64_t B, complexes in, complexes out)
{
    FOR2 (a, A, b, B) {
        out.re[b * A + a] = in.re[a * B + b];
        out.im[b * A + a] = in.im[a * B + b];
    }
}

/* x (A,B) becomes F x/sqrt(A B), transposed: (B,A). */
static void transform(const work *w, int64_t A, int64_t B, complexes x)
{
    const double norm = 1 / sqrt((double)w->n);
    transform_columns(w, A, B, x, w->half);
    transpose(A, B, w->half, x);
    transform_columns(w, B, A, x, w->half);
    FOR (i, w->n) {
        x.re[i] = norm * w->half.re[i];
        x.im[i] = norm * w->half.im[i];
    }
}

static void read_spectrum(const work *k, int64_t plane, const real *x,
                          complexes to)
{
    plane_read(k->d, plane, x, to.re);
    FOR (i, k->n)
        to.im[i] = 0;
    transform(k, k->d.H, k->d.W, to);
}

static double length(complexes x, int64_t i)
{
    return sqrt(x.re[i] * x.re[i] + x.im[i] * x.im[i]);
}

static void forward(void *state, const fvi_call *c)
{
    const work k = open(state, c);
    double sum = 0;
    FOR (plane, k.planes) {
        read_spectrum(&k, plane, c->x[0].data, k.x);
        read_spectrum(&k, plane, c->x[1].data, k.t);
        FOR (i, k.n)
            sum += fabs(length(k.x, i) - length(k.t, i));
    }
    const int64_t count = k.planes * k.n;
    *(real *)c->y.data = (real)(count ? sum / (double)count : 0);
}

static void backward(void *state, const fvi_call *c)
{
    const work k = open(state, c);
    const double g = (double)*(const real *)c->dy.data;
    const double unit = g / (double)(k.planes * k.n);
    if (!c->dx[0].data)
        return;
    FOR (plane, k.planes) {
        read_spectrum(&k, plane, c->x[0].data, k.x);
        read_spectrum(&k, plane, c->x[1].data, k.t);
        FOR (i, k.n) {
            double X = length(k.x, i), off = X - length(k.t, i);
            double sign = off > 0 ? 1 : off < 0 ? -1 : 0;
            double share = X > 0 ? unit * sign / X : 0;
            k.x.re[i] *= share;
            k.x.im[i] *= -share;
        }
        transform(&k, k.d.W, k.d.H, k.x);
        plane_add(k.d, plane, k.x.re, c->dx[0].data);
    }
}

const fvi_kernel REF(fvi_ref_fourier) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
