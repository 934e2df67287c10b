/* 16-bit numbers against their definition. */
#include "fvtest.h"

#include "model/half.h"

/* Every 16-bit pattern that is a number survives the way to f32 and back. */
static void test_every_pattern_returns(void **state)
{
    (void)state;
    for (uint32_t u = 0; u < 65536; u++) {
        float x = fvi_from_f16((uint16_t)u), y = fvi_from_bf16((uint16_t)u);
        if (!isnan(x))
            assert_int_equal(fvi_to_f16(x), u);
        else
            assert_true(isnan(fvi_from_f16(fvi_to_f16(x))));
        if (!isnan(y))
            assert_int_equal(fvi_to_bf16(y), u);
        else
            assert_true(isnan(fvi_from_bf16(fvi_to_bf16(y))));
    }
}

/* Between two neighbors the nearer one is taken, in the middle the even. */
static void test_rounding(void **state)
{
    (void)state;
    for (uint32_t u = 0; u < 0x7bff; u++) {
        float a = fvi_from_f16((uint16_t)u),
              b = fvi_from_f16((uint16_t)(u + 1));
        float middle = a + (b - a) / 2;
        assert_int_equal(fvi_to_f16(middle), u % 2 ? u + 1 : u);
        assert_int_equal(fvi_to_f16(nextafterf(middle, 0)), u);
        assert_int_equal(fvi_to_f16(nextafterf(middle, INFINITY)), u + 1);
    }
    assert_int_equal(fvi_to_bf16(1.0f + 1.0f / 256), 0x3f80);
    assert_int_equal(fvi_to_bf16(1.0f + 3.0f / 256), 0x3f82);
}

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(fvi_to_f16(1), 0x3c00);
    assert_int_equal(fvi_to_f16(-2), 0xc000);
    assert_int_equal(fvi_to_f16(65504), 0x7bff);
    assert_int_equal(fvi_to_f16(65520), 0x7c00);
    assert_int_equal(fvi_to_f16(5.9604645e-8f), 0x0001);
    assert_int_equal(fvi_to_f16(1e-9f), 0);
    assert_int_equal(fvi_to_bf16(1), 0x3f80);
    assert_int_equal(fvi_to_bf16(3.3895314e38f), 0x7f7f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern_returns),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
