/* Every pass shows every image, large ones more often if asked to. */
#include "train/passes.h"

#include "train_test.h"

enum { COUNT = 5 };

static const double area[COUNT] = {100, 100, 400, 1600, 25};

static void count_pass(fvi_passes *o, int64_t pass, int64_t shown[COUNT])
{
    memset(shown, 0, COUNT * sizeof *shown);
    for (int64_t i = 0; i < o->count; i++)
        shown[fvi_passes_pick(o, pass * o->count + i)]++;
}

static void expect_shown(double power, const int64_t expected[COUNT])
{
    fvi_passes o;
    assert_ok(fvi_passes_new(ctx, area, COUNT, power, 7, &o));
    for (int64_t pass = 0; pass < 3; pass++) {
        int64_t shown[COUNT];
        count_pass(&o, pass, shown);
        assert_memory_equal(shown, expected, sizeof shown);
    }
    fvi_passes_free(ctx, &o);
}

static void large_images_are_shown_by_a_power_of_their_area(void **state)
{
    (void)state;
    expect_shown(0, (int64_t[]){1, 1, 1, 1, 1});
    expect_shown(0.5, (int64_t[]){1, 1, 2, 4, 1});
    expect_shown(1, (int64_t[]){1, 1, 4, 16, 1});
}

static void a_pass_is_the_same_wherever_one_begins(void **state)
{
    fvi_passes all, late;
    (void)state;
    assert_ok(fvi_passes_new(ctx, area, COUNT, 1, 7, &all));
    assert_ok(fvi_passes_new(ctx, area, COUNT, 1, 7, &late));
    bool moved = false;
    for (int64_t at = 0; at < 3 * all.count; at++) {
        int64_t i = fvi_passes_pick(&all, at);
        if (at >= 2 * all.count)
            assert_int_equal(fvi_passes_pick(&late, at), i);
        moved = moved || (at >= all.count && i != all.list[0]);
    }
    assert_true(moved);
    fvi_passes_free(ctx, &all);
    fvi_passes_free(ctx, &late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_images_are_shown_by_a_power_of_their_area),
        cmocka_unit_test(a_pass_is_the_same_wherever_one_begins),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
