/* Tiles cover the axis, overlap enough, and their weights add up to one. */
#include "fvtest.h"

#include "model/tiles.h"

static void check_axis(fvi_axis a, int64_t multiple)
{
    assert_int_equal(a.size % multiple, 0);
    assert_int_equal(a.tile % multiple, 0);
    assert_true(a.tile <= a.size);
    assert_int_equal(fvi_axis_start(&a, 0), 0);
    assert_int_equal(fvi_axis_start(&a, a.count - 1) + a.tile, a.size);
    for (int64_t i = 0; i < a.count; i++) {
        int64_t start = fvi_axis_start(&a, i);
        assert_int_equal(start % multiple, 0);
        if (i > 0) {
            int64_t shared = fvi_axis_start(&a, i - 1) + a.tile - start;
            assert_true(shared >= 2 * a.halo);
        }
    }
    for (int64_t p = 0; p < a.size; p++) {
        double sum = 0;
        for (int64_t i = 0; i < a.count; i++) {
            int64_t at = p - fvi_axis_start(&a, i);
            if (at < 0 || at >= a.tile)
                continue;
            double w = (double)fvi_axis_weight(&a, i, at);
            assert_true(w >= 0);
            sum += w;
            /* near an inner edge a tile is not trusted */
            bool inner_lo = i > 0 && at < a.halo / 2;
            bool inner_hi = i < a.count - 1 && a.tile - 1 - at < a.halo / 2;
            if (inner_lo || inner_hi)
                assert_near(w, 0, 0);
        }
        assert_near(sum, 1, 1e-6);
    }
}

static void check_cut(int64_t size, int64_t most, int64_t halo,
                      int64_t multiple)
{
    fvi_axis a = fvi_axis_cut(size, most, halo, multiple);
    assert_true(a.size >= size && a.size < size + multiple);
    assert_true(a.tile <= most || a.tile <= 3 * a.halo + 2 * multiple);
    check_axis(a, multiple);
    if (most % multiple)
        return;
    a = fvi_axis_of_tiles(size, most, halo, multiple);
    assert_int_equal(a.tile, most);
    assert_true(a.size >= size &&
                a.size < (size > most ? size : most) + multiple);
    check_axis(a, multiple);
}

static void test_axes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 7, 64, 100, 255, 256, 257, 511, 1000};
    static const int64_t halos[] = {0, 1, 8, 20, 44, 96};
    static const int64_t most[] = {16, 64, 128, 200, 512};
    for (int s = 0; s < 9; s++)
        for (int h = 0; h < 6; h++)
            for (int m = 0; m < 5; m++)
                for (int64_t multiple = 1; multiple <= 16; multiple *= 4)
                    check_cut(sizes[s], most[m], halos[h], multiple);
}

static void test_mirror(void **state)
{
    (void)state;
    static const int64_t want[] = {0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2};
    for (int i = 0; i < 11; i++)
        assert_int_equal(fvi_mirror(i, 4), want[i]);
    for (int i = 0; i < 9; i++)
        assert_int_equal(fvi_mirror(i, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
