/* Local shape descriptors: those of the equations, worked out pixel by pixel
 * (tools/make_golden_flows.py). */
#include "fovea/shape.h"
#include "task_test.h"

#include <math.h>

static int setup_shape(void **state)
{
    gold = golden_read("flows.txt");
    return open_context(state);
}

static void descriptors_are_those_of(const char *name, double sigma, int ball)
{
    fv_tensor labels = golden_as("shape", "labels", FV_U32);
    fv_tensor want = golden_as("shape", name, FV_F32);
    fv_tensor got = new_tensor(FV_F32, 3, labels.dim[0], labels.dim[1], 6);
    fv_shape_options o = {.sigma = sigma, .ball = ball};
    assert_ok(fv_shape_descriptors(ctx, labels, o, got));
    for (int64_t i = 0; i < fv_count(got); i++) {
        float a = ((float *)got.data)[i], b = ((float *)want.data)[i];
        if (!(fabs(a - b) <= 1e-5))
            fail_msg("%s: number %lld is %.7g, expected %.7g", name,
                     (long long)i, a, b);
    }
    free(labels.data);
    free(want.data);
    free(got.data);
}

static void as_the_equations_say(void **state)
{
    (void)state;
    descriptors_are_those_of("gaussian", 2.5, 0);
    descriptors_are_those_of("ball", 4.2, 1);
}

/* Deep inside a large object there is no offset, and the window is full. */
static void the_middle_of_a_square(void **state)
{
    (void)state;
    for (int ball = 0; ball < 2; ball++) {
        fv_tensor l = new_labels(81, 91), d = new_tensor(FV_F32, 3, 81, 91, 6);
        fv_shape_options o = {.sigma = 6, .ball = ball};
        for (int64_t i = 0; i < fv_count(l); i++)
            ((uint32_t *)l.data)[i] = 7;
        assert_ok(fv_shape_descriptors(ctx, l, o, d));
        const float *v = (float *)d.data + (40 * 91 + 45) * 6;
        assert_near(v[0], 0, 1e-6);
        assert_near(v[1], 0, 1e-6);
        assert_near(v[2], v[3], 1e-6);
        assert_near(v[2], ball ? 0.25 : 1, 0.04);
        assert_near(v[4], 0, 1e-6);
        assert_near(v[5], 1, 1e-6);
        free(l.data);
        free(d.data);
    }
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    fv_tensor l = new_labels(300, 301);
    fv_tensor d[2] = {new_tensor(FV_F32, 3, 300, 301, 6),
                      new_tensor(FV_F32, 3, 300, 301, 6)};
    for (int64_t i = 0; i < fv_count(l); i++)
        ((uint32_t *)l.data)[i] =
            (uint32_t)(i / 301 / 13 * 29 + i % 301 / 11) % 200;
    for (int k = 0; k < 2; k++) {
        fv_set_threads(ctx, k ? 3 : 1);
        assert_ok(fv_shape_descriptors(ctx, l, fv_shape_default(), d[k]));
    }
    assert_memory_equal(d[0].data, d[1].data,
                        (size_t)fv_count(d[0]) * sizeof(float));
    free(l.data);
    free(d[0].data);
    free(d[1].data);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const double bad[] = {0, -1, 1001, NAN};
    fv_tensor l = new_labels(4, 5), d = new_tensor(FV_F32, 3, 4, 5, 6);
    for (int k = 0; k < 4; k++)
        assert_int_equal(
            fv_shape_descriptors(ctx, l, (fv_shape_options){bad[k], 0}, d),
            FV_EINVAL);
    d.dim[2] = 5;
    assert_int_equal(fv_shape_descriptors(ctx, l, fv_shape_default(), d),
                     FV_ESHAPE);
    free(l.data);
    free(d.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_equations_say),
        cmocka_unit_test(the_middle_of_a_square),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_shape, teardown);
}
