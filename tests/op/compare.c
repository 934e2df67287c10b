/* Comparing results number by number, and saying where they differ. */
#include "checkop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define U 0x1p-24 /* unit roundoff of float */

checkop_outcome checkop_fail(checkop_case *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, args);
    va_end(args);
    return CHECKOP_FAILED;
}

checkop_outcome checkop_skip(checkop_case *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, args);
    va_end(args);
    return CHECKOP_SKIPPED;
}

checkop_outcome checkop_broken(checkop_case *c, fv_status status)
{
    return status == FV_ENOTSUP ? checkop_skip(c, "%s", fv_message(c->ctx))
                                : checkop_fail(c, "%s", fv_message(c->ctx));
}

/* "[0,2,5,1]" */
static void write_index(fv_tensor t, int64_t at, char *text, size_t size)
{
    int64_t index[FV_MAX_DIM] = {0};
    for (int a = t.ndim - 1; a >= 0; a--) {
        index[a] = at % t.dim[a];
        at /= t.dim[a];
    }
    int used = snprintf(text, size, "[");
    for (int a = 0; a < t.ndim; a++)
        used += snprintf(text + used, size - (size_t)used, "%s%lld",
                         a ? "," : "", (long long)index[a]);
    snprintf(text + used, size - (size_t)used, "]");
}

static bool same(double a, double b, const double *bound)
{
    return bound ? fabs(a - b) <= *bound : memcmp(&a, &b, sizeof a) == 0;
}

bool checkop_same(checkop_case *c, const char *what, fv_tensor shape,
                  const double *found, const double *expected,
                  const double *bound)
{
    int64_t count = fv_count(shape), bad = 0, worst = -1;
    double most = -1;
    for (int64_t i = 0; i < count; i++) {
        if (same(found[i], expected[i], bound ? bound + i : NULL))
            continue;
        double off = fabs(found[i] - expected[i]);
        bad++;
        if (worst < 0 || off > most || isnan(off)) {
            worst = i;
            most = isnan(off) ? HUGE_VAL : off;
        }
    }
    if (!bad)
        return true;
    char at[80];
    write_index(shape, worst, at, sizeof at);
    checkop_fail(c,
                 "%s%s is %.9g, expected %.9g %s %.3g; %lld of %lld numbers "
                 "differ, this one most",
                 what, at, found[worst], expected[worst],
                 bound ? "within" : "to the last bit: off by",
                 bound ? bound[worst] : most, (long long)bad, (long long)count);
    return false;
}

bool checkop_same_all(checkop_case *c, const char *what,
                      const checkop_result *found,
                      const checkop_result *expected,
                      const checkop_result *bound, unsigned dx)
{
    const checkop_problem *p = c->p;
    char name[80];
    snprintf(name, sizeof name, "%sy", what);
    if (!checkop_same(c, name, p->y, found->y, expected->y,
                      bound ? bound->y : NULL))
        return false;
    for (int i = 0; i < p->nx; i++) {
        if (!(dx & (1u << i)) || !found->dx[i] || !p->train)
            continue;
        snprintf(name, sizeof name, "%sdx[%d]", what, i);
        if (!checkop_same(c, name, p->x[i], found->dx[i], expected->dx[i],
                          bound ? bound->dx[i] : NULL))
            return false;
    }
    return true;
}

/* The most terms that one number of y, dx[0], or dx[1..] sums. */
static void count_terms(const checkop_problem *p, double n[3])
{
    double positions = 1;
    for (int a = 1; a < p->x[0].ndim - 1; a++)
        positions *= (double)p->x[0].dim[a];
    n[0] = n[1] = n[2] = positions;
    if (p->op == FVI_OP_multiply_each || p->op == FVI_OP_add_each ||
        p->op == FVI_OP_prepend || p->op == FVI_OP_add_channels)
        n[2] = (double)fv_count(p->y) / (double)fv_count(p->x[1]);
    if (p->family != CHECKOP_BILINEAR || p->op == FVI_OP_multiply ||
        p->op == FVI_OP_multiply_each)
        return;
    double C = (double)p->x[0].dim[p->x[0].ndim - 1];
    double K = (double)p->y.dim[p->y.ndim - 1];
    double taps = (double)fv_count(p->x[1]) / C / K;
    n[0] = taps * C + 1;
    n[1] = taps * K + 1;
    n[2] = (double)fv_count(p->x[0]) / C + (double)fv_count(p->y) / K;
}

static void scale_magnitudes(double *v, int64_t count, double terms)
{
    for (int64_t i = 0; v && i < count; i++)
        v[i] = 4 * sqrt(terms) * U * fabs(v[i]) + 1e-30;
}

/* y is rounded to bf16 in tiles; GELU with bf16 is off by up to 2e-5. */
static void scale_y(const checkop_problem *p, double *v, double terms)
{
    fvi_linear o = {0};
    if (p->op == FVI_OP_linear)
        memcpy(&o, p->attr, sizeof o);
    const double share = p->tiled ? 0x1p-8 : 0;
    const double fixed = p->half && o.act == FVI_ACT_GELU ? 2e-5 : 0;
    for (int64_t i = 0; i < fv_count(p->y); i++)
        v[i] = (4 * sqrt(terms) * U + share) * fabs(v[i]) + fixed + 1e-30;
}

static void spread_bound(double *v, int64_t count, double floor)
{
    double most = floor;
    for (int64_t i = 0; v && i < count; i++)
        most = fmax(most, fabs(v[i]));
    for (int64_t i = 0; v && i < count; i++)
        v[i] = 64 * U * (fabs(v[i]) + most) + 1e-30;
}

/* Weights of values are rounded to 8 bits of fraction, too. */
static void spread_half_bound(double *v, int64_t count)
{
    double most = 1;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(v[i]));
    for (int64_t i = 0; i < count; i++)
        v[i] = 0x1p-8 * (fabs(v[i]) + most);
}

static void absolute(const double *from, double *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = fabs(from[i]);
}

fv_status checkop_bounds(checkop_case *c, const checkop_data *d,
                         checkop_result *b)
{
    const checkop_problem *p = c->p;
    bool smooth = p->family == CHECKOP_SMOOTH;
    checkop_data magnitude = {.dy = checkop_numbers(c->ctx, fv_count(p->y))};
    for (int i = 0; i < p->nx; i++) {
        int64_t count = fv_count(p->x[i]);
        magnitude.x[i] = checkop_numbers(c->ctx, count);
        absolute(d->x[i], magnitude.x[i], count);
    }
    absolute(d->dy, magnitude.dy, fv_count(p->y));
    fv_status status = checkop_run(
        c->ctx, p, &c->truth, smooth ? d : &magnitude, (checkop_how){0}, b);
    checkop_data_free(c->ctx, p, &magnitude);
    if (status != FV_OK)
        return status;
    double n[3];
    count_terms(p, n);
    bool norm = p->op == FVI_OP_batch_norm || p->op == FVI_OP_layer_norm ||
                p->op == FVI_OP_rms_norm || p->op == FVI_OP_group_norm ||
                p->op == FVI_OP_attention; /* differences of sums */
    if (smooth && p->half)
        spread_half_bound(b->y, fv_count(p->y));
    else if (smooth)
        spread_bound(b->y, fv_count(p->y), norm ? 1 : 0);
    else
        scale_y(p, b->y, n[0]);
    for (int i = 0; i < p->nx; i++)
        if (smooth)
            spread_bound(b->dx[i], fv_count(p->x[i]), norm ? 1 : 0);
        else
            scale_magnitudes(b->dx[i], fv_count(p->x[i]), n[i ? 2 : 1]);
    return FV_OK;
}
