/* Own kernels on problems bigger than a block, and those for AVX2, which a
 * machine with AVX-512 would never run. */
#include "backend/native/native.h"
#include "checkop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* More tiles, rows, strips, channels than any kernel works on at once. */
static const char *const big[] = {
    "conv:n2:c40>70:k3:p1:33x38",
    "conv:n1:c16>24:k3:65x47",
    "conv:n1:c72>33:k3:p1:relu:30x30",
    "conv:n1:c150>90:k3:p1:17x21",
    "conv:n2:c33>17:k3:p1:infer:leaky=0.2:40x41",
    "conv:n2:c37>3:k1:40x41",
    "conv:n1:c70>41:k1:relu:37x29",
    "conv:n2:c3>40:k3:p1:infer:31x150",
    "conv:n1:c1>33:k7:t2:p3:infer:61x150",
    "conv:n1:c3>40:k3:p1:20x150",
    "conv_transposed:n2:c40>34:k2:t2:19x23",
    "conv_transposed:n1:c20>50:k3:t3:leaky=0.1:9x11",
    "conv_transposed:n1:c60>5:k4:t4:9x11",
    "max_pool:n2:c37:k2:t2:33x31",
    "upsample:n2:c37:f3:nearest:9x11",
    "upsample:n2:c37:f2:bilinear:9x11",
    "batch_norm:n2:c37:relu:31x33",
    "batch_norm:n1:c70:40x40",
    "layer_norm:n2:c37:20x21",
    "layer_norm:n3:c768:eps=1e-6:9",
    "linear:n1:c70>150:infer:200",
    "linear:n3:c1100>37:leaky=0.1:infer:19",
    "linear:n2:c90>1100:relu:infer",
    "attention:n1:c128:heads=2:joined:150",
    "attention:n1:c160:heads=1:like=9x31:3x5",
    "attention:n2:c40:heads=2:axes:rows=9:13x11",
    "attention:n1:c24:heads=3:window=7:shift=3:relative:joined:14x21",
    "attention:n1:c64:heads=1:window=5:infer:axes:10x15",
    "attention:n1:c70:heads=7:infer:relative:5x5",
    "relu:n2:c5:41x47",
    "leaky_relu:n2:c5:value=0.1:41x47",
    "sigmoid:n2:c5:41x47",
    "gelu:n2:c5:41x47",
    "gelu_tanh:n2:c5:41x47",
    "scale:n2:c5:value=0.5:41x47",
    "add:n2:c5:41x47",
    "concat:n2:c37+18:20x21",
    "slice:n2:c50:slice=3-37:20x21",
    "softmax:n2:c5:41x23",
    "cross_entropy:n2:c5:weighted:41x47",
    "cross_entropy:n1:c17:classes:41x47",
    "bce:n2:c3:weighted:41x47",
    "mse:n2:c5:41x47",
    "mae:n2:c5:weighted:41x47",
};
enum { BIG = sizeof big / sizeof *big };

static const fvi_kernel *for_avx2(fvi_op_id op)
{
#define ROW(name)       \
    case FVI_OP_##name: \
        return &fvi_native_##name##_v3;
    switch (op) {
        FVI_NATIVE_V3(ROW)
    default:
        return NULL;
    }
#undef ROW
}

static int check(fv_ctx *ctx, const char *text, bool avx2,
                 checkop_outcome (*run)(checkop_case *))
{
    checkop_problem p;
    checkop_subject all[CHECKOP_SUBJECTS];
    assert_int_equal(checkop_parse(ctx, text, &p), FV_OK);
    checkop_subject s = {.dtype = FV_F32, .bits_thread = true};
    int count = checkop_subjects(p.op, p.half, all);
    s.backend = avx2 ? "native, AVX2" : "native";
    s.kernel = avx2 ? for_avx2(p.op) : fvi_backend_native.kernel[p.op];
    assert_true(count > 0);
    if (!s.kernel)
        return 0;
    checkop_case c = {
        .ctx = ctx, .p = &p, .truth = all[0], .subject = s, .seed = 20};
    checkop_outcome outcome = run(&c);
    if (outcome == CHECKOP_FAILED)
        fail_msg("%s, %s: %s", s.backend, text, c.why);
    return outcome == CHECKOP_PASSED;
}

/* Every check on every problem; most of them must apply. */
static void check_all(bool avx2, int at_least)
{
    fv_ctx *ctx;
    int passed = 0;
    assert_int_equal(fv_ctx_new(NULL, &ctx), FV_OK);
    for (int i = 0; i < BIG; i++) {
        passed += check(ctx, big[i], avx2, checkop_equal);
        passed += check(ctx, big[i], avx2, checkop_accumulate);
        passed += check(ctx, big[i], avx2, checkop_threads);
    }
    fv_ctx_free(ctx);
    assert_in_range(passed, at_least, 3 * BIG);
}

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static void test_chosen(void **state)
{
    (void)state;
    if (!has_avx2()) {
        print_message("skipped: the processor has no AVX2\n");
        skip();
    }
    check_all(false, 40);
}

static void test_avx2(void **state)
{
    (void)state;
    if (!has_avx2()) {
        print_message("skipped: the processor has no AVX2\n");
        skip();
    }
    check_all(true, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chosen),
                                       cmocka_unit_test(test_avx2)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
