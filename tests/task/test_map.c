/* Places on a map, and whether neighbors are of one kind. */
#include "context.h"

#include "fovea/map.h"

/* Vectors a u + b v + c with u, v at right angles and uncorrelated a, b. */
static void places_are_along_the_principal_axes(void **state)
{
    (void)state;
    enum { COUNT = 8, N = 4 };
    const double u[N] = {0.5, 0.5, 0.5, 0.5}, v[N] = {0.5, -0.5, 0.5, -0.5};
    float code[COUNT * N];
    double xy[2 * COUNT], a[COUNT], b[COUNT];
    for (int i = 0; i < COUNT; i++) {
        a[i] = 10 * (i - 3.5) + (i == 7 ? 4 : i == 0 ? -4 : 0);
        b[i] = i % 4 == 0 || i % 4 == 3 ? 2 : -2;
        for (int k = 0; k < N; k++)
            code[i * N + k] = (float)(b[i] * v[k] - a[i] * u[k] + 100 + k);
    }
    assert_ok(fv_principal_plane(ctx, code, COUNT, N, xy));
    double sign[2] = {xy[0] * a[0] > 0 ? 1 : -1, xy[1] * b[0] > 0 ? 1 : -1};
    double far[2] = {0, 0};
    for (int i = 0; i < COUNT; i++) {
        assert_near(xy[2 * i], sign[0] * a[i], 1e-4);
        assert_near(xy[2 * i + 1], sign[1] * b[i], 1e-4);
        for (int k = 0; k < 2; k++)
            far[k] =
                fabs(xy[2 * i + k]) > fabs(far[k]) ? xy[2 * i + k] : far[k];
    }
    assert_true(far[0] > 0 && far[1] > 0);
}

/* No other direction may have more variance than those found. */
static void no_direction_differs_more(void **state)
{
    (void)state;
    enum { COUNT = 200, N = 12 };
    float code[COUNT * N];
    double xy[2 * COUNT], sum = 0, both = 0, x2 = 0, y2 = 0;
    fvi_rng r = fvi_rng_new(3, 1);
    for (int i = 0; i < COUNT * N; i++)
        code[i] = (float)(fvi_rng_normal(&r) * (1 + 0.05 * (i % N)));
    assert_ok(fv_principal_plane(ctx, code, COUNT, N, xy));
    for (int i = 0; i < COUNT; i++) {
        sum += xy[2 * i] + xy[2 * i + 1];
        both += xy[2 * i] * xy[2 * i + 1];
        x2 += xy[2 * i] * xy[2 * i];
        y2 += xy[2 * i + 1] * xy[2 * i + 1];
    }
    assert_near(sum, 0, 1e-6);
    assert_near(both, 0, 1e-6 * x2);
    assert_true(x2 >= y2);
    for (int trial = 0; trial < 200; trial++) {
        double axis[N], mean = 0, square = 0, length = 0;
        for (int k = 0; k < N; k++) {
            axis[k] = fvi_rng_normal(&r);
            length += axis[k] * axis[k];
        }
        for (int i = 0; i < COUNT; i++) {
            double p = 0;
            for (int k = 0; k < N; k++)
                p += (double)code[i * N + k] * axis[k] / sqrt(length);
            mean += p / COUNT;
            square += p * p;
        }
        assert_true(square - COUNT * mean * mean <= x2 * (1 + 1e-9));
    }
}

static void few_numbers_are_the_place(void **state)
{
    (void)state;
    const float code[4] = {1, 2, 3, -4};
    const float odd[4] = {1, 2, NAN, 0};
    double xy[8] = {0};
    assert_ok(fv_principal_plane(ctx, code, 2, 2, xy));
    for (int i = 0; i < 4; i++)
        assert_near(xy[i], code[i], 0);
    assert_ok(fv_principal_plane(ctx, code, 4, 1, xy));
    assert_near(xy[6], -4, 0);
    assert_near(xy[7], 0, 0);
    assert_ok(fv_principal_plane(ctx, code, 1, 4, xy)); /* no direction */
    assert_near(xy[0], 0, 0);
    assert_near(xy[1], 0, 0);
    assert_ok(fv_principal_plane(ctx, code, 0, 4, xy));
    assert_int_equal(fv_principal_plane(ctx, odd, 1, 4, xy), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "number 2 of thing 0"));
}

/* Every other place in turn. */
static double slowly(const double *xy, const int *category, int count)
{
    int same = 0;
    for (int i = 0; i < count; i++) {
        int best = -1;
        double nearest = HUGE_VAL;
        for (int k = 0; k < count; k++) {
            double dx = xy[2 * k] - xy[2 * i];
            double dy = xy[2 * k + 1] - xy[2 * i + 1];
            if (k != i && dx * dx + dy * dy < nearest) {
                nearest = dx * dx + dy * dy;
                best = k;
            }
        }
        same += category[best] == category[i];
    }
    return (double)same / count;
}

static void neighbors_are_the_nearest(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    double xy[2 * COUNT], share, chance;
    int category[COUNT], of[3] = {0};
    fvi_rng r = fvi_rng_new(4, 1);
    for (int i = 0; i < COUNT; i++) {
        category[i] = (int)fvi_rng_below(&r, 3);
        of[category[i]]++;
        for (int k = 0; k < 2; k++) /* on a grid: many are equally far */
            xy[2 * i + k] = (double)(fvi_rng_below(&r, 25) + 5 * category[i]);
    }
    assert_ok(fv_neighbor_share(ctx, xy, category, COUNT, &share, &chance));
    assert_near(share, slowly(xy, category, COUNT), 0);
    double pairs = 0;
    for (int k = 0; k < 3; k++)
        pairs += of[k] * (of[k] - 1.0);
    assert_near(chance, pairs / (COUNT * (COUNT - 1.0)), 1e-12);
    assert_true(share > chance);
    assert_ok(fv_neighbor_share(ctx, xy, category, 1, &share, NULL));
    assert_near(share, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_along_the_principal_axes),
        cmocka_unit_test(no_direction_differs_more),
        cmocka_unit_test(few_numbers_are_the_place),
        cmocka_unit_test(neighbors_are_the_nearest),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
