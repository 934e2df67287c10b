/* Kernels of element-wise operations, norms and losses against numbers from
 * PyTorch (tools/make_golden_ops.py): the reference in double and in float,
 * and the native ones. */
#include "backend/backend.h"
#include "base/base.h"
#include "context.h"
#include "golden.h"
#include "op/attention.h"

#include <omp.h>

static golden gold;
static const fvi_backend *single = &fvi_backend_ref; /* float kernels */

static int setup(void **state)
{
    gold = golden_read("ops.txt");
    return open_context(state);
}

static int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

/* ---- running one kernel ---- */

/* A kernel with its numbers in one precision. */
typedef struct run {
    fvi_problem p;
    const fvi_kernel *kernel;
    fvi_need need;
    fvi_call call;
    void *state;
    fv_dtype dtype;
    fv_tensor x[FVI_MAX_INPUTS], dx[FVI_MAX_INPUTS], dy;
} run;

static fv_tensor number_copy(fv_tensor from, fv_dtype dtype)
{
    fv_tensor t = fv_dense(NULL, dtype, from.ndim, from.dim);
    t.data = fvi_calloc(ctx, (size_t)fv_count(t) + 1, 8);
    assert_non_null(t.data);
    assert_int_equal(fv_copy(ctx, from, t), FV_OK);
    return t;
}

static double number_at(fv_tensor t, int64_t i)
{
    return t.dtype == FV_F64 ? ((double *)t.data)[i]
                             : (double)((float *)t.data)[i];
}

static void fill(fv_tensor t, double value)
{
    for (int64_t i = 0; i < fv_count(t); i++)
        if (t.dtype == FV_F64)
            ((double *)t.data)[i] = value;
        else
            ((float *)t.data)[i] = (float)value;
}

/* x[] given in f64; everything else is made here. `want` as in a problem. */
static run run_new(fvi_op_id op, const void *attr, int nx, const fv_tensor x[],
                   bool train, unsigned want, fv_dtype dtype)
{
    run r = {.dtype = dtype};
    for (int i = 0; i < nx; i++) {
        r.x[i] = number_copy(x[i], dtype);
        r.dx[i] = number_copy(x[i], dtype);
        fill(r.dx[i], 1);
    }
    r.p = (fvi_problem){.op = op,
                        .attr = attr,
                        .nx = nx,
                        .x = r.x,
                        .train = train,
                        .want = want};
    if (fvi_ops[op]->infer(ctx, attr, nx, r.x, &r.p.y) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    const fvi_backend *b = dtype == FV_F64 ? &fvi_backend_ref64 : single;
    r.kernel = b->kernel[op];
    if (!r.kernel || r.kernel->prepare(ctx, &r.p, &r.need, &r.state) != FV_OK) {
        r.kernel = fvi_backend_ref.kernel[op];
        assert_true(b != &fvi_backend_ref && dtype == FV_F32);
        assert_int_equal(r.kernel->prepare(ctx, &r.p, &r.need, &r.state),
                         FV_OK);
    }
    r.call.keep = fvi_alloc(ctx, r.need.keep + 1);
    r.call.scratch = fvi_alloc(ctx, r.need.scratch + 1);
    r.call.y = r.p.y;
    r.call.y.data = fvi_alloc(ctx, (size_t)fv_count(r.p.y) * 8 + 1);
    r.dy = r.p.y;
    r.dy.data = fvi_calloc(ctx, (size_t)fv_count(r.p.y) + 1, 8);
    fill(r.call.y, NAN);
    return r;
}

static void run_free(run *r)
{
    for (int i = 0; i < r->p.nx; i++) {
        fvi_free(ctx, r->x[i].data);
        fvi_free(ctx, r->dx[i].data);
    }
    fvi_free(ctx, r->dy.data);
    fvi_free(ctx, r->call.y.data);
    fvi_free(ctx, r->call.keep);
    fvi_free(ctx, r->call.scratch);
    if (r->kernel->release)
        r->kernel->release(ctx, r->state);
}

static void forward(run *r)
{
    r->call.x = r->x;
    r->kernel->forward(r->state, &r->call);
}

/* Hands over only what the operation says it keeps. */
static void backward(run *r)
{
    unsigned keep = fvi_ops[r->p.op]->keep;
    fv_tensor x[FVI_MAX_INPUTS], dx[FVI_MAX_INPUTS];
    for (int i = 0; i < r->p.nx; i++) {
        x[i] = r->x[i];
        dx[i] = r->dx[i];
        if (!(keep & FVI_KEEP_X(i)))
            x[i].data = NULL;
        if (!(r->p.want & 1u << i))
            dx[i].data = NULL;
    }
    fvi_call call = r->call;
    call.x = x;
    call.dx = dx;
    call.dy = r->dy;
    if (!(keep & FVI_KEEP_Y))
        call.y.data = NULL;
    r->kernel->backward(r->state, &call);
}

/* ---- golden cases ---- */

typedef struct row {
    const char *name;
    fvi_op_id op;
    const void *attr;
    bool infer; /* not training */
} row;

static const fvi_number tenth = {0.1f}, minus = {-0.3f};
static const fvi_slice middle = {1, 3};
static const fvi_shape to_6_10 = {3, {-1, 6, -1}};
static const fvi_norm norm = {1e-5f, 0.1f, FVI_ACT_NONE, 0};
static const fvi_norm norm_relu = {1e-5f, 0.1f, FVI_ACT_RELU, 0};
static const fvi_norm three_groups = {1e-5f, 0, FVI_ACT_NONE, 3};
static const fvi_upsample by_2 = {.factor = 2}, by_3 = {.factor = 3};
static const fvi_upsample to_4 = {.factor = 4};
static const fvi_attention plain = {.channels = 6, .heads = 2};
static const fvi_attention one_head = {.channels = 4, .heads = 1};
static const fvi_attention in_one = {
    .channels = 6, .heads = 2, .at = {0, 6, 12}};
static const fvi_attention by_axes = {
    .channels = 6, .heads = 2, .position = FVI_POSITION_AXES};
static const fvi_attention shifted = {.channels = 4,
                                      .heads = 2,
                                      .window = 4,
                                      .shift = 2,
                                      .position = FVI_POSITION_TABLE};
static const fvi_class_weights equal = {false, {0}, 0};
static const fvi_class_weights classes = {true, {0.25f, 2, 1.5f, 0}, 0};

static const row rows[] = {
    {"relu", FVI_OP_relu, NULL, false},
    {"leaky_relu", FVI_OP_leaky_relu, &tenth, false},
    {"sigmoid", FVI_OP_sigmoid, NULL, false},
    {"sigmoid_far", FVI_OP_sigmoid, NULL, false},
    {"tanh", FVI_OP_tanh, NULL, false},
    {"tanh_far", FVI_OP_tanh, NULL, false},
    {"gelu", FVI_OP_gelu, NULL, false},
    {"gelu_far", FVI_OP_gelu, NULL, false},
    {"softmax", FVI_OP_softmax, NULL, false},
    {"softmax_far", FVI_OP_softmax, NULL, false},
    {"scale", FVI_OP_scale, &minus, false},
    {"add", FVI_OP_add, NULL, false},
    {"multiply", FVI_OP_multiply, NULL, false},
    {"concat", FVI_OP_concat, NULL, false},
    {"slice", FVI_OP_slice, &middle, false},
    {"reshape", FVI_OP_reshape, &to_6_10, false},
    {"batch_norm_train", FVI_OP_batch_norm, &norm, false},
    {"batch_norm_train_relu", FVI_OP_batch_norm, &norm_relu, false},
    {"batch_norm_infer", FVI_OP_batch_norm, &norm, true},
    {"batch_norm_infer_relu", FVI_OP_batch_norm, &norm_relu, true},
    {"batch_norm_flat", FVI_OP_batch_norm, &norm, false},
    {"batch_norm_many", FVI_OP_batch_norm, &norm, false},
    {"layer_norm", FVI_OP_layer_norm, &norm, false},
    {"layer_norm_rows", FVI_OP_layer_norm, &norm, false},
    {"rms_norm", FVI_OP_rms_norm, &norm, false},
    {"group_norm", FVI_OP_group_norm, &three_groups, false},
    {"gelu_tanh", FVI_OP_gelu_tanh, NULL, false},
    {"gelu_tanh_far", FVI_OP_gelu_tanh, NULL, false},
    {"add_each", FVI_OP_add_each, NULL, false},
    {"multiply_each", FVI_OP_multiply_each, NULL, false},
    {"multiply_each_many", FVI_OP_multiply_each, NULL, false},
    {"prepend", FVI_OP_prepend, NULL, false},
    {"pixel_shuffle", FVI_OP_pixel_shuffle, &by_3, false},
    {"pixel_unshuffle", FVI_OP_pixel_unshuffle, &by_2, false},
    {"pad", FVI_OP_pad, &to_4, false},
    {"crop", FVI_OP_crop, NULL, false},
    {"attention", FVI_OP_attention, &plain, false},
    {"attention_far", FVI_OP_attention, &one_head, false},
    {"attention_joined", FVI_OP_attention, &in_one, false},
    {"attention_other", FVI_OP_attention, &plain, false},
    {"attention_axes", FVI_OP_attention, &by_axes, false},
    {"attention_stretched", FVI_OP_attention, &by_axes, false},
    {"attention_shifted", FVI_OP_attention, &shifted, false},
    {"cross_entropy", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_ignore", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_classes", FVI_OP_cross_entropy, &classes, false},
    {"cross_entropy_weight", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_both", FVI_OP_cross_entropy, &classes, false},
    {"cross_entropy_nothing", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_ignored", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_far", FVI_OP_cross_entropy, &equal, false},
    {"cross_entropy_many", FVI_OP_cross_entropy, &equal, false},
    {"bce", FVI_OP_bce, NULL, false},
    {"bce_hard", FVI_OP_bce, NULL, false},
    {"bce_weight", FVI_OP_bce, NULL, false},
    {"bce_nothing", FVI_OP_bce, NULL, false},
    {"bce_far", FVI_OP_bce, NULL, false},
    {"bce_many", FVI_OP_bce, NULL, false},
    {"mse", FVI_OP_mse, NULL, false},
    {"mse_hard", FVI_OP_mse, NULL, false},
    {"mse_weight", FVI_OP_mse, NULL, false},
    {"mse_nothing", FVI_OP_mse, NULL, false},
    {"mse_far", FVI_OP_mse, NULL, false},
    {"mae", FVI_OP_mae, NULL, false},
    {"mae_hard", FVI_OP_mae, NULL, false},
    {"mae_weight", FVI_OP_mae, NULL, false},
    {"mae_nothing", FVI_OP_mae, NULL, false},
    {"mae_far", FVI_OP_mae, NULL, false},
    {"dice", FVI_OP_dice, NULL, false},
    {"dice_hard", FVI_OP_dice, NULL, false},
    {"dice_weight", FVI_OP_dice, NULL, false},
    {"dice_nothing", FVI_OP_dice, NULL, false},
    {"dice_many", FVI_OP_dice, NULL, false},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The array "x2" of a case, or "y" with i = -1. */
static fv_tensor array(const row *r, const char *what, int i)
{
    char name[32];
    if (i < 0)
        return golden_find(&gold, r->name, what);
    snprintf(name, sizeof name, "%s%d", what, i);
    return golden_find(&gold, r->name, name);
}

static run open_row(const row *r, fv_dtype dtype)
{
    fv_tensor x[FVI_MAX_INPUTS];
    unsigned want = 0;
    int nx = 0;
    for (; nx < FVI_MAX_INPUTS; nx++) {
        x[nx] = array(r, "x", nx);
        if (x[nx].ndim < 0)
            break;
        if (array(r, "dx", nx).ndim >= 0)
            want |= 1u << nx;
    }
    assert_true(nx > 0);
    return run_new(r->op, r->attr, nx, x, !r->infer, want, dtype);
}

/* |found - (wanted + offset)| <= tolerance * the largest of wanted and 1. */
static void expect(const row *r, const char *what, fv_tensor found,
                   fv_tensor wanted, double offset, double tolerance)
{
    double top = 1;
    assert_true(fv_same_shape(found, wanted));
    for (int64_t i = 0; i < fv_count(wanted); i++)
        top = fmax(top, fabs(number_at(wanted, i)));
    for (int64_t i = 0; i < fv_count(wanted); i++) {
        double a = number_at(found, i), b = number_at(wanted, i) + offset;
        if (!(fabs(a - b) <= tolerance * top))
            fail_msg("%s/%s[%d] = %.12g, expected %.12g", r->name, what, (int)i,
                     a, b);
    }
}

/* Values, and gradients added to the ones that were there. */
static void check_row(const row *r, fv_dtype dtype, double tolerance)
{
    run k = open_row(r, dtype);
    forward(&k);
    expect(r, "y", k.call.y, array(r, "y", -1), 0, tolerance);
    if (!r->infer) {
        assert_int_equal(fv_copy(ctx, array(r, "g", -1), k.dy), FV_OK);
        backward(&k);
    }
    for (int i = 0; i < k.p.nx; i++)
        if (k.p.want & 1u << i)
            expect(r, "dx", k.dx[i], array(r, "dx", i), 1, tolerance);
    run_free(&k);
}

static void double_kernels_give_the_golden_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        check_row(&rows[i], FV_F64, 1e-11);
}

static void float_kernels_give_the_golden_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++)
        check_row(&rows[i], FV_F32, 2e-6);
}

static void every_golden_array_is_used(void **state)
{
    (void)state;
    for (size_t a = 0; a < gold.count; a++) {
        const char *name = gold.array[a].name;
        size_t scope = strcspn(name, "/");
        bool used = strncmp(name, "batch_norm_steps/", 17) == 0;
        for (int i = 0; i < ROWS; i++)
            used = used || (strlen(rows[i].name) == scope &&
                            strncmp(rows[i].name, name, scope) == 0);
        if (!used)
            fail_msg("no test reads %s", name);
    }
}

static void threads_do_not_change_bits(void **state)
{
    static const int threads[] = {2, 3, 7};
    int before = omp_get_max_threads();
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        if (rows[i].infer)
            continue;
        run k[4];
        for (int t = 0; t < 4; t++) {
            omp_set_num_threads(t ? threads[t - 1] : 1);
            k[t] = open_row(&rows[i], FV_F32);
            fill(k[t].dy, 0.7);
            forward(&k[t]);
            backward(&k[t]);
            size_t size = (size_t)fv_count(k[t].call.y) * 4;
            assert_memory_equal(k[t].call.y.data, k[0].call.y.data, size);
            for (int j = 0; j < k[t].p.nx; j++)
                assert_memory_equal(k[t].dx[j].data, k[0].dx[j].data,
                                    (size_t)fv_count(k[t].dx[j]) * 4);
        }
        for (int t = 0; t < 4; t++)
            run_free(&k[t]);
    }
    omp_set_num_threads(before);
}

/* ---- what one call does not show ---- */

static void batch_norm_moves_its_running_values(void **state)
{
    const row name = {"batch_norm_steps", FVI_OP_batch_norm, &norm, false};
    int64_t three = 3;
    double one[] = {1, 1, 1}, zero[] = {0, 0, 0};
    fv_tensor ones = fv_dense(one, FV_F64, 1, &three);
    fv_tensor zeros = fv_dense(zero, FV_F64, 1, &three);
    (void)state;
    fv_tensor x[] = {array(&name, "batch", 0), ones, zeros, zeros, ones};
    run k = run_new(FVI_OP_batch_norm, &norm, 5, x, true, 1, FV_F64);
    for (int step = 0; step < 3; step++) {
        assert_int_equal(fv_copy(ctx, array(&name, "batch", step), k.x[0]),
                         FV_OK);
        forward(&k);
    }
    expect(&name, "mean", k.x[3], array(&name, "mean", -1), 0, 1e-11);
    expect(&name, "var", k.x[4], array(&name, "var", -1), 0, 1e-11);
    run_free(&k);
}

static run dropout(float rate, bool train, uint64_t step)
{
    static fvi_number number;
    static double ones[10007];
    int64_t n = 10007;
    number.value = rate;
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1;
    fv_tensor x = fv_dense(ones, FV_F64, 1, &n);
    run k = run_new(FVI_OP_dropout, &number, 1, &x, train, 1, FV_F32);
    k.call.seed = 5;
    k.call.node = 3;
    k.call.step = step;
    fill(k.dy, 1);
    fill(k.dx[0], 0);
    forward(&k);
    backward(&k);
    return k;
}

static void dropout_drops_its_share_and_is_repeatable(void **state)
{
    (void)state;
    run a = dropout(0.3f, true, 0), same = dropout(0.3f, true, 0);
    run next = dropout(0.3f, true, 1);
    size_t size = (size_t)fv_count(a.call.y) * 4;
    int dropped = 0;
    for (int64_t i = 0; i < fv_count(a.call.y); i++) {
        double y = number_at(a.call.y, i);
        dropped += y == 0;
        if (y != 0)
            assert_near(y, 1 / 0.7, 1e-6);
    }
    assert_near(dropped / 10007.0, 0.3, 0.02); /* 4.4 standard deviations */
    assert_memory_equal(a.call.y.data, a.dx[0].data, size);
    assert_memory_equal(a.call.y.data, same.call.y.data, size);
    assert_memory_not_equal(a.call.y.data, next.call.y.data, size);
    run_free(&a);
    run_free(&same);
    run_free(&next);
}

static void dropout_is_the_identity_outside_training(void **state)
{
    (void)state;
    run a = dropout(0.3f, false, 0);
    for (int64_t i = 0; i < fv_count(a.call.y); i++)
        assert_true(number_at(a.call.y, i) == 1);
    run_free(&a);
}

/* A class number that does not exist must be seen, not read past the end. */
static void cross_entropy_of_a_wrong_class_is_nan(void **state)
{
    double logits[] = {0, 1, 2, 3}, target[] = {0, 0};
    static const double wrong[] = {2, 1e30, NAN, INFINITY};
    (void)state;
    for (int i = 0; i < 4; i++) {
        target[1] = wrong[i];
        fv_tensor x[] = {fv_dense(logits, FV_F64, 2, (int64_t[]){2, 2}),
                         fv_dense(target, FV_F64, 2, (int64_t[]){2, 1})};
        run k = run_new(FVI_OP_cross_entropy, &equal, 2, x, true, 1, FV_F32);
        forward(&k);
        fill(k.dy, 1);
        backward(&k);
        assert_true(isnan(number_at(k.call.y, 0)));
        run_free(&k);
    }
}

/* Where the weight is zero not even a NaN counts. */
static void losses_do_not_look_where_weight_is_zero(void **state)
{
    static const fvi_op_id op[] = {FVI_OP_bce, FVI_OP_mse, FVI_OP_mae,
                                   FVI_OP_dice, FVI_OP_cross_entropy};
    double p[] = {NAN, 0.5}, t[] = {NAN, 0}, w[] = {0, 2};
    int64_t dim[] = {2, 1};
    (void)state;
    fv_tensor x[] = {fv_dense(p, FV_F64, 2, dim), fv_dense(t, FV_F64, 2, dim),
                     fv_dense(w, FV_F64, 2, dim)};
    for (int i = 0; i < 5; i++) {
        run k = run_new(op[i], &equal, 3, x, true, 1, FV_F64);
        forward(&k);
        fill(k.dy, 1);
        backward(&k);
        assert_true(isfinite(number_at(k.call.y, 0)));
        assert_true(number_at(k.dx[0], 0) == 1);
        assert_true(isfinite(number_at(k.dx[0], 1)));
        run_free(&k);
    }
}

#ifdef FV_WITH_NATIVE
/* Where there is no native kernel the reference stands in. */
static void native_kernels_give_the_golden_numbers(void **state)
{
    single = &fvi_backend_native;
    float_kernels_give_the_golden_numbers(state);
    cross_entropy_of_a_wrong_class_is_nan(state);
    losses_do_not_look_where_weight_is_zero(state);
    threads_do_not_change_bits(state);
    batch_norm_moves_its_running_values(state);
    single = &fvi_backend_ref;
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_kernels_give_the_golden_numbers),
        cmocka_unit_test(float_kernels_give_the_golden_numbers),
        cmocka_unit_test(every_golden_array_is_used),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(batch_norm_moves_its_running_values),
        cmocka_unit_test(dropout_drops_its_share_and_is_repeatable),
        cmocka_unit_test(dropout_is_the_identity_outside_training),
        cmocka_unit_test(cross_entropy_of_a_wrong_class_is_nan),
        cmocka_unit_test(losses_do_not_look_where_weight_is_zero),
#ifdef FV_WITH_NATIVE
        cmocka_unit_test(native_kernels_give_the_golden_numbers),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
