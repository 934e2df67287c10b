/* Pixels where objects touch weigh more, and no others. */
#include "train/run.h"

#include "train_test.h"

enum { SIDE = 16 };

static void only_pixels_near_two_objects_weigh_more(void **state)
{
    uint32_t labels[SIDE * SIDE] = {0};
    float weight[SIDE * SIDE];
    (void)state;
    for (int y = 4; y < 12; y++)
        for (int x = 2; x < 14; x++)
            labels[y * SIDE + x] = x < 8 ? 7 : 1000000;
    for (int i = 0; i < SIDE * SIDE; i++)
        weight[i] = 2;
    assert_ok(fvi_weigh_touching(ctx, labels, SIDE, 9, weight));
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool near = x >= 6 && x <= 9 && y >= 2 && y <= 13;
            assert_near(weight[y * SIDE + x], near ? 18 : 2, 0);
        }
}

static void one_object_or_none_changes_nothing(void **state)
{
    uint32_t labels[SIDE * SIDE] = {0};
    float weight[SIDE * SIDE];
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        for (int i = 0; i < SIDE * SIDE; i++)
            weight[i] = 1;
        assert_ok(fvi_weigh_touching(ctx, labels, SIDE, 9, weight));
        for (int i = 0; i < SIDE * SIDE; i++)
            assert_near(weight[i], 1, 0);
        memset(labels, 1, sizeof labels / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_pixels_near_two_objects_weigh_more),
        cmocka_unit_test(one_object_or_none_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
