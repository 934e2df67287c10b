/* Checks of how it is computed: locality, accumulate, threads. */
#include "checkop.h"
#include "op/attention.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- locality ---- */

static bool in_box(const fvi_box *b, fv_tensor x, int64_t flat)
{
    bool in = true;
    for (int a = x.ndim - 1; a >= 0; a--) {
        int64_t i = flat % x.dim[a];
        flat /= x.dim[a];
        int64_t step = b->step[a] > 0 ? b->step[a] : 1;
        in = in && i >= b->lo[a] && i < b->hi[a] && (i - b->lo[a]) % step == 0;
    }
    return in;
}

static bool box_inside(const fvi_box *b, fv_tensor x)
{
    for (int a = 0; a < x.ndim; a++)
        if (b->lo[a] < b->hi[a] && (b->lo[a] < 0 || b->hi[a] > x.dim[a]))
            return false;
    return true;
}

/* y[flat] when the marked numbers of input i are replaced by others. */
static fv_status run_changed(checkop_case *c, const checkop_subject *s,
                             checkop_data *d, int i, double *changed,
                             int64_t flat, double *y)
{
    checkop_result r;
    double *x = d->x[i];
    d->x[i] = changed;
    fv_status status =
        checkop_run(c->ctx, c->p, s, d,
                    (checkop_how){.threads = 1, .forward_only = true}, &r);
    d->x[i] = x;
    if (status == FV_OK)
        *y = r.y[flat];
    checkop_result_free(c->ctx, c->p, &r);
    return status;
}

/* Everything outside of the box changes at once: y[at] must stay. */
static checkop_outcome outside(checkop_case *c, checkop_data *d, int i,
                               const fvi_box *box, int64_t flat, double y,
                               double slack)
{
    fv_tensor x = c->p->x[i];
    int64_t count = fv_count(x);
    double *v = checkop_numbers(c->ctx, count), now = 0;
    fvi_rng r = fvi_rng_new(c->seed, 300);
    for (int64_t k = 0; k < count; k++) {
        double other = (double)(float)fvi_rng_between(&r, -1, 1);
        v[k] = in_box(box, x, k) ? d->x[i][k] : other;
    }
    fv_status status = run_changed(c, &c->subject, d, i, v, flat, &now);
    fvi_free(c->ctx, v);
    if (status != FV_OK)
        return checkop_broken(c, status);
    bool same = c->subject.bits_local ? memcmp(&now, &y, sizeof y) == 0
                                      : fabs(now - y) <= 2 * slack;
    if (same)
        return CHECKOP_PASSED;
    return checkop_fail(c,
                        "y element %lld moves from %.9g to %.9g when x[%d] "
                        "changes only outside of what it reads",
                        (long long)flat, y, now, i);
}

/* One number inside of the box changes: y[at] must move. In double, where no
 * change is lost by rounding. */
static checkop_outcome inside(checkop_case *c, checkop_data *d, int i,
                              const fvi_box *box, int64_t flat, fvi_rng *r)
{
    fv_tensor x = c->p->x[i];
    int64_t count = fv_count(x), tries = 0;
    double *v = checkop_numbers(c->ctx, count), before = 0, after = 0;
    memcpy(v, d->x[i], (size_t)count * sizeof *v);
    checkop_outcome outcome = CHECKOP_PASSED;
    fv_status status = run_changed(c, &c->truth, d, i, v, flat, &before);
    int64_t start = fvi_rng_below(r, count);
    for (int64_t t = 0; t < count && tries < 3 && status == FV_OK; t++) {
        int64_t k = (start + t) % count;
        if (!in_box(box, x, k))
            continue;
        tries++;
        v[k] += c->p->op == FVI_OP_max_pool ? 1000 : 3;
        status = run_changed(c, &c->truth, d, i, v, flat, &after);
        v[k] = d->x[i][k];
        if (status == FV_OK && memcmp(&before, &after, sizeof after) == 0) {
            outcome = checkop_fail(c,
                                   "y element %lld does not read element %lld "
                                   "of x[%d], but `reads` says it does",
                                   (long long)flat, (long long)k, i);
            break;
        }
    }
    fvi_free(c->ctx, v);
    return status == FV_OK ? outcome : checkop_broken(c, status);
}

/* What is read may still not be seen: behind a relu or a mask, times zero, or
 * where one channel is all there is to divide by. */
static bool hides(const checkop_problem *p)
{
    bool alone = p->x[0].dim[p->x[0].ndim - 1] == 1;
    fvi_number factor;
    memcpy(&factor, p->attr, sizeof factor);
    if (p->op == FVI_OP_attention) {
        fvi_attention o; /* a moved window is no box; one key gets it all */
        memcpy(&o, p->attr, sizeof o);
        int64_t C = p->x[1].dim[p->x[1].ndim - 1];
        return o.shift > 0 || fv_count(p->x[1]) == p->x[1].dim[0] * C;
    }
    return p->fused || p->op == FVI_OP_dropout || p->op == FVI_OP_drop_path ||
           (p->op == FVI_OP_scale && factor.value == 0) ||
           (alone && (p->op == FVI_OP_softmax || p->op == FVI_OP_layer_norm));
}

static checkop_outcome local_at(checkop_case *c, checkop_data *d, int64_t flat,
                                double y, double slack, fvi_rng *r)
{
    const checkop_problem *p = c->p;
    bool layer = p->op == FVI_OP_conv || p->op == FVI_OP_conv_transposed ||
                 p->op == FVI_OP_linear || p->op == FVI_OP_batch_norm ||
                 p->op == FVI_OP_layer_norm || p->op == FVI_OP_rms_norm ||
                 p->op == FVI_OP_group_norm;
    int inputs = layer ? 1 : p->op == FVI_OP_attention ? 3 : p->nx;
    int64_t at[FV_MAX_DIM] = {0}, rest = flat;
    for (int a = p->y.ndim - 1; a >= 0; a--) {
        at[a] = rest % p->y.dim[a];
        rest /= p->y.dim[a];
    }
    for (int i = 0; i < inputs; i++) {
        fvi_box box = fvi_ops[p->op]->reads(p->attr, p->x, p->y, i, at);
        if (!box_inside(&box, p->x[i]))
            return checkop_fail(c, "y element %lld reads outside of x[%d]",
                                (long long)flat, i);
        checkop_outcome outcome = outside(c, d, i, &box, flat, y, slack);
        if (outcome == CHECKOP_PASSED && !hides(p))
            outcome = inside(c, d, i, &box, flat, r);
        if (outcome != CHECKOP_PASSED)
            return outcome;
    }
    return CHECKOP_PASSED;
}

checkop_outcome checkop_locality(checkop_case *c)
{
    const checkop_problem *p = c->p;
    if (!fvi_ops[p->op]->reads)
        return checkop_skip(c, "reads everything");
    if (fv_count(p->y) == 0)
        return checkop_skip(c, "nothing to read");
    if (p->op == FVI_OP_batch_norm && p->train)
        return checkop_skip(c, "reads the whole batch while training");
    checkop_data d;
    checkop_result r = {0}, bound = {0};
    checkop_draw(c->ctx, p, c->seed, &d);
    checkop_how how = {.threads = 1, .forward_only = true};
    fv_status status = checkop_run(c->ctx, p, &c->subject, &d, how, &r);
    if (status == FV_OK)
        status = checkop_bounds(c, &d, &bound);
    checkop_outcome outcome =
        status == FV_OK ? CHECKOP_PASSED : checkop_broken(c, status);
    int64_t count = fv_count(p->y);
    fvi_rng random = fvi_rng_new(c->seed, 301);
    for (int t = 0; t < 8 && outcome == CHECKOP_PASSED; t++) {
        int64_t flat = t == 0   ? 0
                       : t == 1 ? count - 1
                                : fvi_rng_below(&random, count);
        outcome = local_at(c, &d, flat, r.y[flat], bound.y[flat], &random);
    }
    checkop_result_free(c->ctx, p, &r);
    checkop_result_free(c->ctx, p, &bound);
    checkop_data_free(c->ctx, p, &d);
    return outcome;
}

/* ---- accumulate ---- */

typedef struct trial {
    const char *name;
    checkop_how how;
    double factor; /* of the gradients of a plain run */
} trial;

static checkop_outcome try(checkop_case *c, const checkop_data *d,
                           const checkop_result *once,
                           const checkop_result *bound, trial t)
{
    const checkop_problem *p = c->p;
    checkop_result r;
    fv_status status = checkop_run(c->ctx, p, &c->subject, d, t.how, &r);
    if (status != FV_OK)
        return checkop_broken(c, status);
    checkop_result expected = *once, allowed = *bound;
    for (int i = 0; i < p->nx; i++) {
        int64_t count = fv_count(p->x[i]);
        expected.dx[i] = checkop_numbers(c->ctx, count);
        allowed.dx[i] = checkop_numbers(c->ctx, count);
        for (int64_t k = 0; once->dx[i] && k < count; k++) {
            expected.dx[i][k] = t.factor * once->dx[i][k];
            allowed.dx[i][k] = 2 * t.factor * bound->dx[i][k];
        }
    }
    bool same = checkop_same_all(c, t.name, &r, &expected, &allowed,
                                 t.how.want ? t.how.want : p->want);
    for (int i = 0; i < p->nx; i++) {
        fvi_free(c->ctx, expected.dx[i]);
        fvi_free(c->ctx, allowed.dx[i]);
    }
    checkop_result_free(c->ctx, p, &r);
    return same ? CHECKOP_PASSED : CHECKOP_FAILED;
}

/* Twice adds up; each gradient alone is the same; and, where the kernel says
 * so, it writes where nothing stood yet. */
static checkop_outcome try_all(checkop_case *c, const checkop_data *d,
                               const checkop_result *once,
                               const checkop_result *bound)
{
    const checkop_problem *p = c->p;
    unsigned fresh = c->subject.kernel->fresh ? p->want : 0;
    checkop_outcome outcome = CHECKOP_PASSED;
    trial plain[] = {
        {"backward twice: ", {.backward = 2}, 2},
        {"fresh: ", {.fresh = fresh}, 1},
        {"fresh, then added: ", {.fresh = fresh, .backward = 2}, 2},
    };
    for (int t = 0; t < (fresh ? 3 : 1) && outcome == CHECKOP_PASSED; t++)
        outcome = try(c, d, once, bound, plain[t]);
    for (int i = 0; i < p->nx && outcome == CHECKOP_PASSED; i++) {
        unsigned bit = 1u << i;
        if (!(p->want & bit))
            continue;
        outcome =
            try(c, d, once, bound, (trial){"wanted alone: ", {.want = bit}, 1});
        if (outcome == CHECKOP_PASSED && (fresh & bit))
            outcome = try(c, d, once, bound,
                          (trial){"one fresh: ", {.fresh = bit}, 1});
    }
    return outcome;
}

checkop_outcome checkop_accumulate(checkop_case *c)
{
    const checkop_problem *p = c->p;
    if (!p->train || !p->want)
        return checkop_skip(c, "no gradient when inferring");
    checkop_data d;
    checkop_result once = {0}, bound = {0};
    checkop_draw(c->ctx, p, c->seed, &d);
    fv_status status =
        checkop_run(c->ctx, p, &c->subject, &d, (checkop_how){0}, &once);
    if (status == FV_OK)
        status = checkop_bounds(c, &d, &bound);
    checkop_outcome outcome = status == FV_OK ? try_all(c, &d, &once, &bound)
                                              : checkop_broken(c, status);
    checkop_result_free(c->ctx, p, &once);
    checkop_result_free(c->ctx, p, &bound);
    checkop_data_free(c->ctx, p, &d);
    return outcome;
}

/* ---- threads ---- */

/* 2 stands twice: the same number of threads must give the same bits even
 * where another number may not. */
checkop_outcome checkop_threads(checkop_case *c)
{
    static const int threads[] = {1, 2, 2, 3, 7};
    const checkop_problem *p = c->p;
    checkop_data d;
    checkop_result first = {0}, before = {0}, now;
    checkop_outcome outcome = CHECKOP_PASSED;
    checkop_draw(c->ctx, p, c->seed, &d);
    for (int t = 0; t < 5 && outcome == CHECKOP_PASSED; t++) {
        checkop_how how = {.threads = threads[t]};
        fv_status status = checkop_run(c->ctx, p, &c->subject, &d, how, &now);
        char what[40];
        snprintf(what, sizeof what, "with %d threads ", threads[t]);
        unsigned all = c->subject.bits_thread ? p->want : 0;
        if (status != FV_OK)
            outcome = checkop_broken(c, status);
        else if (t > 0 && !checkop_same_all(c, what, &now, &first, NULL, all))
            outcome = CHECKOP_FAILED;
        else if (t == 2 &&
                 !checkop_same_all(c, what, &now, &before, NULL, p->want))
            outcome = CHECKOP_FAILED;
        checkop_result_free(c->ctx, p, &before);
        before = t > 0 ? now : (checkop_result){0};
        if (t == 0)
            first = now;
    }
    checkop_result_free(c->ctx, p, &before);
    checkop_result_free(c->ctx, p, &first);
    checkop_data_free(c->ctx, p, &d);
    return outcome;
}

const checkop_check checkop_checks[] = {
    {"equal", checkop_equal},       {"exact", checkop_exact},
    {"gradient", checkop_gradient}, {"adjoint", checkop_adjoint},
    {"locality", checkop_locality}, {"accumulate", checkop_accumulate},
    {"threads", checkop_threads},   {NULL, NULL},
};
