#ifndef CHECKOP_H
#define CHECKOP_H

/*
 * Checked operations. A problem string names an operation and its sizes:
 *
 *   conv:n2:c19>37:k3:t2:p1:17x23      2 images of 17x23, 19 to 37 channels
 *
 * and every check runs it on a kernel, whatever backend it comes from:
 * the kernel is called directly, no graph and no plan are needed. The words:
 *
 *   n2           batch                    17x23      spatial extents
 *   c19>37       channels in, out         c3+5       channels of a and b
 *   k3, k3x1     kernel side              t2, d2, p1 stride, dilation, padding
 *   f2           factor of upsampling     nearest, bilinear
 *   relu         fused activation         leaky=0.1  the same with a slope
 *   value=0.5    slope, rate or factor    eps=1e-3   of the norms
 *   slice=1-4    channels lo to hi        to=3x4     extents after reshape
 *   nobias       without bias             infer      inference, no backward
 *   weighted     loss with weights        classes    with class weights
 *   heads=2      of attention             groups=3   of group norm
 *   window=4     side, moved by shift=2   like=3x2   extents of keys, of a cut
 *   axes         tables by axis, rows=9   relative   table by distance
 *   joined       q, k, v in one tensor    last=2     axes of numbers for each
 *   tail=1       further padding          spread     b is (N,C)
 *
 *   smooth=0.1   label smoothing          bf16       products of bf16 numbers,
 *                                                  as which factors are drawn
 *   gelu         fused, of linear         added      to y, also fused
 *   tiled        inputs and y lie in tiles where a kernel can (backend.h)
 *
 * In local_response_norm k is the size and value is alpha; in laplace c counts
 * the channels of the target; in ssim f is the number of scales.
 */

#include "backend/backend.h"
#include "base/base.h"

#include <stdbool.h>

/* How numbers are drawn, so that no check stands on a kink by bad luck. */
typedef enum checkop_domain {
    CHECKOP_SIGNED,    /* -1 .. 1                                     */
    CHECKOP_NONZERO,   /* the same, but at least 0.1 away from 0      */
    CHECKOP_DISTINCT,  /* a permutation of multiples of 1/64          */
    CHECKOP_PLUSMINUS, /* near 1 and near -1 by turns                */
    CHECKOP_UNIT,      /* 0 .. 1                                      */
    CHECKOP_POSITIVE,  /* 0.5 .. 1.5                                  */
    CHECKOP_SMALL,     /* -0.2 .. 0.2                                 */
    CHECKOP_CLASS,     /* 0 .. K-1, now and then -1                   */
    CHECKOP_WEIGHT,    /* 0, or 0.5 .. 1.5                            */
    CHECKOP_APART,     /* at least 0.1 away from input 0              */
    CHECKOP_STAR       /* the same, but channel 0 is 0 .. 1           */
} checkop_domain;

/* What error analysis may assume of an operation. */
typedef enum checkop_family {
    CHECKOP_BILINEAR, /* linear in each input: conv, linear, multiply */
    CHECKOP_LINEAR,   /* linear in all inputs together                */
    CHECKOP_SMOOTH    /* anything else                                */
} checkop_family;

typedef struct checkop_problem {
    char text[128];
    fvi_op_id op;
    checkop_family family;
    _Alignas(16) char attr[512];
    int nx;
    fv_tensor x[FVI_MAX_INPUTS], y; /* shapes */
    checkop_domain domain[FVI_MAX_INPUTS];
    unsigned want; /* inputs with a gradient      */
    bool train, fused, half, tiled;
} checkop_problem;

/* FV_EINVAL names the word that is wrong. */
fv_status checkop_parse(fv_ctx *ctx, const char *text, checkop_problem *p);

/* A kernel under test and what its backend promises. */
typedef struct checkop_subject {
    const char *backend;
    const fvi_kernel *kernel;
    fv_dtype dtype;
    bool exact;       /* sums of small integers are exact                 */
    bool bits_local;  /* what an output does not read moves no bit of it  */
    bool bits_thread; /* gradients do not depend on the number of threads */
} checkop_subject;

/* The backends that have a row for `op`: ref64 first, then ref, then the fast
 * ones, then kernels a backend would take on other processors. With `half`
 * only the latter two and ref64. Returns how many. */
enum { CHECKOP_SUBJECTS = 5 };
int checkop_subjects(fvi_op_id op, bool half,
                     checkop_subject out[CHECKOP_SUBJECTS]);

/* The numbers of a problem: inputs and the arriving gradient. All are exact in
 * float. Arrays belong to `ctx`. */
typedef struct checkop_data {
    double *x[FVI_MAX_INPUTS], *dy;
} checkop_data;

void checkop_draw(fv_ctx *ctx, const checkop_problem *p, uint64_t seed,
                  checkop_data *d);
/* Small integers instead; where integers make sense. */
void checkop_draw_integers(fv_ctx *ctx, const checkop_problem *p, uint64_t seed,
                           checkop_data *d);
void checkop_data_free(fv_ctx *ctx, const checkop_problem *p, checkop_data *d);

/* What came out, in double whatever the kernel computes in. */
typedef struct checkop_result {
    double *x[FVI_MAX_INPUTS]; /* inputs afterwards: running mean, variance */
    double *y, *dx[FVI_MAX_INPUTS];
} checkop_result;

void checkop_result_free(fv_ctx *ctx, const checkop_problem *p,
                         checkop_result *r);

/* How to run. The zero value is: one thread per core, forward, and backward
 * once into zeros. */
typedef struct checkop_how {
    int threads;
    bool forward_only;
    int backward;   /* how often; 0 means 1                              */
    unsigned want;  /* 0 means all of problem.want                       */
    unsigned fresh; /* gradients that start as NaN and are to be written */
} checkop_how;

/*
 * Runs the kernel once. Buffers are poisoned and guarded: writing outside, or
 * into an input, is FV_EINVAL with a sentence. FV_ENOTSUP as in prepare.
 */
fv_status checkop_run(fv_ctx *ctx, const checkop_problem *p,
                      const checkop_subject *s, const checkop_data *d,
                      checkop_how how, checkop_result *r);

/* A kernel that stays open, for benches. */
typedef struct checkop_node checkop_node;
fv_status checkop_open(fv_ctx *ctx, const checkop_problem *p,
                       const checkop_subject *s, const checkop_data *d,
                       checkop_how how, checkop_node **out);
void checkop_forward(checkop_node *n);
void checkop_backward(checkop_node *n);
void checkop_close(checkop_node *n);

/* ---- checks ---- */

typedef enum checkop_outcome {
    CHECKOP_FAILED,
    CHECKOP_PASSED,
    CHECKOP_SKIPPED /* does not apply; `why` says */
} checkop_outcome;

typedef struct checkop_case {
    fv_ctx *ctx;
    const checkop_problem *p;
    checkop_subject truth; /* the double reference */
    checkop_subject subject;
    uint64_t seed;
    char why[400]; /* of a failure or a skip */
} checkop_case;

typedef struct checkop_check {
    const char *name;
    checkop_outcome (*run)(checkop_case *c);
} checkop_check;

/* equal, exact, gradient, adjoint, locality, accumulate, threads; ends with a
 * NULL name. */
extern const checkop_check checkop_checks[];

checkop_outcome checkop_equal(checkop_case *c);
checkop_outcome checkop_exact(checkop_case *c);
checkop_outcome checkop_gradient(checkop_case *c);
checkop_outcome checkop_adjoint(checkop_case *c);
checkop_outcome checkop_locality(checkop_case *c);
checkop_outcome checkop_accumulate(checkop_case *c);
checkop_outcome checkop_threads(checkop_case *c);

/* ---- comparing ---- */

/* How far an honest kernel may be from the truth, per number: with u = 2^-24
 * and n terms in a sum, 4 sqrt(n) u sum|x||f| for (bi)linear operations,
 * 64 u (|v| + max|v|) for the others. */
fv_status checkop_bounds(checkop_case *c, const checkop_data *d,
                         checkop_result *bound);

/* NULL bound: the same bits. Writes `why` when they differ. */
bool checkop_same(checkop_case *c, const char *what, fv_tensor shape,
                  const double *found, const double *expected,
                  const double *bound);
/* The above for y and every gradient. */
bool checkop_same_all(checkop_case *c, const char *what,
                      const checkop_result *found,
                      const checkop_result *expected,
                      const checkop_result *bound, unsigned dx);

/* Sets `why`; returns CHECKOP_FAILED or CHECKOP_SKIPPED. */
checkop_outcome checkop_fail(checkop_case *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
checkop_outcome checkop_skip(checkop_case *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* After a run that did not end with FV_OK. */
checkop_outcome checkop_broken(checkop_case *c, fv_status status);

/* ---- bench ---- */

/* Billions of single-precision operations per second this machine can do with
 * so many threads, measured by a loop of independent multiply-adds. */
double checkop_peak_gflops(int threads);

/* Median time of one forward and one backward run in ms (backward 0 when
 * inferring). */
fv_status checkop_time(fv_ctx *ctx, const checkop_problem *p,
                       const checkop_subject *s, int threads,
                       double *forward_ms, double *backward_ms);

/* Numbers of a shape; like fvi_calloc, but ends the program when refused. */
double *checkop_numbers(fv_ctx *ctx, int64_t count);

#endif
