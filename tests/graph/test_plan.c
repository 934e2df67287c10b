/* Graphs and plans: shapes, sticky errors, memory, fusion, gradients. */
#include "base/base.h"
#include "context.h"
#include "fovea/arch.h"
#include "fovea/loss.h"
#include "fovea/plan.h"
#include "graph/plan_internal.h"

typedef struct net {
    fv_graph *g;
    void *config;
    fv_val image, answer;
    float *params;
} net;

static net build(const char *name, const char *const set[][2])
{
    net n = {0};
    const fv_arch *arch;
    assert_int_equal(fv_arch_find(ctx, name, &arch), FV_OK);
    assert_int_equal(fv_config_new(ctx, arch, &n.config), FV_OK);
    for (int i = 0; set && set[i][0]; i++)
        assert_int_equal(
            fv_field_set(ctx, arch->fields, n.config, set[i][0], set[i][1]),
            FV_OK);
    if (fv_arch_build(ctx, arch, n.config, &n.g, &n.image, &n.answer) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    return n;
}

static void give_params(net *n)
{
    n->params = fvi_alloc(ctx, (size_t)fv_param_count(n->g, 0) * 4);
    fv_params_init(n->g, 1, n->params);
    fvi_rng r = fvi_rng_new(5, 5);
    for (int i = 0; i < fv_param_list_size(n->g); i++) {
        fv_param p = fv_param_at(n->g, i);
        if (p.ndim == 1) /* norms and biases that do something */
            for (int64_t k = 0; k < p.count; k++)
                n->params[p.offset + k] = (float)fvi_rng_between(&r, 0.5, 1.5);
    }
}

static void drop(net *n)
{
    fvi_free(ctx, n->params);
    fv_graph_free(n->g);
    fv_config_free(ctx, n->config);
}

static fv_tensor image_shape(int64_t n, int64_t h, int64_t w, int64_t c)
{
    return fv_dense(NULL, FV_F32, 4, (int64_t[]){n, h, w, c});
}

/* The numbers of the textbook and of the papers. */
static void parameter_counts_are_the_published_ones(void **state)
{
    static const struct {
        const char *arch;
        const char *const set[8][2];
        int64_t count;
    } row[] = {
        {"linear", {{"in", "30000"}, {"out", "30000"}}, 900030000},
        {"conv", {{"in", "3"}, {"out", "6"}, {"kernel", "9"}}, 1464},
        {"perceptron", {{"in", "2"}}, 3},
        {"mlp", {{"in", "2"}, {"hidden", "3,4"}, {"out", "1"}}, 30},
        /* the U-net of the paper: 4 halvings, base 64, no normalization */
        {"unet",
         {{"in", "1"},
          {"out", "2"},
          {"base", "64"},
          {"depth", "4"},
          {"batch_norm", "0"},
          {"up", "transpose"}},
         31030658},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        net n = build(row[i].arch, row[i].set);
        assert_int_equal(fv_param_count(n.g, 1), row[i].count);
        drop(&n);
    }
}

static void errors_stick_and_explain(void **state)
{
    fv_graph *g;
    (void)state;
    assert_int_equal(fv_graph_new(ctx, &g), FV_OK);
    fv_val x = fv_input(g, "image", 4, (int64_t[]){-1, 8, 8, 3});
    fv_val y = fv_input(g, "other", 4, (int64_t[]){-1, 8, 4, 3});
    fv_val z = fv_add(g, x, y);
    assert_int_equal(z.id, 0);
    z = fv_relu(g, fv_convolve(g, "c", z, (fv_conv){.channels = 4}));
    assert_int_equal(z.id, 0);
    assert_int_equal(fv_graph_check(ctx, g), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "add"));
    fv_graph_free(g);

    net n = build("unet", NULL);
    fv_plan *p;
    fv_tensor bad = image_shape(1, 20, 16, 1);
    assert_int_equal(fv_plan_new(ctx, n.g, &bad, (fv_plan_options){.dry = 1},
                                 NULL, NULL, &p),
                     FV_ESHAPE); /* 20 does not halve three times */
    bad = image_shape(1, 16, 16, 2);
    assert_int_equal(fv_plan_new(ctx, n.g, &bad, (fv_plan_options){.dry = 1},
                                 NULL, NULL, &p),
                     FV_ESHAPE);
    assert_int_equal(fv_plan_new(ctx, n.g, &bad,
                                 (fv_plan_options){.backend = "cuda"}, &n, NULL,
                                 &p),
                     FV_ESHAPE);
    drop(&n);
}

static void live_blocks_never_overlap(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        net n = build("unet", (const char *const[][2]){{"base", "4"}, {0}});
        give_params(&n);
        float *grads = fvi_calloc(ctx, (size_t)fv_param_count(n.g, 0), 4);
        fv_plan *p;
        fv_tensor in = image_shape(2, 32, 24, 1);
        assert_int_equal(
            fv_plan_new(ctx, n.g, &in,
                        (fv_plan_options){.mode = mode ? FV_TRAIN : FV_INFER},
                        n.params, grads, &p),
            FV_OK);
        fvi_block *all[512];
        int count = 0;
        for (int i = 0; i < n.g->nodes; i++) {
            all[count++] = &p->value[i].forward;
            all[count++] = &p->value[i].backward;
        }
        for (int i = 0; i < p->steps; i++)
            all[count++] = &p->step[i].keep;
        for (int i = 0; i < count; i++)
            for (int k = 0; k < i; k++) {
                fvi_block *a = all[i], *b = all[k];
                if (a->last < a->first || b->last < b->first ||
                    a->first > b->last || b->first > a->last)
                    continue;
                assert_true(a->offset + a->size <= b->offset ||
                            b->offset + b->size <= a->offset);
            }
        fv_plan_free(p);
        fvi_free(ctx, grads);
        drop(&n);
    }
}

static void run_once(net *n, fv_plan_options o, float *y, int64_t count)
{
    fv_plan *p;
    fv_tensor in = image_shape(2, 40, 24, 1);
    assert_int_equal(fv_plan_new(ctx, n->g, &in, o, n->params, NULL, &p),
                     FV_OK);
    fv_tensor x = fv_plan_at(p, n->image);
    for (int64_t i = 0; i < fv_count(x); i++)
        ((float *)x.data)[i] = (float)sin((double)(i * i % 1000));
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(fv_plan_run(ctx, p), FV_OK);
        fv_tensor out = fv_plan_at(p, n->answer);
        assert_int_equal(fv_count(out), count);
        memcpy(y, out.data, (size_t)count * sizeof *y);
    }
    fv_plan_free(p);
}

/* Folding, fusing and every backend change no answer beyond rounding. */
static void all_plans_agree(void **state)
{
    static const char *const ups[] = {"nearest", "bilinear", "transpose"};
    enum { COUNT = 2 * 40 * 24 * 2 };
    static float want[COUNT], got[COUNT];
    (void)state;
    for (int u = 0; u < 3; u++) {
        net n = build("unet",
                      (const char *const[][2]){
                          {"base", "8"}, {"out", "2"}, {"up", ups[u]}, {0}});
        give_params(&n);
        run_once(&n, (fv_plan_options){.backend = "ref", .keep_all = 1}, want,
                 COUNT);
        double top = 0, error = 0;
        for (int b = 0; b < 2; b++) {
            run_once(&n, (fv_plan_options){.backend = b ? NULL : "ref"}, got,
                     COUNT);
            for (int i = 0; i < COUNT; i++) {
                top = fmax(top, fabs((double)want[i]));
                error = fmax(error, fabs((double)(want[i] - got[i])));
            }
        }
        assert_true(top > 0);
        assert_true(error < 1e-4 * top);
        drop(&n);
    }
}

static void inference_is_the_same_for_any_thread_count(void **state)
{
    enum { COUNT = 2 * 40 * 24 };
    static float want[COUNT], got[COUNT];
    net n = build("unet", (const char *const[][2]){{"base", "16"}, {0}});
    (void)state;
    give_params(&n);
    fv_set_threads(ctx, 1);
    run_once(&n, (fv_plan_options){0}, want, COUNT);
    for (int threads = 2; threads <= 3; threads++) {
        fv_set_threads(ctx, threads);
        run_once(&n, (fv_plan_options){0}, got, COUNT);
        assert_memory_equal(want, got, sizeof want);
    }
    fv_set_threads(ctx, 0);
    drop(&n);
}

/* Gradients of one step; FV_ENOTSUP when bf16 is not multiplied here. */
static fv_status train_once(net *n, fv_val truth, fv_val loss,
                            fv_precision precision, float *grads)
{
    fv_plan *p;
    fv_tensor in[] = {image_shape(2, 24, 16, 1), image_shape(2, 24, 16, 1)};
    fv_plan_options o = {.mode = FV_TRAIN, .precision = precision};
    FV_TRY(fv_plan_new(ctx, n->g, in, o, n->params, grads, &p));
    fv_tensor x = fv_plan_at(p, n->image), t = fv_plan_at(p, truth);
    for (int64_t i = 0; i < fv_count(x); i++) {
        ((float *)x.data)[i] = (float)sin((double)(i * i % 1000));
        ((float *)t.data)[i] = (float)cos((double)i);
    }
    memset(grads, 0, (size_t)fv_param_count(n->g, 0) * sizeof *grads);
    assert_int_equal(fv_plan_run(ctx, p), FV_OK);
    assert_int_equal(fv_plan_backward(ctx, p, loss), FV_OK);
    fv_plan_free(p);
    return FV_OK;
}

/* The length of a, or of a - b. */
static double length_of(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += pow((double)a[i] - (b ? (double)b[i] : 0), 2);
    return sqrt(sum);
}

/* Factors keep 8 bits: gradients are off by some percent of their length. */
static void training_in_bf16_is_close_and_the_same_for_all_threads(void **state)
{
    net n = build(
        "unet", (const char *const[][2]){{"base", "16"}, {"depth", "2"}, {0}});
    (void)state;
    fv_val truth = fv_input(n.g, "truth", 4, (int64_t[]){-1, -1, -1, 1});
    fv_val loss = fv_loss_mse(n.g, n.answer, truth, (fv_val){0});
    fv_output(n.g, "loss", loss);
    give_params(&n);
    int64_t count = fv_param_count(n.g, 0);
    float *full = fvi_alloc(ctx, (size_t)count * 4);
    float *half = fvi_alloc(ctx, (size_t)count * 4);
    float *again = fvi_alloc(ctx, (size_t)count * 4);
    assert_int_equal(train_once(&n, truth, loss, FV_FULL, full), FV_OK);
    fv_status status = train_once(&n, truth, loss, FV_BF16, half);
    if (status == FV_OK) {
        double off =
            length_of(full, half, count) / length_of(full, NULL, count);
        assert_true(off > 1e-5 && off < 0.1);
        for (int threads = 1; threads <= 3; threads++) {
            fv_set_threads(ctx, threads);
            assert_int_equal(train_once(&n, truth, loss, FV_BF16, again),
                             FV_OK);
            assert_memory_equal(half, again, (size_t)count * sizeof *half);
        }
        fv_set_threads(ctx, 0);
    }
    fvi_free(ctx, full);
    fvi_free(ctx, half);
    fvi_free(ctx, again);
    drop(&n);
    assert_true(status == FV_OK || status == FV_ENOTSUP);
    if (status == FV_ENOTSUP)
        skip();
}

static void receptive_field_counts_pixels(void **state)
{
    int64_t size[3];
    (void)state;
    net n = build("conv", (const char *const[][2]){
                              {"kernel", "5"}, {"dilation", "2"}, {0}});
    assert_int_equal(fv_receptive_field(ctx, n.g, n.image, n.answer, size),
                     FV_OK);
    assert_int_equal(size[0], 9);
    assert_int_equal(size[1], 9);
    drop(&n);
    /* by hand: a pixel at the bottom sees 140 px; the expanding path reads up
     * to 5 of them side by side, 16 px apart: 140 + 4 * 16 */
    n = build("unet", (const char *const[][2]){
                          {"depth", "4"}, {"up", "transpose"}, {0}});
    assert_int_equal(fv_receptive_field(ctx, n.g, n.image, n.answer, size),
                     FV_OK);
    assert_int_equal(size[0], 204);
    drop(&n);
}

static void dry_plans_allocate_nothing_big(void **state)
{
    size_t live, before, peak;
    (void)state;
    net n =
        build("linear",
              (const char *const[][2]){{"in", "30000"}, {"out", "30000"}, {0}});
    fv_memory(ctx, &before, &peak);
    fv_tensor in = fv_dense(NULL, FV_F32, 2, (int64_t[]){1, 30000});
    fv_plan *p;
    assert_int_equal(
        fv_plan_new(ctx, n.g, &in, (fv_plan_options){.dry = 1}, NULL, NULL, &p),
        FV_OK);
    fv_memory(ctx, &live, &peak);
    assert_true(live - before < 1000000);
    fv_plan_row row;
    assert_int_equal(fv_plan_rows(p, &row, 1), 1);
    assert_int_equal(row.params, 900030000);
    assert_near(row.work, 9e8, 1);
    fv_plan_free(p);
    drop(&n);
}

/* ---- copies of weights ---- */

static fv_plan *linear_plan(const net *n, int rows, int width, float *w)
{
    fv_tensor in = fv_dense(NULL, FV_F32, 2, (int64_t[]){rows, width});
    fv_plan *p;
    assert_ok(
        fv_plan_new(ctx, n->g, &in, (fv_plan_options){.dry = !w}, w, NULL, &p));
    return p;
}

/* The dry plan tells what the one that makes the copies takes. */
static void compare_with_real(net *n, int rows, int width, const fv_plan *dry)
{
    size_t before, after, peak;
    give_params(n);
    fv_memory(ctx, &before, &peak);
    fv_plan *p = linear_plan(n, rows, width, n->params);
    fv_memory(ctx, &after, &peak);
    size_t told = fv_plan_packed(p) + fv_plan_memory(p);
    assert_int_equal(fv_plan_packed(p), fv_plan_packed(dry));
    assert_int_equal(fv_plan_memory(p), fv_plan_memory(dry));
    assert_in_range(after - before, told, told + 100000);
    fv_plan_free(p);
}

/* Copies are no activations, and very wide layers have none. */
static void copies_of_weights_are_counted(void **state)
{
    static const struct {
        int width, rows, copied;
    } cases[] = {{512, 1, 0}, {512, 64, 1}, {30000, 64, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int rows = cases[i].rows, width = cases[i].width;
        char text[16];
        fv_plan_row row;
        snprintf(text, sizeof text, "%d", width);
        net n =
            build("linear",
                  (const char *const[][2]){{"in", text}, {"out", text}, {0}});
        fv_plan *dry = linear_plan(&n, rows, width, NULL);
        assert_int_equal(fv_plan_rows(dry, &row, 1), 1);
        if (strcmp(row.kernel, "native") == 0) {
            size_t most = (size_t)width * (size_t)width * sizeof(float);
            assert_int_equal(fv_plan_packed(dry), cases[i].copied ? most : 0);
            assert_true(fv_plan_memory(dry) < 100000000);
        }
        if (width < 1000)
            compare_with_real(&n, rows, width, dry);
        fv_plan_free(dry);
        drop(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_counts_are_the_published_ones),
        cmocka_unit_test(errors_stick_and_explain),
        cmocka_unit_test(live_blocks_never_overlap),
        cmocka_unit_test(all_plans_agree),
        cmocka_unit_test(inference_is_the_same_for_any_thread_count),
        cmocka_unit_test(
            training_in_bf16_is_close_and_the_same_for_all_threads),
        cmocka_unit_test(receptive_field_counts_pixels),
        cmocka_unit_test(dry_plans_allocate_nothing_big),
        cmocka_unit_test(copies_of_weights_are_counted),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
