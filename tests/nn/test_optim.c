/* Optimizers and schedules against PyTorch and numpy in double
 * (tools/make_golden_optim.py). */
#include "base/base.h"
#include "fovea/optim.h"
#include "golden.h"

enum { COUNT = 15, STEPS = 12 };

static fv_ctx *ctx;
static golden gold;
static fv_graph *graph;

static int setup(void **state)
{
    (void)state;
    gold = golden_read("optim.txt");
    if (fv_ctx_new(NULL, &ctx) != FV_OK || fv_graph_new(ctx, &graph) != FV_OK)
        return 1;
    int64_t dim[] = {-1, 4};
    fv_linear(graph, "layer", fv_input(graph, "x", 2, dim), 3);
    return fv_param_count(graph, 0) != COUNT;
}

static int teardown(void **state)
{
    size_t live, peak;
    (void)state;
    golden_free(&gold);
    fv_graph_free(graph);
    fv_memory(ctx, &live, &peak);
    fv_ctx_free(ctx);
    return live != 0;
}

static const double *numbers(const char *scope, const char *name)
{
    fv_tensor t = golden_find(&gold, scope, name);
    if (t.ndim < 0)
        fail_msg("no golden %s/%s", scope, name);
    return t.data;
}

static void load(const double *from, float *to)
{
    for (int i = 0; i < COUNT; i++)
        to[i] = (float)from[i];
}

static void follow(const char *name, fv_rule rule, double lr, double decay,
                   double clip)
{
    float w[COUNT], g[COUNT], m1[COUNT] = {0}, m2[COUNT] = {0};
    const double *want = numbers(name, "w");
    fv_optim o = fv_optim_default();
    o.rule = rule;
    o.lr = lr;
    o.weight_decay = decay;
    o.clip = clip;
    load(numbers("given", "w"), w);
    for (int t = 0; t < STEPS; t++) {
        double norm = 0, square = 0;
        load(numbers("given", "g") + t * COUNT, g);
        for (int i = 0; i < COUNT; i++)
            square += (double)g[i] * (double)g[i];
        assert_int_equal(
            fv_optim_step(ctx, graph, &o, t + 1, w, g, m1, m2, &norm), FV_OK);
        assert_near(norm, sqrt(square), 1e-9);
        for (int i = 0; i < COUNT; i++)
            assert_near(w[i], want[t * COUNT + i], 2e-6);
    }
}

static void rules_follow_their_formulas(void **state)
{
    (void)state;
    follow("sgd", FV_SGD, 0.05, 0, 0);
    follow("momentum", FV_MOMENTUM, 0.05, 0, 0);
    follow("nesterov", FV_NESTEROV, 0.05, 0, 0);
    follow("adam", FV_ADAM, 0.01, 0, 0);
    follow("adamw", FV_ADAMW, 0.01, 0, 0);
}

static void decay_spares_biases(void **state)
{
    (void)state;
    follow("sgd_decay", FV_SGD, 0.05, 0.1, 0);
    follow("momentum_decay", FV_MOMENTUM, 0.05, 0.1, 0);
    follow("nesterov_decay", FV_NESTEROV, 0.05, 0.1, 0);
    follow("adam_decay", FV_ADAM, 0.01, 0.1, 0);
    follow("adamw_decay", FV_ADAMW, 0.01, 0.1, 0);
}

static void clipping_scales_the_whole_gradient(void **state)
{
    (void)state;
    follow("sgd_clip", FV_SGD, 0.05, 0, 2.5);
    follow("adamw_clip", FV_ADAMW, 0.01, 0, 2.5);
}

static void bad_gradients_change_nothing(void **state)
{
    (void)state;
    float w[COUNT], keep[COUNT], g[COUNT] = {0}, m1[COUNT] = {0},
                                 m2[COUNT] = {0};
    fv_optim o = fv_optim_default();
    load(numbers("given", "w"), w);
    memcpy(keep, w, sizeof w);
    g[7] = NAN;
    assert_int_equal(fv_optim_step(ctx, graph, &o, 1, w, g, m1, m2, NULL),
                     FV_EDIVERGED);
    g[7] = 1;
    assert_int_equal(fv_optim_step(ctx, graph, &o, 0, w, g, m1, m2, NULL),
                     FV_EINVAL);
    assert_memory_equal(w, keep, sizeof w);
    for (int i = 0; i < COUNT; i++)
        assert_true(m1[i] == 0 && m2[i] == 0);
}

static void threads_change_no_bit(void **state)
{
    enum { SIDE = 150, MANY = SIDE * SIDE + SIDE };
    static float w[2][MANY], g[MANY], m1[2][MANY], m2[2][MANY];
    (void)state;
    fv_graph *wide;
    int64_t dim[] = {-1, SIDE};
    fv_optim o = fv_optim_default();
    o.clip = 0.1;
    assert_int_equal(fv_graph_new(ctx, &wide), FV_OK);
    fv_linear(wide, "layer", fv_input(wide, "x", 2, dim), SIDE);
    fvi_rng r = fvi_rng_new(1, 2);
    for (int i = 0; i < MANY; i++) {
        w[0][i] = w[1][i] = (float)fvi_rng_normal(&r);
        g[i] = (float)fvi_rng_normal(&r);
    }
    for (int k = 0; k < 2; k++) {
        fv_set_threads(ctx, k ? 3 : 1);
        assert_int_equal(
            fv_optim_step(ctx, wide, &o, 1, w[k], g, m1[k], m2[k], NULL),
            FV_OK);
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]);
    fv_graph_free(wide);
}

static void follow_rates(const char *name, fv_schedule s)
{
    const double *want = numbers(name, "lr");
    for (int64_t i = 0; i < 40; i++)
        assert_near(fv_schedule_at(&s, i, 0), want[i], 1e-12);
}

static void schedules_follow_their_formulas(void **state)
{
    (void)state;
    follow_rates("step", (fv_schedule){.kind = FV_LR_STEP,
                                       .total = 40,
                                       .period = 10,
                                       .factor = 0.5});
    follow_rates(
        "cosine",
        (fv_schedule){.kind = FV_LR_COSINE, .total = 40, .lowest = 0.01});
    follow_rates("restart", (fv_schedule){.kind = FV_LR_RESTART,
                                          .total = 40,
                                          .period = 10,
                                          .lowest = 0.01});
    follow_rates("warm_cosine", (fv_schedule){.kind = FV_LR_COSINE,
                                              .warmup = 8,
                                              .total = 40,
                                              .lowest = 0.01});
    fv_schedule plateau = {.kind = FV_LR_PLATEAU, .factor = 0.5};
    assert_near(fv_schedule_at(&plateau, 1000, 3), 0.125, 0);
    fv_schedule constant = {.kind = FV_LR_CONSTANT, .warmup = 4};
    assert_near(fv_schedule_at(&constant, 0, 0), 0.25, 0);
    assert_near(fv_schedule_at(&constant, 99, 0), 1, 0);
}

static void names_are_found(void **state)
{
    (void)state;
    fv_rule rule;
    fv_schedule_kind kind;
    for (int i = FV_SGD; i <= FV_ADAMW; i++) {
        const char *name = fv_rule_name((fv_rule)i);
        assert_int_equal(fv_rule_find(ctx, name, &rule), FV_OK);
        assert_int_equal(rule, i);
    }
    assert_int_equal(fv_schedule_find(ctx, "restart", &kind), FV_OK);
    assert_int_equal(kind, FV_LR_RESTART);
    assert_int_equal(fv_rule_find(ctx, "lion", &rule), FV_EINVAL);
    assert_int_equal(fv_schedule_find(ctx, "cycle", &kind), FV_EINVAL);
}

/* A rate per parameter: half the step, none at all, and no part of |g|. */
static void rates_scale_steps(void **state)
{
    (void)state;
    float a[COUNT] = {0}, b[COUNT] = {0}, g[COUNT], m1[COUNT] = {0}, m2[COUNT];
    const float rate[2] = {0.5F, 0}; /* of weight (12) and bias (3) */
    double norm = 0, square = 0;
    memset(m2, 0, sizeof m2);
    load(numbers("given", "g"), g);
    fv_optim o = fv_optim_default();
    o.rule = FV_SGD;
    o.lr = 0.5;
    assert_int_equal(fv_optim_step(ctx, graph, &o, 1, a, g, m1, m2, NULL),
                     FV_OK);
    o.rate = rate;
    assert_int_equal(fv_optim_step(ctx, graph, &o, 1, b, g, m1, m2, &norm),
                     FV_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_near(b[i], i < 12 ? 0.5F * a[i] : 0, 0);
        square += i < 12 ? (double)g[i] * (double)g[i] : 0;
    }
    assert_near(norm, sqrt(square), 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_follow_their_formulas),
        cmocka_unit_test(decay_spares_biases),
        cmocka_unit_test(clipping_scales_the_whole_gradient),
        cmocka_unit_test(bad_gradients_change_nothing),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(schedules_follow_their_formulas),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(rates_scale_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
