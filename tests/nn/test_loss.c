/* Losses as graph values: sums of them, what they refuse, no gradient to the
 * truth. The numbers of each loss are tested with the kernels. */
#include "base/base.h"
#include "context.h"
#include "fovea/loss.h"
#include "fovea/plan.h"

static fv_graph *graph(void)
{
    fv_graph *g;
    assert_int_equal(fv_graph_new(ctx, &g), FV_OK);
    return g;
}

static fv_val input(fv_graph *g, const char *name, int channels)
{
    return fv_input(g, name, 2, (int64_t[]){-1, channels});
}

/* The graph must have failed with this sentence, or a part of it. */
static void expect_failure(fv_graph *g, fv_status status, const char *part)
{
    assert_int_equal(fv_graph_check(ctx, g), status);
    if (!strstr(fv_message(ctx), part))
        fail_msg("'%s' lacks '%s'", fv_message(ctx), part);
    fv_graph_free(g);
}

static void weighted_sum_of_losses_is_a_loss(void **state)
{
    float x[] = {1, -2}, t[] = {0, 1};
    fv_tensor shape = fv_dense(NULL, FV_F32, 2, (int64_t[]){2, 1});
    fv_tensor shapes[] = {shape, shape};
    fv_graph *g = graph();
    fv_plan *plan;
    (void)state;
    fv_val pred = input(g, "pred", 1), target = input(g, "target", 1);
    fv_val none = {0};
    fv_val sum = fv_add(g, fv_scale(g, fv_loss_mse(g, pred, target, none), 2),
                        fv_loss_mae(g, pred, target, none));
    fv_output(g, "loss", sum);
    assert_int_equal(fv_graph_check(ctx, g), FV_OK);
    assert_int_equal(fv_shape(g, sum).ndim, 0);

    fv_plan_options o = {.mode = FV_TRAIN, .keep_all = 1};
    assert_int_equal(fv_plan_new(ctx, g, shapes, o, NULL, NULL, &plan), FV_OK);
    memcpy(fv_plan_at(plan, pred).data, x, sizeof x);
    memcpy(fv_plan_at(plan, target).data, t, sizeof t);
    assert_int_equal(fv_plan_run(ctx, plan), FV_OK);
    assert_int_equal(fv_plan_backward(ctx, plan, sum), FV_OK);

    /* mse = (1 + 9)/2, mae = (1 + 3)/2 */
    assert_near(*(float *)fv_plan_at(plan, sum).data, 2 * 5 + 2, 1e-6);
    const float *dx = fv_plan_grad_at(plan, pred).data;
    assert_near(dx[0], 2 * 1 + 0.5, 1e-6);
    assert_near(dx[1], 2 * -3 - 0.5, 1e-6);
    const float *dt = fv_plan_grad_at(plan, target).data;
    assert_true(!dt || (dt[0] == 0 && dt[1] == 0));
    fv_plan_free(plan);
    fv_graph_free(g);
}

static void class_weights_are_copied(void **state)
{
    float weight[] = {1, 3}, z[] = {0, 0, 0, 1}, t[] = {0, 1};
    fv_tensor shapes[] = {fv_dense(NULL, FV_F32, 2, (int64_t[]){2, 2}),
                          fv_dense(NULL, FV_F32, 2, (int64_t[]){2, 1})};
    fv_graph *g = graph();
    fv_plan *plan;
    (void)state;
    fv_val pred = input(g, "pred", 2), target = input(g, "target", 1);
    fv_val loss = fv_loss_cross_entropy(g, pred, target, (fv_val){0}, weight);
    weight[1] = 1000;
    fv_output(g, "loss", loss);
    fv_plan_options o = {.mode = FV_INFER};
    assert_int_equal(fv_plan_new(ctx, g, shapes, o, NULL, NULL, &plan), FV_OK);
    memcpy(fv_plan_at(plan, pred).data, z, sizeof z);
    memcpy(fv_plan_at(plan, target).data, t, sizeof t);
    assert_int_equal(fv_plan_run(ctx, plan), FV_OK);
    double wanted = (log(2) + 3 * log(1 + exp(-1))) / 4;
    assert_near(*(float *)fv_plan_at(plan, loss).data, wanted, 1e-6);
    fv_plan_free(plan);
    fv_graph_free(g);
}

static void shapes_that_do_not_fit_are_named(void **state)
{
    (void)state;
    fv_graph *g = graph();
    fv_loss_mse(g, input(g, "p", 3), input(g, "t", 2), (fv_val){0});
    expect_failure(g, FV_ESHAPE, "mse: target is f32[?,2], expected f32[?,3]");

    g = graph();
    fv_loss_cross_entropy(g, input(g, "p", 3), input(g, "t", 3), (fv_val){0},
                          NULL);
    expect_failure(g, FV_ESHAPE, "cross_entropy: target is f32[?,3]");

    g = graph();
    fv_loss_dice(g, input(g, "p", 3), input(g, "t", 3), input(g, "w", 3));
    expect_failure(g, FV_ESHAPE, "dice: weight is f32[?,3]");
}

static void class_weights_have_limits(void **state)
{
    float many[65] = {0}, negative[] = {1, -1}, nan[] = {NAN, 1};
    fv_val none = {0};
    (void)state;
    fv_graph *g = graph();
    fv_loss_cross_entropy(g, input(g, "p", 65), input(g, "t", 1), none, many);
    expect_failure(g, FV_EINVAL, "65 classes, expected 64 at most");

    g = graph();
    fv_loss_cross_entropy(g, input(g, "p", 65), input(g, "t", 1), none, NULL);
    assert_int_equal(fv_graph_check(ctx, g), FV_OK);
    fv_graph_free(g);

    g = graph();
    fv_loss_cross_entropy(g, input(g, "p", 2), input(g, "t", 1), none,
                          negative);
    expect_failure(g, FV_EINVAL, "weight of class 1 is -1, expected 0 or more");

    g = graph();
    fv_loss_cross_entropy(g, input(g, "p", 2), input(g, "t", 1), none, nan);
    expect_failure(g, FV_EINVAL, "weight of class 0 is nan");
}

/* The same value on both sides gets both gradients. */
static void one_value_may_be_both_inputs(void **state)
{
    float x[] = {3, -1};
    fv_tensor shape = fv_dense(NULL, FV_F32, 2, (int64_t[]){1, 2});
    fv_tensor shapes[] = {shape, shape};
    fv_graph *g = graph();
    fv_plan *plan;
    (void)state;
    fv_val v = input(g, "x", 2), zero = input(g, "zero", 4);
    shapes[1].dim[1] = 4;
    fv_val square = fv_multiply(g, v, v), twice = fv_add(g, v, v);
    fv_val both = fv_concat(g, square, fv_concat(g, v, v));
    fv_val last = fv_slice_channels(g, both, 2, 6);
    fv_val loss =
        fv_add(g, fv_loss_mse(g, last, zero, (fv_val){0}),
               fv_loss_mae(g, fv_concat(g, square, twice), zero, (fv_val){0}));
    fv_output(g, "loss", loss);
    assert_int_equal(fv_graph_check(ctx, g), FV_OK);

    fv_plan_options o = {.mode = FV_TRAIN, .keep_all = 1};
    assert_int_equal(fv_plan_new(ctx, g, shapes, o, NULL, NULL, &plan), FV_OK);
    memcpy(fv_plan_at(plan, v).data, x, sizeof x);
    memset(fv_plan_at(plan, zero).data, 0, 4 * sizeof(float));
    assert_int_equal(fv_plan_run(ctx, plan), FV_OK);
    assert_int_equal(fv_plan_backward(ctx, plan, loss), FV_OK);

    /* (x^2 + x^2)/4 summed, plus (x^2 + |2x|)/4 summed */
    assert_near(*(float *)fv_plan_at(plan, loss).data, 5 + 4.5, 1e-6);
    const float *dx = fv_plan_grad_at(plan, v).data;
    assert_near(dx[0], 3 + (2 * 3 + 2) / 4.0, 1e-6);
    assert_near(dx[1], -1 + (2 * -1 - 2) / 4.0, 1e-6);
    fv_plan_free(plan);
    fv_graph_free(g);
}

/* The value of a loss of two images, each of one gray everywhere. */
static double loss_of_grays(fv_val (*loss)(fv_graph *, fv_val, fv_val),
                            int side, float a, float b)
{
    const int64_t dim[] = {1, side, side, 1};
    fv_tensor shape = fv_dense(NULL, FV_F32, 4, dim);
    fv_tensor shapes[] = {shape, shape};
    fv_graph *g = graph();
    fv_plan *plan;
    fv_val pred = fv_input(g, "pred", 4, dim);
    fv_val target = fv_input(g, "target", 4, dim);
    fv_val y = loss(g, pred, target);
    fv_output(g, "loss", y);
    assert_ok(
        fv_plan_new(ctx, g, shapes, (fv_plan_options){0}, NULL, NULL, &plan));
    for (int i = 0; i < side * side; i++) {
        ((float *)fv_plan_at(plan, pred).data)[i] = a;
        ((float *)fv_plan_at(plan, target).data)[i] = b;
    }
    assert_ok(fv_plan_run(ctx, plan));
    double value = (double)*(float *)fv_plan_at(plan, y).data;
    fv_plan_free(plan);
    fv_graph_free(g);
    return value;
}

static fv_val ssim(fv_graph *g, fv_val p, fv_val t)
{
    return fv_loss_ssim(g, p, t, 1);
}

static fv_val ssim3(fv_graph *g, fv_val p, fv_val t)
{
    return fv_loss_ms_ssim(g, p, t, 1, 3);
}

static fv_val ssim5(fv_graph *g, fv_val p, fv_val t)
{
    return fv_loss_ms_ssim(g, p, t, 1, 5);
}

/* Only light differs, and it counts at the last scale alone. */
static void similarity_of_two_grays_by_hand(void **state)
{
    (void)state;
    const double C1 = 1e-4,
                 light = (2 * 0.25 * 0.5 + C1) / (0.25 * 0.25 + 0.5 * 0.5 + C1);
    assert_near(loss_of_grays(ssim, 11, 0.25f, 0.5f), 1 - light, 1e-6);
    assert_near(loss_of_grays(ssim3, 44, 0.25f, 0.5f),
                1 - pow(light, 0.3001 / 0.6305), 1e-6);
    assert_near(loss_of_grays(ssim5, 176, 0.25f, 0.5f),
                1 - pow(light, 0.1333 / 1.0001), 1e-6);
    assert_near(loss_of_grays(ssim5, 177, 0.5f, 0.5f), 0, 1e-6);
}

/* A gray of side n has one frequency, of strength n times the gray. */
static void spectra_of_two_grays_by_hand(void **state)
{
    (void)state;
    assert_near(loss_of_grays(fv_loss_fourier, 8, 0.25f, -1), 0.75 * 8 / 64,
                1e-6);
}

static void images_that_do_not_fit_are_named(void **state)
{
    const int64_t small[] = {-1, 21, 64, 1}, odd[] = {-1, 8, 8, 3};
    (void)state;
    fv_graph *g = graph();
    fv_val x = fv_input(g, "x", 4, small);
    fv_loss_ms_ssim(g, x, x, 1, 2);
    expect_failure(g, FV_ESHAPE, "a side of 21 pixels, expected at least 22");

    g = graph();
    x = fv_input(g, "x", 4, small);
    fv_loss_ms_ssim(g, x, x, 0, 1);
    expect_failure(g, FV_EINVAL, "range 0 and 1 scales");

    g = graph();
    fv_loss_fourier(g, input(g, "p", 3), input(g, "t", 3));
    expect_failure(g, FV_ESHAPE, "fourier: input has 2 axes");

    g = graph();
    x = fv_input(g, "x", 4, odd);
    fv_loss_laplace(g, x, x, (fv_val){0});
    expect_failure(g, FV_ESHAPE, "laplace: input has 3 channels");

    g = graph();
    fv_loss_cross_entropy_smooth(g, input(g, "p", 3), input(g, "t", 1),
                                 (fv_val){0}, NULL, 1);
    expect_failure(g, FV_EINVAL, "smoothing 1, expected 0 to below 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighted_sum_of_losses_is_a_loss),
        cmocka_unit_test(class_weights_are_copied),
        cmocka_unit_test(shapes_that_do_not_fit_are_named),
        cmocka_unit_test(class_weights_have_limits),
        cmocka_unit_test(one_value_may_be_both_inputs),
        cmocka_unit_test(similarity_of_two_grays_by_hand),
        cmocka_unit_test(spectra_of_two_grays_by_hand),
        cmocka_unit_test(images_that_do_not_fit_are_named),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
