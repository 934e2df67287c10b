/* Tensor views: extents, strides, slices, conversions. */
#include "base/base.h"
#include "context.h"
#include "fovea/tensor.h"

static void dense_views_refuse_what_cannot_be(void **state)
{
    char byte;
    (void)state;
    assert_int_equal(fv_dense(&byte, FV_F32, 2, (int64_t[]){INT64_MAX, 2}).ndim,
                     -1);
    assert_int_equal(fv_dense(&byte, FV_U8, 1, (int64_t[]){-1}).ndim, -1);
    assert_int_equal(fv_dense(NULL, FV_U8, 1, (int64_t[]){-1}).ndim, 1);
    assert_int_equal(fv_count(fv_dense(NULL, FV_F32, 0, NULL)), 1);
    assert_int_equal(fv_count(fv_dense(NULL, FV_F32, 2, (int64_t[]){0, 7})), 0);
}

static void slices_share_and_describe(void **state)
{
    float x[24];
    char text[64];
    (void)state;
    for (int i = 0; i < 24; i++)
        x[i] = (float)i;
    fv_tensor t = fv_dense(x, FV_F32, 3, (int64_t[]){2, 3, 4});
    fv_tensor s = fv_slice(t, 1, 1, 3);
    assert_int_equal(*(float *)s.data, 4);
    assert_true(fv_is_dense(t));
    assert_false(fv_is_dense(s));
    fv_describe(s, text, sizeof text);
    assert_string_equal(text, "f32[2,2,4]");
    uint8_t y[16];
    fv_tensor to = fv_dense(y, FV_U8, 3, (int64_t[]){2, 2, 4});
    assert_int_equal(fv_copy(ctx, s, to), FV_OK);
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < 8; i++)
            assert_int_equal(y[8 * n + i], 12 * n + 4 + i);
    assert_int_equal(fv_copy(ctx, t, to), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "f32[2,3,4]"));
}

static void conversion_rounds_and_clamps(void **state)
{
    double in[] = {-3.6, 0.5, 1.5, 254.6, 300, NAN, 1e30, -1e30};
    uint8_t u8[8];
    int16_t i16[8];
    static const int want8[] = {0, 0, 2, 255, 255, 0, 255, 0};
    static const int want16[] = {-4, 0, 2, 255, 300, 0, 32767, -32768};
    int64_t n = 8;
    (void)state;
    fv_tensor from = fv_dense(in, FV_F64, 1, &n);
    assert_int_equal(fv_copy(ctx, from, fv_dense(u8, FV_U8, 1, &n)), FV_OK);
    assert_int_equal(fv_copy(ctx, from, fv_dense(i16, FV_I16, 1, &n)), FV_OK);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(u8[i], want8[i]);
        assert_int_equal(i16[i], want16[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_views_refuse_what_cannot_be),
        cmocka_unit_test(slices_share_and_describe),
        cmocka_unit_test(conversion_rounds_and_clamps),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
