/* A trained network within the loss of another: it answers as when it is used
 * alone, gradients go through it, and not one bit of it changes. */
#include "context.h"
#include "make.h"

#include "fovea/loss.h"
#include "fovea/optim.h"
#include "graph/graph_internal.h"
#include "model/model.h"

enum { SIDE = 8, N = 2, NUMBERS = N * SIDE * SIDE };

/* Numbers of its own also for the norms: means and variances not 0 and 1. */
static fv_model *judge(void)
{
    fv_model *m = make_unet(ctx, "1", "3", "2", "3");
    fvi_rng r = fvi_rng_new(4, 0);
    for (int64_t i = 0; i < fv_param_count(m->graph, 0); i++)
        m->params[i] += (float)fvi_rng_between(&r, 0.05, 0.3);
    return m;
}

typedef struct net {
    fv_graph *g;
    fv_val image, target, answer, maps, loss;
    fv_plan *plan;
    float w[2], grad[2];
} net;

/* answer = w image + b, held by the judge against the target. */
static net net_new(const fv_model *m)
{
    net n = {.w = {1.5f, 0.25f}};
    const int64_t dim[] = {-1, -1, -1, 1};
    assert_ok(fv_graph_new(ctx, &n.g));
    n.image = fv_input(n.g, "image", 4, dim);
    n.answer =
        fv_convolve(n.g, "own", n.image, (fv_conv){.channels = 1, .kernel = 1});
    n.target = fv_input(n.g, "target", 4, dim);
    n.maps = fvi_model_borrow(n.g, m, n.answer);
    fv_val truth = fvi_model_borrow(n.g, m, n.target);
    n.loss = fv_loss_mse(n.g, n.maps, truth, (fv_val){0});
    fv_output(n.g, "answer", n.answer);
    fv_output(n.g, "maps", n.maps);
    fv_output(n.g, "loss", n.loss);
    assert_int_equal(fv_param_count(n.g, 0), 2);
    return n;
}

static void plan(net *n)
{
    const int64_t all[] = {N, SIDE, SIDE, 1};
    const fv_tensor in[2] = {fv_dense(NULL, FV_F32, 4, all),
                             fv_dense(NULL, FV_F32, 4, all)};
    assert_ok(fv_plan_new(ctx, n->g, in, (fv_plan_options){.mode = FV_TRAIN},
                          n->w, n->grad, &n->plan));
    fvi_rng r = fvi_rng_new(9, 1);
    float *image = fv_plan_at(n->plan, n->image).data;
    float *target = fv_plan_at(n->plan, n->target).data;
    for (int i = 0; i < NUMBERS; i++) {
        image[i] = (float)fvi_rng_uniform(&r);
        target[i] = (float)fvi_rng_uniform(&r);
    }
}

static double loss_at(net *n, double w, double b)
{
    n->w[0] = (float)w;
    n->w[1] = (float)b;
    assert_ok(fv_plan_run(ctx, n->plan));
    return (double)*(float *)fv_plan_at(n->plan, n->loss).data;
}

static void net_free(net *n)
{
    fv_plan_free(n->plan);
    fv_graph_free(n->g);
}

static void it_answers_as_when_alone(void **state)
{
    (void)state;
    fv_model *m = judge();
    net n = net_new(m);
    plan(&n);
    loss_at(&n, 1.5, 0.25);
    fv_tensor answer = fv_plan_at(n.plan, n.answer), alone;
    fv_tensor maps = fv_plan_at(n.plan, n.maps);
    const int64_t dim[] = {N, SIDE, SIDE, 2};
    float two[2 * NUMBERS];
    for (int i = 0; i < 2 * NUMBERS; i++) /* gray feeds both channels */
        two[i] = ((float *)answer.data)[i / 2];
    fv_tensor in = fv_dense(two, FV_F32, 4, dim);
    assert_ok(fvi_model_answer(ctx, m, m->params, NULL, in, &alone));
    assert_int_equal(fv_count(maps), fv_count(alone));
    for (int64_t i = 0; i < fv_count(maps); i++)
        assert_near(((float *)maps.data)[i], ((float *)alone.data)[i],
                    1e-5 * (1 + fabs((double)((float *)alone.data)[i])));
    fv_plane_free(ctx, &alone);
    net_free(&n);
    fv_model_free(ctx, m);
}

static void gradients_go_through_and_leave_it_alone(void **state)
{
    (void)state;
    fv_model *m = judge();
    size_t bytes = (size_t)fv_param_count(m->graph, 0) * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, m->params, bytes);
    net n = net_new(m);
    plan(&n);
    const double h = 2e-3;
    double up = loss_at(&n, 1.5 + h, 0.25), down = loss_at(&n, 1.5 - h, 0.25);
    double right = loss_at(&n, 1.5, 0.25 + h),
           left = loss_at(&n, 1.5, 0.25 - h);
    double first = loss_at(&n, 1.5, 0.25);
    memset(n.grad, 0, sizeof n.grad);
    assert_ok(fv_plan_backward(ctx, n.plan, n.loss));
    double dw = (up - down) / (2 * h), db = (right - left) / (2 * h);
    assert_near(n.grad[0], dw, 2e-2 * (fabs(dw) + fabs(db)));
    assert_near(n.grad[1], db, 2e-2 * (fabs(dw) + fabs(db)));
    assert_true(fabs(db) > 1e-3);
    fv_optim rule = fv_optim_default();
    float m1[2] = {0}, m2[2] = {0};
    for (int step = 1; step <= 30; step++) {
        double norm;
        rule.lr = 0.02;
        assert_ok(fv_plan_run(ctx, n.plan));
        memset(n.grad, 0, sizeof n.grad);
        assert_ok(fv_plan_backward(ctx, n.plan, n.loss));
        assert_ok(
            fv_optim_step(ctx, n.g, &rule, step, n.w, n.grad, m1, m2, &norm));
    }
    double last = loss_at(&n, (double)n.w[0], (double)n.w[1]);
    assert_true(last < first);
    assert_memory_equal(m->params, before, bytes);
    free(before);
    net_free(&n);
    fv_model_free(ctx, m);
}

static void features_are_the_maps_before_halving(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "3", "4", "1", "1");
    fv_graph *g;
    const int64_t dim[] = {-1, -1, -1, 1};
    fv_val f[8];
    assert_ok(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "image", 4, dim);
    assert_int_equal(fvi_model_features(g, m, x, f, 8), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fv_channels(g, f[i]), 4 << i);
    assert_int_equal(fv_param_list_size(g), 0);
    fv_graph_free(g);
    fv_model_free(ctx, m);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    fv_model *m = judge();
    fv_graph *g;
    const int64_t dim[] = {-1, -1, -1, 5};
    assert_ok(fv_graph_new(ctx, &g));
    fvi_model_borrow(g, m, fv_input(g, "image", 4, dim));
    assert_int_equal(fv_graph_check(ctx, g), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "5 channels, unet takes 2"));
    fv_graph_free(g);
    fv_model_free(ctx, m);
}

static void doubles_are_refused(void **state)
{
    (void)state;
    fv_model *m = judge();
    net n = net_new(m);
    const int64_t all[] = {N, SIDE, SIDE, 1};
    const fv_tensor in[2] = {fv_dense(NULL, FV_F64, 4, all),
                             fv_dense(NULL, FV_F64, 4, all)};
    double w[2] = {1, 0};
    fv_plan *p;
    assert_int_equal(fv_plan_new(ctx, n.g, in,
                                 (fv_plan_options){.dtype = FV_F64}, w, NULL,
                                 &p),
                     FV_ENOTSUP);
    assert_non_null(strstr(fv_message(ctx), "borrowed in f32"));
    net_free(&n);
    fv_model_free(ctx, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_answers_as_when_alone),
        cmocka_unit_test(gradients_go_through_and_leave_it_alone),
        cmocka_unit_test(features_are_the_maps_before_halving),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(doubles_are_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
