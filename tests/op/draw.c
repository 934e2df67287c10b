/* The numbers of a problem. */
#include "checkop.h"

#include <math.h>

/* A double that float holds exactly. */
static double exact(double v)
{
    return (double)(float)v;
}

/* A double that is a bf16 number: 8 bits of fraction. */
static double short_of(double v)
{
    int e;
    double m = frexp(v, &e);
    return ldexp(nearbyint(ldexp(m, 8)), e - 8);
}

/* Factors of products as kernels for bf16 round them; what is only added
 * keeps its bits. */
static void shorten(const checkop_problem *p, checkop_data *d)
{
    const int factors = p->op == FVI_OP_attention ? 3 : 2;
    for (int k = 0; k < p->nx && k < factors; k++)
        for (int64_t i = 0; i < fv_count(p->x[k]); i++)
            d->x[k][i] = short_of(d->x[k][i]);
    for (int64_t i = 0; i < fv_count(p->y); i++)
        d->dy[i] = short_of(d->dy[i]);
}

static double away(fvi_rng *r)
{
    double v = fvi_rng_between(r, 0.1, 1);
    return fvi_rng_below(r, 2) ? v : -v;
}

static double draw(fvi_rng *r, checkop_domain domain, int64_t i, int64_t C,
                   int64_t K)
{
    switch (domain) {
    case CHECKOP_NONZERO:
    case CHECKOP_APART:
        return away(r);
    case CHECKOP_STAR:
        return i % C ? away(r) : fvi_rng_uniform(r);
    case CHECKOP_PLUSMINUS:
        return ((i / C + i % C) % 2 ? 1 : -1) * fvi_rng_between(r, 0.8, 1.2);
    case CHECKOP_UNIT:
        return fvi_rng_uniform(r);
    case CHECKOP_POSITIVE:
        return fvi_rng_between(r, 0.5, 1.5);
    case CHECKOP_SMALL:
        return fvi_rng_between(r, -0.2, 0.2);
    case CHECKOP_CLASS:
        return fvi_rng_below(r, 8) == 0 ? -1 : (double)fvi_rng_below(r, K);
    case CHECKOP_WEIGHT:
        return fvi_rng_below(r, 4) == 0 ? 0 : fvi_rng_between(r, 0.5, 1.5);
    case CHECKOP_SIGNED:
    case CHECKOP_DISTINCT:
    default:
        return fvi_rng_between(r, -1, 1);
    }
}

/* A random permutation of 0, 1, 2, ... times 1/64, around 0. */
static void permute(fvi_rng *r, int64_t count, double *v)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t j = fvi_rng_below(r, i + 1);
        v[i] = v[j];
        v[j] = (double)(i - count / 2) / 64;
    }
}

static int64_t last_extent(fv_tensor t)
{
    return t.ndim > 0 ? t.dim[t.ndim - 1] : 1;
}

void checkop_draw(fv_ctx *ctx, const checkop_problem *p, uint64_t seed,
                  checkop_data *d)
{
    int64_t K = last_extent(p->x[0]);
    for (int k = 0; k < p->nx; k++) {
        fvi_rng r = fvi_rng_new(seed, (uint64_t)k);
        int64_t count = fv_count(p->x[k]), C = last_extent(p->x[k]);
        double *v = d->x[k] = checkop_numbers(ctx, count);
        if (p->domain[k] == CHECKOP_DISTINCT) {
            permute(&r, count, v);
            continue;
        }
        for (int64_t i = 0; i < count; i++)
            v[i] = exact(draw(&r, p->domain[k], i, C, K));
        for (int64_t i = 0; p->domain[k] == CHECKOP_APART && i < count; i++)
            v[i] = exact(v[i] + d->x[0][i]);
        for (int64_t i = 0; p->domain[k] == CHECKOP_STAR && i < count; i++)
            v[i] = i % C ? exact(v[i] + d->x[0][i]) : v[i];
    }
    fvi_rng r = fvi_rng_new(seed, 99);
    int64_t count = fv_count(p->y);
    d->dy = checkop_numbers(ctx, count);
    for (int64_t i = 0; i < count; i++)
        d->dy[i] = exact(away(&r));
    if (p->half)
        shorten(p, d);
}

void checkop_draw_integers(fv_ctx *ctx, const checkop_problem *p, uint64_t seed,
                           checkop_data *d)
{
    fvi_rng r = fvi_rng_new(seed, 100);
    for (int k = 0; k < p->nx; k++) {
        int64_t count = fv_count(p->x[k]);
        d->x[k] = checkop_numbers(ctx, count);
        for (int64_t i = 0; i < count; i++)
            d->x[k][i] = (double)(fvi_rng_below(&r, 5) - 2);
    }
    int64_t count = fv_count(p->y);
    d->dy = checkop_numbers(ctx, count);
    for (int64_t i = 0; i < count; i++)
        d->dy[i] = (double)(fvi_rng_below(&r, 5) - 2);
}

void checkop_data_free(fv_ctx *ctx, const checkop_problem *p, checkop_data *d)
{
    for (int k = 0; k < p->nx; k++)
        fvi_free(ctx, d->x[k]);
    fvi_free(ctx, d->dy);
    *d = (checkop_data){0};
}
