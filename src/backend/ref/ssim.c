/*
 * Structural similarity, at one scale or several. G is the mean under a
 * Gaussian window of 11x11 within the image; for a plane x and its target t,
 *   u = G x, v = G t, a = G x^2 - u^2, b = G t^2 - v^2, c = G x t - u v
 *   light = (2 u v + C1)/(u^2 + v^2 + C1),  form = (2 c + C2)/(a + b + C2)
 *   m[j] = mean form, at the last scale mean of light form
 *   y = 1 - mean over planes of prod_j max(m[j], 0)^w[j]
 * where scale j+1 has the means of 2x2 pixels of scale j. With one scale m[0]
 * stays as it is. Gradients go the same way back:
 *   dL/dx = G' P + 2 x G' A + t G' C
 * where P, A, C are the derivatives by u, G x^2 and G x t.
 */
#include "backend/ref/planes.h"

enum { SIDE = 11, SCALES = 5, ROOM = 13 }; /* ROOM: planes of scratch */

/* Wang, Simoncelli & Bovik 2003, section 4. */
static const double exponents[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363,
                                         0.1333};

typedef struct work {
    fvi_dims d;
    int64_t scales, planes;
    double C1, C2, g[SIDE], w[SCALES];
    int64_t H[SCALES], W[SCALES];
    double *x[SCALES], *t[SCALES], *dx[SCALES]; /* pyramids */
    double *u, *v, *uu, *vv, *uv, *row, *image;
} work;

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    const fvi_ssim *o = p->attr;
    const fvi_dims d = fvi_dims_of(p->x[0]);
    fv_status status = fvi_ref_prepare(ctx, p, need, state);
    if (status != FV_OK)
        return status;
    need->scratch = (size_t)(ROOM * d.H * d.W) * sizeof(double);
    need->keep = (size_t)(plane_count(d) * o->scales) * sizeof(double);
    return FV_OK;
}

/* Constants: K1 = 0.01, K2 = 0.03, sigma = 1.5 (Wang et al. 2004). */
static void set_numbers(work *k, const fvi_ssim *o)
{
    double sum = 0, weights = 0, range = (double)o->range;
    k->C1 = 0.01 * range * 0.01 * range;
    k->C2 = 0.03 * range * 0.03 * range;
    FOR (r, SIDE) {
        double off = (double)(r - SIDE / 2);
        k->g[r] = exp(-off * off / (2 * 1.5 * 1.5));
        sum += k->g[r];
    }
    FOR (r, SIDE)
        k->g[r] /= sum;
    FOR (j, k->scales)
        weights += exponents[j];
    FOR (j, k->scales)
        k->w[j] = exponents[j] / weights;
}

/* Pyramids take less than two planes, as 1 + 1/4 + ... < 2. */
static work open(const fvi_ref_state *s, const fvi_call *c)
{
    const fvi_ssim *o = s->p.attr;
    work k = {.d = fvi_dims_of(s->p.x[0]), .scales = o->scales};
    const int64_t n = k.d.H * k.d.W;
    double *at = c->scratch;
    double **one[] = {&k.u, &k.v, &k.uu, &k.vv, &k.uv, &k.row, &k.image};
    k.planes = plane_count(k.d);
    set_numbers(&k, o);
    FOR (j, k.scales) {
        k.H[j] = k.d.H >> j;
        k.W[j] = k.d.W >> j;
        k.x[j] = j ? k.x[j - 1] + k.H[j - 1] * k.W[j - 1] : at;
        k.t[j] = k.x[j] + 2 * n;
        k.dx[j] = k.x[j] + 4 * n;
    }
    FOR (i, 7)
        *one[i] = at + (6 + i) * n;
    return k;
}

/* y (H-10,W-10) = G x */
static void blur(const work *k, int64_t H, int64_t W, const double *x,
                 double *y)
{
    const int64_t w = W - SIDE + 1, h = H - SIDE + 1;
#pragma omp parallel for schedule(static)
    FOR (i, H)
        FOR (j, w) {
            double sum = 0;
            FOR (r, SIDE)
                sum += k->g[r] * x[i * W + j + r];
            k->row[i * w + j] = sum;
        }
#pragma omp parallel for schedule(static)
    FOR (i, h)
        FOR (j, w) {
            double sum = 0;
            FOR (r, SIDE)
                sum += k->g[r] * k->row[(i + r) * w + j];
            y[i * w + j] = sum;
        }
}

/* x (H,W) = G' y, the adjoint */
static void spread(const work *k, int64_t H, int64_t W, const double *y,
                   double *x)
{
    const int64_t w = W - SIDE + 1, h = H - SIDE + 1;
#pragma omp parallel for schedule(static)
    FOR (i, h)
        FOR (j, W) {
            double sum = 0;
            FOR (r, SIDE)
                if (j >= r && j - r < w)
                    sum += k->g[r] * y[i * w + j - r];
            k->row[i * W + j] = sum;
        }
#pragma omp parallel for schedule(static)
    FOR (i, H)
        FOR (j, W) {
            double sum = 0;
            FOR (r, SIDE)
                if (i >= r && i - r < h)
                    sum += k->g[r] * k->row[(i - r) * W + j];
            x[i * W + j] = sum;
        }
}

static void blur_product(const work *k, int64_t j, const double *a,
                         const double *b, double *y)
{
    FOR (i, k->H[j] * k->W[j])
        k->image[i] = a[i] * b[i];
    blur(k, k->H[j], k->W[j], k->image, y);
}

/* u, v, uu, vv, uv at scale j. */
static void moments(const work *k, int64_t j)
{
    const double *x = k->x[j], *t = k->t[j];
    blur(k, k->H[j], k->W[j], x, k->u);
    blur(k, k->H[j], k->W[j], t, k->v);
    blur_product(k, j, x, x, k->uu);
    blur_product(k, j, t, t, k->vv);
    blur_product(k, j, x, t, k->uv);
}

typedef struct terms { /* of one position, with their denominators */
    double light, form, low, lof;
} terms;

static terms terms_at(const work *k, int64_t i)
{
    const double u = k->u[i], v = k->v[i];
    terms s = {.low = u * u + v * v + k->C1,
               .lof = k->uu[i] - u * u + k->vv[i] - v * v + k->C2};
    s.light = (2 * u * v + k->C1) / s.low;
    s.form = (2 * (k->uv[i] - u * v) + k->C2) / s.lof;
    return s;
}

static int64_t positions(const work *k, int64_t j)
{
    return (k->H[j] - SIDE + 1) * (k->W[j] - SIDE + 1);
}

static void shrink(const double *x, int64_t W, double *y, int64_t h, int64_t w)
{
    FOR2 (i, h, j, w) {
        const double *a = x + 2 * i * W + 2 * j;
        y[i * w + j] = (a[0] + a[1] + a[W] + a[W + 1]) / 4;
    }
}

static void read_pyramids(const work *k, int64_t plane, const fvi_call *c)
{
    plane_read(k->d, plane, c->x[0].data, k->x[0]);
    plane_read(k->d, plane, c->x[1].data, k->t[0]);
    for (int64_t j = 1; j < k->scales; j++) {
        shrink(k->x[j - 1], k->W[j - 1], k->x[j], k->H[j], k->W[j]);
        shrink(k->t[j - 1], k->W[j - 1], k->t[j], k->H[j], k->W[j]);
    }
}

/* prod_j max(m[j], 0)^w[j]; one scale alone may be negative. */
static double together(const work *k, const double *m)
{
    double product = 1;
    if (k->scales == 1)
        return m[0];
    FOR (j, k->scales)
        product *= pow(m[j] > 0 ? m[j] : 0, k->w[j]);
    return product;
}

/* Keeps the means m for backward. */
static void forward(void *state, const fvi_call *c)
{
    const work k = open(state, c);
    double total = 0;
    FOR (plane, k.planes) {
        double *m = (double *)c->keep + plane * k.scales;
        read_pyramids(&k, plane, c);
        FOR (j, k.scales) {
            double sum = 0;
            moments(&k, j);
            FOR (i, positions(&k, j)) {
                terms s = terms_at(&k, i);
                sum += j < k.scales - 1 ? s.form : s.light * s.form;
            }
            m[j] = sum / (double)positions(&k, j);
        }
        total += together(&k, m);
    }
    *(real *)c->y.data = (real)(k.planes ? 1 - total / (double)k.planes : 0);
}

/* P, A, C in place of u, uu, uv; g is the gradient of one position. */
static void derive(const work *k, int64_t j, double g)
{
    const bool last = j == k->scales - 1;
#pragma omp parallel for schedule(static)
    FOR (i, positions(k, j)) {
        const double u = k->u[i], v = k->v[i];
        terms s = terms_at(k, i);
        double dform = last ? g * s.light : g, dlight = last ? g * s.form : 0;
        double A = -dform * s.form / s.lof, C = 2 * dform / s.lof;
        k->uu[i] = A;
        k->uv[i] = C;
        k->u[i] = dlight * 2 * (v - s.light * u) / s.low - 2 * u * A - v * C;
    }
}

/* dx at scale j, from what arrives at its positions and from below. */
static void gradient(const work *k, int64_t j, double g)
{
    const int64_t H = k->H[j], W = k->W[j];
    double *dx = k->dx[j];
    moments(k, j);
    derive(k, j, g);
    spread(k, H, W, k->u, dx);
    spread(k, H, W, k->uu, k->image);
    FOR (i, H * W)
        dx[i] += 2 * k->x[j][i] * k->image[i];
    spread(k, H, W, k->uv, k->image);
    FOR (i, H * W)
        dx[i] += k->t[j][i] * k->image[i];
    if (j == k->scales - 1)
        return;
    const int64_t h = k->H[j + 1], w = k->W[j + 1];
    FOR2 (y, 2 * h, z, 2 * w)
        dx[y * W + z] += k->dx[j + 1][y / 2 * w + z / 2] / 4;
}

static void backward(void *state, const fvi_call *c)
{
    const work k = open(state, c);
    const double g = -(double)*(const real *)c->dy.data / (double)k.planes;
    if (!c->dx[0].data)
        return;
    FOR (plane, k.planes) {
        const double *m = (const double *)c->keep + plane * k.scales;
        const double value = together(&k, m);
        if (k.scales > 1 && value == 0)
            continue;
        read_pyramids(&k, plane, c);
        for (int64_t j = k.scales - 1; j >= 0; j--) {
            double dm = k.scales == 1 ? g : g * k.w[j] * value / m[j];
            gradient(&k, j, dm / (double)positions(&k, j));
        }
        plane_add(k.d, plane, k.dx[0], c->dx[0].data);
    }
}

const fvi_kernel REF(fvi_ref_ssim) = {
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = fvi_ref_release,
};
