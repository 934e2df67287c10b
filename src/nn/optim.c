/* Optimizers: one step of gradient descent over the flat parameter vector. */
#include "fovea/optim.h"

#include "base/base.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"sgd", "momentum", "nesterov", "adam",
                                    "adamw"};
enum { RULES = sizeof names / sizeof *names };

fv_optim fv_optim_default(void)
{
    return (fv_optim){.rule = FV_ADAM,
                      .lr = 1e-3,
                      .momentum = 0.9,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .eps = 1e-8};
}

fv_status fv_rule_find(fv_ctx *ctx, const char *name, fv_rule *out)
{
    for (int i = 0; i < RULES; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (fv_rule)i;
            return FV_OK;
        }
    }
    return fvi_fail(ctx, FV_EINVAL,
                    "no optimizer is called '%s', expected sgd, momentum, "
                    "nesterov, adam or adamw",
                    name);
}

const char *fv_rule_name(fv_rule rule)
{
    return (unsigned)rule < RULES ? names[rule] : "unknown";
}

/* ---- the norm ---- */

/* The pieces do not depend on the number of threads, nor does their sum. */
enum { PIECES = 64 };

static double square_of(const float *g, int64_t lo, int64_t hi)
{
    double sum = 0;
    for (int64_t i = lo; i < hi; i++)
        sum += (double)g[i] * (double)g[i];
    return sum;
}

static double square_sum(const float *g, int64_t n, int threads)
{
    double part[PIECES], sum = 0;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < PIECES; i++)
        part[i] = square_of(g, n * i / PIECES, n * (i + 1) / PIECES);
    for (int i = 0; i < PIECES; i++)
        sum += part[i];
    return sum;
}

/* 0: not trained, or frozen. */
static float rate_of(const fv_optim *o, fv_param p, int i)
{
    return !p.trained ? 0 : o->rate ? o->rate[i] : 1;
}

static double gradient_norm(const fv_graph *graph, const fv_optim *o,
                            const float *g, int threads)
{
    double sum = 0;
    for (int i = 0; i < fv_param_list_size(graph); i++) {
        fv_param p = fv_param_at(graph, i);
        if (rate_of(o, p, i) > 0)
            sum += square_sum(g + p.offset, p.count, threads);
    }
    return sqrt(sum);
}

/* ---- the rules, for n parameters of one name ---- */

typedef struct rule_args {
    float lr, decay, keep, clip;           /* a, l, m, min(1, c/|g|) */
    float beta1, beta2, rise1, rise2, eps; /* rise = 1 - beta */
    float bias1, bias2;                    /* 1/(1-b1^t), 1/(1-b2^t) */
} rule_args;

typedef void rule_fn(const rule_args *r, int64_t lo, int64_t hi, float *w,
                     const float *g, float *m1, float *m2);

static void sgd(const rule_args *r, int64_t lo, int64_t hi, float *w,
                const float *g, float *m1, float *m2)
{
    (void)m1;
    (void)m2;
    for (int64_t i = lo; i < hi; i++)
        w[i] = w[i] - r->lr * r->decay * w[i] - r->lr * (r->clip * g[i]);
}

static void momentum(const rule_args *r, int64_t lo, int64_t hi, float *w,
                     const float *g, float *v, float *m2)
{
    (void)m2;
    for (int64_t i = lo; i < hi; i++) {
        v[i] = r->keep * v[i] + r->lr * (r->clip * g[i]);
        w[i] = w[i] - r->lr * r->decay * w[i] - v[i];
    }
}

static void nesterov(const rule_args *r, int64_t lo, int64_t hi, float *w,
                     const float *g, float *v, float *m2)
{
    (void)m2;
    for (int64_t i = lo; i < hi; i++) {
        float step = r->lr * (r->clip * g[i]);
        v[i] = r->keep * v[i] + step;
        w[i] = w[i] - r->lr * r->decay * w[i] - r->keep * v[i] - step;
    }
}

static inline float adam_step(const rule_args *r, float g, float *m1, float *m2)
{
    *m1 = r->beta1 * *m1 + r->rise1 * g;
    *m2 = r->beta2 * *m2 + r->rise2 * g * g;
    return r->lr * (*m1 * r->bias1) / (sqrtf(*m2 * r->bias2) + r->eps);
}

static void adam(const rule_args *r, int64_t lo, int64_t hi, float *w,
                 const float *g, float *m1, float *m2)
{
    for (int64_t i = lo; i < hi; i++)
        w[i] -= adam_step(r, r->clip * g[i] + r->decay * w[i], &m1[i], &m2[i]);
}

static void adamw(const rule_args *r, int64_t lo, int64_t hi, float *w,
                  const float *g, float *m1, float *m2)
{
    for (int64_t i = lo; i < hi; i++) {
        float step = adam_step(r, r->clip * g[i], &m1[i], &m2[i]);
        w[i] = w[i] - r->lr * r->decay * w[i] - step;
    }
}

static rule_fn *const rules[] = {sgd, momentum, nesterov, adam, adamw};

static rule_args args_of(const fv_optim *o, int64_t t, double norm)
{
    double clip = o->clip > 0 && norm > o->clip ? o->clip / norm : 1;
    return (rule_args){
        .lr = (float)o->lr,
        .decay = (float)o->weight_decay,
        .keep = (float)o->momentum,
        .clip = (float)clip,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .rise1 = (float)(1 - o->beta1),
        .rise2 = (float)(1 - o->beta2),
        .eps = (float)o->eps,
        .bias1 = (float)(1 / (1 - pow(o->beta1, (double)t))),
        .bias2 = (float)(1 / (1 - pow(o->beta2, (double)t))),
    };
}

static void step_param(const rule_args *r, rule_fn *rule, fv_param p,
                       int threads, float *w, const float *g, float *m1,
                       float *m2)
{
    int pieces = p.count < 4096 ? 1 : PIECES;
#pragma omp parallel for schedule(static) num_threads(threads) if (pieces > 1)
    for (int i = 0; i < pieces; i++)
        rule(r, p.offset + p.count * i / pieces,
             p.offset + p.count * (i + 1) / pieces, w, g, m1, m2);
}

fv_status fv_optim_step(fv_ctx *ctx, const fv_graph *graph, const fv_optim *o,
                        int64_t t, float *w, float *g, float *m1, float *m2,
                        double *norm)
{
    if ((unsigned)o->rule >= RULES)
        return fvi_fail(ctx, FV_EINVAL, "optimizer %d is unknown",
                        (int)o->rule);
    if (t < 1)
        return fvi_fail(ctx, FV_EINVAL,
                        "optimizer step %lld, expected 1 for the first",
                        (long long)t);
    int threads = fv_threads(ctx);
    double length = gradient_norm(graph, o, g, threads);
    if (norm)
        *norm = length;
    if (!isfinite(length))
        return fvi_fail(ctx, FV_EDIVERGED,
                        "step %lld: the gradient is not finite", (long long)t);
    rule_args args = args_of(o, t, length);
    for (int i = 0; i < fv_param_list_size(graph); i++) {
        fv_param p = fv_param_at(graph, i);
        rule_args mine = args;
        float rate = rate_of(o, p, i);
        if (!p.decayed)
            mine.decay = 0;
        mine.lr *= rate;
        if (rate > 0)
            step_param(&mine, rules[o->rule], p, threads, w, g, m1, m2);
    }
    return FV_OK;
}
