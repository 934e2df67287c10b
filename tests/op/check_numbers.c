/* Checks of what is computed: equal, exact, gradient, adjoint. */
#include "checkop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Runs truth and subject on the same numbers. */
static fv_status run_both(checkop_case *c, const checkop_data *d,
                          checkop_result *found, checkop_result *expected)
{
    *expected = (checkop_result){0};
    FV_TRY(checkop_run(c->ctx, c->p, &c->subject, d, (checkop_how){0}, found));
    fv_status status =
        checkop_run(c->ctx, c->p, &c->truth, d, (checkop_how){0}, expected);
    if (status != FV_OK)
        checkop_result_free(c->ctx, c->p, found);
    return status;
}

/* The running mean and variance after a training step. */
static bool same_buffers(checkop_case *c, const checkop_result *found,
                         const checkop_result *expected)
{
    const checkop_problem *p = c->p;
    for (int i = 3; i < p->nx && p->op == FVI_OP_batch_norm; i++)
        for (int64_t k = 0; k < fv_count(p->x[i]); k++) {
            double e = expected->x[i][k], f = found->x[i][k];
            if (!(fabs(e - f) <= 1e-6 * (1 + fabs(e)))) {
                checkop_fail(c, "running x[%d][%lld] is %.9g, expected %.9g", i,
                             (long long)k, f, e);
                return false;
            }
        }
    return true;
}

checkop_outcome checkop_equal(checkop_case *c)
{
    checkop_data d;
    checkop_result found, expected, bound;
    if (c->subject.dtype == FV_F64)
        return checkop_skip(c, "is the truth");
    checkop_draw(c->ctx, c->p, c->seed, &d);
    checkop_outcome outcome = CHECKOP_PASSED;
    fv_status status = run_both(c, &d, &found, &expected);
    if (status != FV_OK) {
        checkop_data_free(c->ctx, c->p, &d);
        return checkop_broken(c, status);
    }
    status = checkop_bounds(c, &d, &bound);
    if (status != FV_OK)
        outcome = checkop_broken(c, status);
    else if (!checkop_same_all(c, "", &found, &expected, &bound, c->p->want) ||
             !same_buffers(c, &found, &expected))
        outcome = CHECKOP_FAILED;
    checkop_data_free(c->ctx, c->p, &d);
    checkop_result_free(c->ctx, c->p, &found);
    checkop_result_free(c->ctx, c->p, &expected);
    checkop_result_free(c->ctx, c->p, &bound);
    return outcome;
}

/* Only sums, products and choices of whole numbers. */
static bool keeps_integers(const checkop_problem *p)
{
    if (p->op == FVI_OP_upsample) {
        fvi_upsample o;
        memcpy(&o, p->attr, sizeof o);
        return o.how == FV_NEAREST;
    }
    return !p->fused && !p->tiled &&
           (p->family == CHECKOP_BILINEAR || p->op == FVI_OP_add ||
            p->op == FVI_OP_concat || p->op == FVI_OP_slice ||
            p->op == FVI_OP_reshape || p->op == FVI_OP_max_pool ||
            p->op == FVI_OP_relu);
}

/* Ties among equals make this the test of who wins in a max pool. */
checkop_outcome checkop_exact(checkop_case *c)
{
    checkop_data d;
    checkop_result found, expected;
    if (!keeps_integers(c->p))
        return checkop_skip(c, "does not keep whole numbers whole");
    if (!c->subject.exact || c->subject.dtype == FV_F64)
        return checkop_skip(c, "not promised");
    checkop_draw_integers(c->ctx, c->p, c->seed, &d);
    checkop_outcome outcome = CHECKOP_PASSED;
    fv_status status = run_both(c, &d, &found, &expected);
    if (status != FV_OK)
        outcome = checkop_broken(c, status);
    else {
        /* a bound of zero, unlike equal bits, lets -0 be 0 */
        checkop_result zero = {0};
        zero.y = checkop_numbers(c->ctx, fv_count(c->p->y));
        for (int i = 0; i < c->p->nx; i++)
            zero.dx[i] = checkop_numbers(c->ctx, fv_count(c->p->x[i]));
        if (!checkop_same_all(c, "", &found, &expected, &zero, c->p->want))
            outcome = CHECKOP_FAILED;
        checkop_result_free(c->ctx, c->p, &found);
        checkop_result_free(c->ctx, c->p, &expected);
        checkop_result_free(c->ctx, c->p, &zero);
    }
    checkop_data_free(c->ctx, c->p, &d);
    return outcome;
}

/* ---- gradient ---- */

/* sum dy (y(x + h e) - y(x - h e)), where e is a direction in input i. */
static fv_status difference(checkop_case *c, checkop_data *d, int i,
                            const double *e, double h, double *out)
{
    const checkop_problem *p = c->p;
    int64_t count = fv_count(p->x[i]);
    double *x = d->x[i], *moved = checkop_numbers(c->ctx, count);
    checkop_how how = {.threads = 1, .forward_only = true};
    checkop_result plus = {0}, minus = {0};
    d->x[i] = moved;
    for (int64_t k = 0; k < count; k++)
        moved[k] = x[k] + h * e[k];
    fv_status status = checkop_run(c->ctx, p, &c->subject, d, how, &plus);
    for (int64_t k = 0; k < count; k++)
        moved[k] = x[k] - h * e[k];
    if (status == FV_OK)
        status = checkop_run(c->ctx, p, &c->subject, d, how, &minus);
    d->x[i] = x;
    *out = 0;
    for (int64_t k = 0; k < fv_count(p->y) && status == FV_OK; k++)
        *out += d->dy[k] * (plus.y[k] - minus.y[k]);
    fvi_free(c->ctx, moved);
    checkop_result_free(c->ctx, p, &plus);
    checkop_result_free(c->ctx, p, &minus);
    return status;
}

/*
 * The derivative along e by central differences of fourth order:
 *   (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h,  error h^4 f'''''/30.
 */
static checkop_outcome along(checkop_case *c, checkop_data *d, int i,
                             const double *e, const double *dx, const char *of)
{
    const double h = 1e-3;
    double one, two, analytic = 0, size = 0;
    fv_status status = difference(c, d, i, e, h, &one);
    if (status == FV_OK)
        status = difference(c, d, i, e, 2 * h, &two);
    if (status != FV_OK)
        return checkop_broken(c, status);
    double numeric = (8 * one - two) / (12 * h);
    for (int64_t k = 0; k < fv_count(c->p->x[i]); k++) {
        analytic += e[k] * dx[k];
        size += fabs(e[k] * dx[k]);
    }
    double allowed = 1e-7 * (size + fabs(numeric)) + 1e-10;
    if (fabs(analytic - numeric) <= allowed)
        return CHECKOP_PASSED;
    return checkop_fail(c,
                        "dx[%d] %s is %.12g, central differences give %.12g, "
                        "expected within %.3g",
                        i, of, analytic, numeric, allowed);
}

static checkop_outcome gradient_of(checkop_case *c, checkop_data *d, int i,
                                   const double *dx)
{
    int64_t count = fv_count(c->p->x[i]);
    double *e = checkop_numbers(c->ctx, count);
    fvi_rng r = fvi_rng_new(c->seed, 200 + (uint64_t)i);
    checkop_outcome outcome = CHECKOP_PASSED;
    int64_t singles = count < 24 ? count : 24;
    for (int64_t t = 0; t < singles && outcome == CHECKOP_PASSED; t++) {
        int64_t k = count < 24 ? t : fvi_rng_below(&r, count);
        char of[40];
        snprintf(of, sizeof of, "of element %lld", (long long)k);
        e[k] = 1;
        outcome = along(c, d, i, e, dx, of);
        e[k] = 0;
    }
    for (int t = 0; t < 2 && outcome == CHECKOP_PASSED; t++) {
        for (int64_t k = 0; k < count; k++)
            e[k] = fvi_rng_below(&r, 2) ? 1 : -1;
        outcome = along(c, d, i, e, dx, "along random signs");
    }
    fvi_free(c->ctx, e);
    return outcome;
}

checkop_outcome checkop_gradient(checkop_case *c)
{
    const checkop_problem *p = c->p;
    if (c->subject.dtype != FV_F64)
        return checkop_skip(c, "only in double");
    if (!p->train || !p->want)
        return checkop_skip(c, "no gradient when inferring");
    if (fvi_ops[p->op]->work(p->attr, p->x, p->y) > 2e6)
        return checkop_skip(c, "too big for central differences");
    checkop_data d;
    checkop_result r;
    checkop_draw(c->ctx, p, c->seed, &d);
    fv_status status =
        checkop_run(c->ctx, p, &c->subject, &d, (checkop_how){0}, &r);
    checkop_outcome outcome =
        status == FV_OK ? CHECKOP_PASSED : checkop_broken(c, status);
    for (int i = 0; i < p->nx && outcome == CHECKOP_PASSED; i++)
        if (p->want & (1u << i))
            outcome = gradient_of(c, &d, i, r.dx[i]);
    checkop_result_free(c->ctx, p, &r);
    checkop_data_free(c->ctx, p, &d);
    return outcome;
}

/* ---- adjoint ---- */

static double inner(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* sum (a b)^2: rounding errors of different numbers are independent. */
static double squares(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i] * a[i] * b[i];
    return sum;
}

/* <dy, A x> = <A' dy, x>: for each input alone where y is linear in each, for
 * all of them together where it is linear in all. */
static checkop_outcome compare_products(checkop_case *c, const checkop_data *d,
                                        const checkop_result *r,
                                        const checkop_result *bound)
{
    const checkop_problem *p = c->p;
    int64_t ny = fv_count(p->y);
    double left = inner(d->dy, r->y, ny), right = 0;
    double variance = squares(d->dy, bound->y, ny);
    bool together = p->family == CHECKOP_LINEAR;
    int inputs = p->nx > 2 ? 2 : p->nx; /* without the bias */
    for (int i = 0; i < inputs; i++) {
        int64_t n = fv_count(p->x[i]);
        double part = inner(r->dx[i], d->x[i], n);
        variance += squares(bound->dx[i], d->x[i], n);
        right = together ? right + part : part;
        double allowed = 2 * sqrt(variance);
        if (together && i < inputs - 1)
            continue;
        if (!(fabs(left - right) <= allowed))
            return checkop_fail(c,
                                "<dy, y> is %.12g but <dx[%d], x[%d]> is "
                                "%.12g, expected within %.3g",
                                left, i, i, right, allowed);
    }
    return CHECKOP_PASSED;
}

checkop_outcome checkop_adjoint(checkop_case *c)
{
    const checkop_problem *p = c->p;
    if (p->family == CHECKOP_SMOOTH || !p->train)
        return checkop_skip(c, "not linear, or without a gradient");
    checkop_data d;
    checkop_result r, bound;
    checkop_draw(c->ctx, p, c->seed, &d);
    for (int64_t k = 0; p->nx > 2 && k < fv_count(p->x[2]); k++)
        d.x[2][k] = 0; /* a bias makes it affine */
    fv_status status =
        checkop_run(c->ctx, p, &c->subject, &d, (checkop_how){0}, &r);
    checkop_outcome outcome = CHECKOP_PASSED;
    if (status != FV_OK)
        outcome = checkop_broken(c, status);
    else if ((status = checkop_bounds(c, &d, &bound)) != FV_OK)
        outcome = checkop_broken(c, status);
    else {
        outcome = compare_products(c, &d, &r, &bound);
        checkop_result_free(c->ctx, p, &bound);
    }
    checkop_result_free(c->ctx, p, &r);
    checkop_data_free(c->ctx, p, &d);
    return outcome;
}
