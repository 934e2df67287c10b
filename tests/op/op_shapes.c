/* Shape rules, work and locality of the operations, by hand-computed values;
 * and the sentences for shapes that do not fit. */
#include "base/base.h"
#include "op/attention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static fv_ctx *ctx;

static int begin(void **unused)
{
    (void)unused;
    return fv_ctx_new(NULL, &ctx) != FV_OK;
}

static int end(void **unused)
{
    (void)unused;
    fv_ctx_free(ctx);
    return 0;
}

/* SHAPE(2, -1, 3): f32[2,?,3] */
#define SHAPE(...)                                                   \
    shape((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
          (int64_t[]){__VA_ARGS__})

static fv_tensor shape(int ndim, const int64_t dim[])
{
    fv_tensor t;
    assert_int_equal(fvi_infer_as(ctx, FV_F32, ndim, dim, &t), FV_OK);
    return t;
}

static void is(const char *what, fv_tensor found, fv_tensor expected)
{
    char f[80], e[80];
    fv_describe(found, f, sizeof f);
    fv_describe(expected, e, sizeof e);
    if (!fv_same_shape(found, expected))
        fail_msg("%s: %s, expected %s", what, f, e);
}

static fvi_window window(int rank, int64_t K, int64_t k, int64_t t, int64_t d,
                         int64_t p)
{
    fvi_window w = {.rank = rank,
                    .channels = K,
                    .kernel = {1, 1, 1},
                    .stride = {1, 1, 1},
                    .dilation = {1, 1, 1}};
    for (int a = 3 - rank; a < 3; a++) {
        w.kernel[a] = k;
        w.stride[a] = t;
        w.dilation[a] = d;
        w.pad[a] = p;
    }
    return w;
}

/* Output side of a window operation on (1,n,n,2), or -2 when it fails. */
static int64_t side(fvi_op_id op, int64_t n, fvi_window w)
{
    int64_t k = w.kernel[2];
    fv_tensor x[2] = {SHAPE(1, n, n, 2), SHAPE(k, k, 2, w.channels)}, y;
    bool weights = w.channels > 0;
    if (fvi_ops[op]->infer(ctx, &w, weights ? 2 : 1, x, &y) != FV_OK)
        return -2;
    assert_int_equal(y.dim[1], y.dim[2]);
    assert_int_equal(y.dim[3], weights ? w.channels : 2);
    return y.dim[1];
}

static void sides_follow_the_formula(void **unused)
{
    (void)unused;
    static const struct {
        fvi_op_id op;
        int64_t n, K, k, t, d, p, side;
    } rows[] = {
        {FVI_OP_conv, 256, 8, 3, 1, 1, 1, 256},
        {FVI_OP_conv, 256, 8, 3, 1, 1, 0, 254},
        {FVI_OP_conv, 7, 8, 3, 2, 1, 1, 4},
        {FVI_OP_conv, 8, 8, 3, 2, 1, 1, 4},
        {FVI_OP_conv, 9, 8, 3, 1, 4, 0, 1},
        {FVI_OP_conv, 8, 8, 3, 1, 4, 0, -2},
        {FVI_OP_conv, 1, 8, 1, 1, 1, 0, 1},
        {FVI_OP_conv, -1, 8, 3, 2, 1, 1, -1},
        {FVI_OP_conv_transposed, 7, 8, 2, 2, 1, 0, 14},
        {FVI_OP_conv_transposed, 7, 8, 4, 2, 1, 1, 14},
        {FVI_OP_conv_transposed, 7, 8, 3, 2, 1, 1, 13},
        {FVI_OP_conv_transposed, 1, 8, 3, 2, 1, 2, -2},
        {FVI_OP_conv_transposed, -1, 8, 2, 2, 1, 0, -1},
        {FVI_OP_conv_transposed, 0, 8, 2, 2, 1, 0, -2},
        {FVI_OP_max_pool, 7, 0, 2, 2, 1, 0, 3},
        {FVI_OP_max_pool, 1, 0, 2, 2, 1, 0, -2},
        {FVI_OP_max_pool, 8, 0, 3, 2, 1, 0, 3},
        {FVI_OP_max_pool, 112, 0, 3, 2, 1, 1, 56},
        {FVI_OP_max_pool, 8, 0, 2, 2, 1, 1, 5},
        {FVI_OP_max_pool, 8, 0, 2, 2, 1, 2, -2}, /* nothing but padding */
        {FVI_OP_avg_pool, 8, 0, 2, 2, 1, 1, -2}, /* padding */
        {FVI_OP_avg_pool, 8, 0, 2, 2, 2, 0, -2}, /* dilation */
        {FVI_OP_avg_pool, -1, 0, 2, 2, 1, 0, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t found = side(
            rows[i].op, rows[i].n,
            window(2, rows[i].K, rows[i].k, rows[i].t, rows[i].d, rows[i].p));
        if (found != rows[i].side)
            fail_msg("row %zu: side %lld, expected %lld", i, (long long)found,
                     (long long)rows[i].side);
    }
}

static void other_shapes(void **unused)
{
    (void)unused;
    fv_tensor x[3] = {SHAPE(-1, 5, -1, 4), SHAPE(4, 7), SHAPE(7)}, y;
    fvi_linear linear = {.channels = 7};
    assert_int_equal(fvi_op_linear.infer(ctx, &linear, 3, x, &y), FV_OK);
    is("linear", y, SHAPE(-1, 5, -1, 7));
    assert_int_equal(fvi_op_global_avg_pool.infer(ctx, NULL, 1, x, &y), FV_OK);
    is("global_avg_pool", y, SHAPE(-1, 4));
    fvi_upsample up = {3, FV_NEAREST};
    assert_int_equal(fvi_op_upsample.infer(ctx, &up, 1, x, &y), FV_OK);
    is("upsample", y, SHAPE(-1, 15, -1, 4));
    fvi_shape s = {2, {-1, 3}};
    assert_int_equal(fvi_op_input.infer(ctx, &s, 0, NULL, &y), FV_OK);
    is("input", y, SHAPE(-1, 3));
}

/* Extents whose product does not fit are refused, not wrapped. */
static void too_big(void **unused)
{
    (void)unused;
    const int64_t huge = INT64_C(1) << 40;
    fv_tensor x[2] = {SHAPE(1, -1, 4), SHAPE(4, 7)}, y;
    fvi_shape s = {3, {huge, huge, 3}};
    assert_int_equal(fvi_op_input.infer(ctx, &s, 0, NULL, &y), FV_ESHAPE);
    x[0].dim[1] = INT64_MAX / 2;
    fvi_upsample up = {3, FV_NEAREST};
    assert_int_equal(fvi_op_upsample.infer(ctx, &up, 1, x, &y), FV_ESHAPE);
    fvi_window w = window(1, 7, 3, INT32_MAX, INT32_MAX, 0);
    fv_tensor t[2] = {x[0], SHAPE(3, 4, 7)};
    assert_int_equal(fvi_op_conv_transposed.infer(ctx, &w, 2, t, &y),
                     FV_ESHAPE);
    t[0].dim[1] = 3;
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 2, t, &y), FV_ESHAPE);
    w.kernel[2] = INT64_MAX;
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 2, t, &y), FV_ESHAPE);
}

static void sentences(void **unused)
{
    (void)unused;
    fv_tensor y, x[3] = {SHAPE(1, 8, 8, 64), SHAPE(3, 3, 32, 16), SHAPE(16)};
    fvi_window w = window(2, 16, 3, 1, 1, 1);
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 3, x, &y), FV_ESHAPE);
    assert_string_equal(fv_message(ctx),
                        "input has 64 channels and weight is f32[3,3,32,16]; "
                        "expected f32[3,3,64,16]");
    x[1] = SHAPE(3, 3, 64, 16);
    x[2] = SHAPE(15);
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 3, x, &y), FV_ESHAPE);
    assert_string_equal(fv_message(ctx), "bias is f32[15]; expected [16]");
    w.rank = 3;
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 3, x, &y), FV_ESHAPE);
    assert_string_equal(fv_message(ctx),
                        "input has 4 axes; expected 5 (N, 3 spatial, C)");
    w = window(2, 16, 3, 0, 1, 1);
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 3, x, &y), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "stride 0"));
    fvi_linear linear = {.channels = 7};
    x[1] = SHAPE(63, 7);
    assert_int_equal(fvi_op_linear.infer(ctx, &linear, 2, x, &y), FV_ESHAPE);
    assert_string_equal(fv_message(ctx),
                        "weight is f32[63,7]; expected [64,7] for 64 channels "
                        "in and 7 out");
}

/* Fails with a sentence that says so. */
static void refuses(fvi_op_id op, const void *attr, int nx, const fv_tensor x[],
                    const char *says)
{
    fv_tensor y;
    assert_true(fvi_ops[op]->infer(ctx, attr, nx, x, &y) != FV_OK);
    if (!strstr(fv_message(ctx), says))
        fail_msg("\"%s\" does not say \"%s\"", fv_message(ctx), says);
}

static void transformers_refuse_what_does_not_fit(void **unused)
{
    (void)unused;
    const fvi_upsample two = {.factor = 2};
    const fvi_attention odd = {.channels = 6, .heads = 4};
    const fvi_attention far = {
        .channels = 6, .heads = 2, .window = 4, .shift = 4};
    const fvi_attention four = {.channels = 6, .heads = 2, .window = 4};
    const fvi_attention numbers = {
        .channels = 6, .heads = 2, .position = FVI_POSITION_TABLE};
    fv_tensor q = SHAPE(2, 8, 6, 6), short_of = SHAPE(2, 8, 6, 5);
    refuses(FVI_OP_attention, &odd, 3, (fv_tensor[]){q, q, q}, "multiple");
    refuses(FVI_OP_attention, &far, 3, (fv_tensor[]){q, q, q}, "window");
    refuses(FVI_OP_attention, &four, 3, (fv_tensor[]){q, q, q}, "a side of 6");
    refuses(FVI_OP_attention, &numbers, 4,
            (fv_tensor[]){q, q, q, SHAPE(165, 3)}, "f32[165,2]");
    refuses(FVI_OP_attention, &numbers, 3, (fv_tensor[]){q, q, q}, "tables");
    const fvi_attention plain = {.channels = 6, .heads = 2};
    refuses(FVI_OP_attention, &plain, 3, (fv_tensor[]){q, short_of, q}, "k is");
    refuses(FVI_OP_attention, &plain, 3, (fv_tensor[]){q, q, SHAPE(2, 8, 5, 6)},
            "v is");
    refuses(FVI_OP_pixel_shuffle, &two, 1, (fv_tensor[]){q}, "2 divides");
    refuses(FVI_OP_pixel_unshuffle, &two, 1, (fv_tensor[]){SHAPE(1, 5, 4, 1)},
            "2 divides");
    refuses(FVI_OP_crop, NULL, 2, (fv_tensor[]){q, SHAPE(2, 9, 6, 6)},
            "no larger");
    refuses(FVI_OP_prepend, NULL, 2, (fv_tensor[]){SHAPE(2, 5, 3), SHAPE(1, 4)},
            "same channels");
    refuses(FVI_OP_add_each, NULL, 2, (fv_tensor[]){q, SHAPE(6, 5)},
            "last extents");
    const fvi_norm four_groups = {.groups = 4};
    refuses(FVI_OP_group_norm, &four_groups, 3,
            (fv_tensor[]){q, SHAPE(6), SHAPE(6)}, "4 groups");
}

/* A window that a shift has put together, and one that it has not. */
static void windows_know_their_parts(void **unused)
{
    (void)unused;
    const fvi_attention o = {
        .channels = 1, .heads = 1, .window = 4, .shift = 1};
    fvi_windows w = fvi_windows_of(&o, SHAPE(1, 8, 4, 1));
    assert_true(w.windows == 2 && w.tokens == 16);
    assert_true(w.shift[1] == 1 && w.shift[2] == 0);
    fvi_token t = fvi_token_of(&w, 0, 0);
    assert_true(t.at == 4 && t.part == 0); /* row 1 */
    t = fvi_token_of(&w, 1, 15);
    assert_true(t.at == 3 && t.part != 0); /* row 0, from the other edge */
}

static void work_is_multiply_adds(void **unused)
{
    (void)unused;
    fvi_window w = window(2, 6, 9, 1, 1, 4);
    fv_tensor x[2] = {SHAPE(1, 10, 20, 3), SHAPE(9, 9, 3, 6)}, y;
    assert_int_equal(fvi_op_conv.infer(ctx, &w, 2, x, &y), FV_OK);
    assert_true(fvi_op_conv.work(&w, x, y) == 10. * 20 * 81 * 3 * 6);
    fvi_linear linear = {.channels = 30000};
    fv_tensor z[2] = {SHAPE(1, 30000), SHAPE(30000, 30000)};
    assert_int_equal(fvi_op_linear.infer(ctx, &linear, 2, z, &y), FV_OK);
    assert_true(fvi_op_linear.work(&linear, z, y) == 9e8);
}

static void check_box(fvi_box b, int axis, int64_t lo, int64_t hi, int64_t step)
{
    if (b.lo[axis] != lo || b.hi[axis] != hi || b.step[axis] != step)
        fail_msg("axis %d reads %lld..%lld by %lld, expected %lld..%lld by "
                 "%lld",
                 axis, (long long)b.lo[axis], (long long)b.hi[axis],
                 (long long)b.step[axis], (long long)lo, (long long)hi,
                 (long long)step);
}

static void boxes(void **unused)
{
    (void)unused;
    fv_tensor y = SHAPE(2, 9, 9, 4), x[1] = {SHAPE(2, 9, 9, 3)};
    fvi_window w = window(2, 4, 3, 1, 2, 2);
    fvi_box b = fvi_op_conv.reads(&w, x, y, 0, (int64_t[]){1, 0, 5, 3});
    check_box(b, 0, 1, 2, 1);
    check_box(b, 1, 0, 3, 2); /* -2 lies outside */
    check_box(b, 2, 3, 8, 2);
    check_box(b, 3, 0, 3, 1);
    fvi_window t = window(2, 4, 4, 2, 1, 1);
    b = fvi_op_conv_transposed.reads(&t, x, y, 0, (int64_t[]){0, 0, 5, 0});
    check_box(b, 1, 0, 1, 1);
    check_box(b, 2, 2, 4, 1);     /* 2h + s = 6: s = 0, 2 */
    t = window(2, 4, 3, 4, 2, 0); /* 4h + 2s = i has no odd solutions */
    b = fvi_op_conv_transposed.reads(&t, x, y, 0, (int64_t[]){0, 5, 8, 0});
    assert_true(b.lo[1] >= b.hi[1]);
    check_box(b, 2, 1, 3, 1);
    fvi_upsample up = {2, FV_BILINEAR};
    fv_tensor z = SHAPE(2, 18, 18, 3);
    b = fvi_op_upsample.reads(&up, x, z, 0, (int64_t[]){0, 0, 3, 1});
    check_box(b, 1, 0, 1, 1);
    check_box(b, 2, 1, 3, 1);
    check_box(b, 3, 1, 2, 1);
}

static void dims_for_every_rank(void **unused)
{
    (void)unused;
    fvi_dims d = fvi_dims_of(SHAPE(2, 3));
    assert_true(d.N == 2 && d.D == 1 && d.H == 1 && d.W == 1 && d.C == 3);
    d = fvi_dims_of(SHAPE(2, 7, 3));
    assert_true(d.N == 2 && d.D == 1 && d.H == 1 && d.W == 7 && d.C == 3);
    d = fvi_dims_of(SHAPE(2, 4, 5, 6, 3));
    assert_true(d.N == 2 && d.D == 4 && d.H == 5 && d.W == 6 && d.C == 3);
}

/* Every row of the table is filled and consistent. */
static void the_table(void **unused)
{
    (void)unused;
    for (int i = 0; i < FVI_OP_COUNT; i++) {
        const fvi_op *op = fvi_ops[i];
        assert_non_null(op);
        assert_true(op->name && op->equation && op->infer && op->work);
        assert_true(op->attr_size <= 512);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(op->name, fvi_ops[k]->name);
    }
    assert_string_equal(fvi_ops[FVI_OP_conv]->name, "conv");
    assert_string_equal(fvi_ops[FVI_OP_dice]->name, "dice");
    assert_string_equal(fvi_ops[FVI_OP_fourier]->name, "fourier");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sides_follow_the_formula),
        cmocka_unit_test(other_shapes),
        cmocka_unit_test(too_big),
        cmocka_unit_test(sentences),
        cmocka_unit_test(transformers_refuse_what_does_not_fit),
        cmocka_unit_test(windows_know_their_parts),
        cmocka_unit_test(work_is_multiply_adds),
        cmocka_unit_test(boxes),
        cmocka_unit_test(dims_for_every_rank),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
