#ifndef FV_OPTIM_H
#define FV_OPTIM_H

#include "fovea/graph.h"

FV_C_BEGIN

typedef enum fv_rule {
    FV_SGD,
    FV_MOMENTUM,
    FV_NESTEROV,
    FV_ADAM,
    FV_ADAMW
} fv_rule;

/* What an optimizer may be told. Start from fv_optim_default(): 0 means 0. */
typedef struct fv_optim {
    fv_rule rule;        /* FV_ADAM                                       */
    double lr;           /* learning rate a, per step             1e-3    */
    double momentum;     /* m of FV_MOMENTUM and FV_NESTEROV      0.9     */
    double beta1, beta2; /* decay of mean and mean square   0.9, 0.999    */
    double eps;          /* added to the root                     1e-8    */
    double weight_decay; /* l                                     0       */
    double clip;         /* global gradient norm; 0: off          0       */
    const float *rate;   /* for each of fv_param_list_size: times lr; 0 leaves
                          it alone and out of |g|; NULL: all 1           */
} fv_optim;

FV_API fv_optim fv_optim_default(void);
/* "sgd", "momentum", "nesterov", "adam", "adamw". FV_EINVAL. */
FV_NODISCARD FV_API fv_status fv_rule_find(fv_ctx *ctx, const char *name,
                                           fv_rule *out);
FV_API const char *fv_rule_name(fv_rule rule);

/*
 * One step over the flat vectors of `g` (fv_param_count(g, 0) numbers each,
 * the caller's); buffers are left alone, decay touches decayed weights only:
 *   gradient clipped    g <- g * min(1, clip/|g|)
 *   sgd        w <- w - a l w - a g
 *   momentum   v <- m v + a g;                     w <- w - a l w - v
 *   nesterov   v <- m v + a g;                     w <- w - a l w - m v - a g
 *   adam       as AdamW, with l w added to g instead
 *   adamw      m1 <- b1 m1 + (1-b1) g;  m2 <- b2 m2 + (1-b2) g g
 *              w <- w - a l w - a (m1/(1-b1^t)) / (sqrt(m2/(1-b2^t)) + eps)
 *   t       1 at the first step; FV_EINVAL below 1
 *   m1, m2  zero before the first step (v lives in m1)
 * Returns FV_EDIVERGED, with everything unchanged, when |g| is not finite.
 * `*norm` receives |g| before clipping; NULL is fine. The result does not
 * depend on the number of threads.
 * Source: Kingma & Ba 2015 (arXiv:1412.6980); Loshchilov & Hutter 2019
 * (arXiv:1711.05101); Sutskever et al. 2013 (Nesterov).
 */
FV_NODISCARD FV_API fv_status fv_optim_step(fv_ctx *ctx, const fv_graph *graph,
                                            const fv_optim *o, int64_t t,
                                            float *w, float *g, float *m1,
                                            float *m2, double *norm);

typedef enum fv_schedule_kind {
    FV_LR_CONSTANT,
    FV_LR_STEP,    /* times `factor` every `period` steps                 */
    FV_LR_COSINE,  /* half a cosine to `lowest` at `total`                */
    FV_LR_RESTART, /* the same within each `period` (SGDR)                */
    FV_LR_PLATEAU  /* times `factor` when validation stalls (see below)   */
} fv_schedule_kind;

/* The learning rate as a factor in [0,1] of fv_optim.lr; a pure function of
 * the step (counted from 0), so a resumed run and a plotted curve agree. */
typedef struct fv_schedule {
    fv_schedule_kind kind;
    int64_t warmup; /* steps of linear rise (s+1)/warmup, before any kind  */
    int64_t total;  /* steps of the whole run                              */
    int64_t period;
    double factor; /* 0.5                                                 */
    double lowest; /* fraction of lr at the end                           */
    int patience;  /* FV_LR_PLATEAU: epochs without a better validation   */
} fv_schedule;

/* "constant", "step", "cosine", "restart", "plateau". FV_EINVAL. */
FV_NODISCARD FV_API fv_status fv_schedule_find(fv_ctx *ctx, const char *name,
                                               fv_schedule_kind *out);
/* For FV_LR_PLATEAU `drops` is how often the trainer has reduced so far: the
 * trainer goes back to the best weights, then multiplies by factor^drops. */
FV_API double fv_schedule_at(const fv_schedule *s, int64_t step, int drops);

FV_C_END

#endif
