/* The checks checked: kernels that are wrong on purpose must be caught, each
 * by the check that is meant for it. */
#include "checkop.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef enum mistake {
    NONE,
    WRONG_NUMBER,    /* one output is off by a thousandth         */
    SMALL_ERROR,     /* one output is off by less than the bound  */
    MISSING_NUMBER,  /* one output is never written               */
    READS_TOO_MUCH,  /* one output looks at the far end of input  */
    COUNTS_THREADS,  /* the last bits depend on the threads       */
    WRITES_OUTSIDE,  /* one number past the end                   */
    WRITES_INPUT,    /* an input is changed                       */
    OVERWRITES,      /* backward writes instead of adding         */
    WRONG_GRADIENT,  /* all gradients are too big by 1e-5         */
    FORGETS_CORNER,  /* one gradient is left out                  */
    ADDS_WHEN_FRESH, /* backward adds to what is no number yet    */
    NEEDS_COMPANY    /* backward skips what is wanted alone       */
} mistake;

/* The kernel that the wrong ones are made from. */
static const fvi_kernel *honest;
static bool wide;
static mistake made;

static double load(fv_tensor t, int64_t i)
{
    return wide ? ((double *)t.data)[i] : (double)((float *)t.data)[i];
}

static void store(fv_tensor t, int64_t i, double v)
{
    if (wide)
        ((double *)t.data)[i] = v;
    else
        ((float *)t.data)[i] = (float)v;
}

static fv_status prepare(fv_ctx *ctx, const fvi_problem *p, fvi_need *need,
                         void **state)
{
    return honest->prepare(ctx, p, need, state);
}

static void forward(void *state, const fvi_call *c)
{
    int64_t last = fv_count(c->x[0]) - 1;
    double y = 0;
    honest->forward(state, c);
    y = load(c->y, 0);
    if (made == WRONG_NUMBER)
        store(c->y, 0, y * 1.001);
    if (made == SMALL_ERROR)
        store(c->y, 0, y + 2e-6);
    if (made == MISSING_NUMBER)
        store(c->y, 0, (double)NAN);
    if (made == READS_TOO_MUCH)
        store(c->y, 0, y + 1e-6 * load(c->x[0], last));
    if (made == COUNTS_THREADS)
        store(c->y, 0, y * (1 + 2e-7 * omp_get_max_threads()));
    if (made == WRITES_OUTSIDE)
        store(c->y, fv_count(c->y), 1);
    if (made == WRITES_INPUT)
        store(c->x[0], 0, 7);
}

static void backward(void *state, const fvi_call *c)
{
    fv_tensor dx = c->dx[0];
    bool alone = c->dx[0].data && !c->dx[1].data;
    if (made == NEEDS_COMPANY && alone)
        return;
    for (int64_t i = 0; made == OVERWRITES && dx.data && i < fv_count(dx); i++)
        store(dx, i, 0);
    honest->backward(state, c);
    for (int64_t i = 0; made == WRONG_GRADIENT && i < fv_count(dx); i++)
        store(dx, i, load(dx, i) * (1 + 1e-5));
    if (made == FORGETS_CORNER)
        store(dx, 0, 0);
}

static void release(fv_ctx *ctx, void *state)
{
    honest->release(ctx, state);
}

/* The outcome of `check` for a kernel with this mistake; the sentence goes to
 * `why`. */
static checkop_outcome outcome_of(mistake m, const char *check, bool dbl,
                                  const char *problem, char why[400])
{
    fv_ctx *ctx;
    checkop_problem p;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    assert_int_equal(checkop_parse(ctx, problem, &p), FV_OK);
    honest = (dbl ? fvi_backend_ref64 : fvi_backend_ref).kernel[p.op];
    wide = dbl;
    made = m;
    fvi_kernel wrong = {prepare, forward, backward, release,
                        m == ADDS_WHEN_FRESH};
    checkop_case c = {
        .ctx = ctx,
        .p = &p,
        .truth = {"ref64", fvi_backend_ref64.kernel[p.op], FV_F64, true, true,
                  true},
        .subject = {"wrong", &wrong, dbl ? FV_F64 : FV_F32, true, true, true},
        .seed = 20};
    checkop_outcome outcome = CHECKOP_SKIPPED;
    for (const checkop_check *k = checkop_checks; k->name; k++)
        if (strcmp(k->name, check) == 0)
            outcome = k->run(&c);
    memcpy(why, c.why, sizeof c.why);
    size_t live, peak;
    fv_memory(ctx, &live, &peak);
    assert_int_equal(live, 0);
    fv_ctx_free(ctx);
    return outcome;
}

static const char *const problem = "conv:n2:c3>4:k3:p1:6x5";

static void catches(void **unused)
{
    (void)unused;
    static const struct {
        mistake m;
        const char *check;
        bool dbl;
        const char *says;
    } rows[] = {
        {WRONG_NUMBER, "equal", false, "y[0,0,0,0] is "},
        {WRONG_NUMBER, "adjoint", false, "<dy, y>"},
        {SMALL_ERROR, "exact", false, "y[0,0,0,0] is "},
        {MISSING_NUMBER, "equal", false, "y[0,0,0,0] is "},
        {READS_TOO_MUCH, "locality", false, "outside of what it reads"},
        {COUNTS_THREADS, "threads", false, "with 2 threads y[0,0,0,0]"},
        {WRITES_OUTSIDE, "equal", false, "wrote outside of y"},
        {WRITES_INPUT, "equal", false, "wrote into input x[0]"},
        {OVERWRITES, "accumulate", false, "backward twice: dx[0]"},
        {WRONG_GRADIENT, "gradient", true, "central differences"},
        {FORGETS_CORNER, "adjoint", false, "<dx[0], x[0]>"},
        {FORGETS_CORNER, "gradient", true, "central differences"},
        {ADDS_WHEN_FRESH, "accumulate", false, "fresh: dx[0]"},
        {NEEDS_COMPANY, "accumulate", false, "wanted alone: dx[0]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[400];
        checkop_outcome outcome =
            outcome_of(rows[i].m, rows[i].check, rows[i].dbl, problem, why);
        if (outcome != CHECKOP_FAILED || !strstr(why, rows[i].says))
            fail_msg("mistake %d: %s gave %d, \"%s\"; expected a failure "
                     "that says \"%s\"",
                     (int)rows[i].m, rows[i].check, (int)outcome, why,
                     rows[i].says);
    }
}

static void lets_the_honest_pass(void **unused)
{
    (void)unused;
    for (const checkop_check *k = checkop_checks; k->name; k++)
        for (int dbl = 0; dbl < 2; dbl++) {
            char why[400];
            checkop_outcome outcome =
                outcome_of(NONE, k->name, dbl, problem, why);
            if (outcome == CHECKOP_FAILED)
                fail_msg("%s: %s", k->name, why);
        }
}

static void names_the_wrong_word(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"convolve:n1:c1:3x3", "unknown operation"},
        {"conv:n1:q7:3x3", "unknown word 'q7'"},
        {"conv:n1:c3:k3x:4x4", "unknown word 'k3x'"},
        {"conv:n1:c3:4x4x4x4", "wrong extents"},
        {"conv:n1:c3>4:k5:3x3", "expected at least 5"},
        {"slice:n1:c3:slice=2-9:3", "slice"},
    };
    fv_ctx *ctx;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        checkop_problem p;
        assert_int_not_equal(checkop_parse(ctx, rows[i].text, &p), FV_OK);
        if (!strstr(fv_message(ctx), rows[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].text,
                     fv_message(ctx), rows[i].says);
    }
    fv_ctx_free(ctx);
}

/* Sizes that an operation takes, where most take the last ones. */
static const char *sizes_for(int op)
{
    switch (op) {
    case FVI_OP_prepend:
        return "5";
    case FVI_OP_adaptive_avg_pool:
        return "to=2x3:4x4";
    case FVI_OP_ssim:
        return "f1:11x11";
    default:
        return "to=4x4x4:like=4x4:4x4";
    }
}

/* A problem for every operation that computes. */
static void knows_every_operation(void **unused)
{
    (void)unused;
    fv_ctx *ctx;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    for (int op = 0; op < FVI_OP_COUNT; op++) {
        char text[80];
        checkop_problem p;
        if (op == FVI_OP_input || op == FVI_OP_param)
            continue;
        snprintf(text, sizeof text, "%s:n2:c4+1:%s", fvi_ops[op]->name,
                 sizes_for(op));
        if (checkop_parse(ctx, text, &p) != FV_OK)
            fail_msg("%s: %s", text, fv_message(ctx));
        assert_int_equal(p.op, op);
        checkop_subject s[CHECKOP_SUBJECTS];
        assert_true(checkop_subjects(p.op, p.half, s) >= 2);
        assert_string_equal(s[0].backend, "ref64");
        assert_string_equal(s[1].backend, "ref");
    }
    fv_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catches),
        cmocka_unit_test(lets_the_honest_pass),
        cmocka_unit_test(names_the_wrong_word),
        cmocka_unit_test(knows_every_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
