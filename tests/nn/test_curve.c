/* Twenty training steps from the same weights on the same batches give the
 * losses that PyTorch gives (tools/make_golden_curves.py). */
#include "base/base.h"
#include "context.h"
#include "fovea/arch.h"
#include "fovea/loss.h"
#include "fovea/optim.h"
#include "fovea/plan.h"
#include "golden.h"

enum { STEPS = 20, BATCHES = 4, MAX_INPUTS = 4 };

static golden gold;

static int setup(void **state)
{
    gold = golden_read("curves.txt");
    return open_context(state);
}

static int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

#define must(call)                           \
    do {                                     \
        if ((call) != FV_OK)                 \
            fail_msg("%s", fv_message(ctx)); \
    } while (0)

/* A network, its loss, and the numbers that training moves. */
typedef struct trainee {
    const char *name;
    void *config;
    fv_graph *g;
    fv_val input[MAX_INPUTS], loss;
    const char *array[MAX_INPUTS]; /* golden name of each input, with batch */
    int inputs;
    fv_plan *plan;
    float *w, *grad, *m1, *m2;
} trainee;

static fv_val network(trainee *t, const char *arch_name,
                      const char *const set[][2])
{
    const fv_arch *arch;
    fv_val answer;
    must(fv_arch_find(ctx, arch_name, &arch));
    must(fv_config_new(ctx, arch, &t->config));
    for (int i = 0; set[i][0]; i++)
        must(fv_field_set(ctx, arch->fields, t->config, set[i][0], set[i][1]));
    must(fv_arch_build(ctx, arch, t->config, &t->g, &t->input[0], &answer));
    t->array[0] = "image";
    t->inputs = 1;
    return answer;
}

static fv_val add_input(trainee *t, const char *name, fv_tensor shape)
{
    fv_val v = fv_input(t->g, name, shape.ndim, shape.dim);
    t->array[t->inputs] = name;
    t->input[t->inputs++] = v;
    return v;
}

static void build_mlp(trainee *t)
{
    const char *const set[][2] = {
        {"in", "5"}, {"out", "3"}, {"hidden", "16,8"}, {NULL, NULL}};
    fv_val answer = network(t, "mlp", set);
    fv_val target = add_input(t, "target", fv_shape(t->g, answer));
    t->loss = fv_loss_mse(t->g, answer, target, (fv_val){0});
}

/* Cross-entropy with weights plus half the Dice loss of the softmax. */
static void build_unet(trainee *t)
{
    const char *const set[][2] = {
        {"out", "3"}, {"base", "8"}, {"depth", "2"}, {NULL, NULL}};
    fv_val answer = network(t, "unet", set);
    fv_tensor shape = fv_shape(t->g, answer), single = shape;
    single.dim[3] = 1;
    fv_val target = add_input(t, "target", single);
    fv_val weight = add_input(t, "weight", single);
    fv_val hot = add_input(t, "hot", shape);
    fv_val entropy = fv_loss_cross_entropy(t->g, answer, target, weight, NULL);
    fv_val dice =
        fv_loss_dice(t->g, fv_softmax(t->g, answer), hot, (fv_val){0});
    t->loss = fv_add(t->g, entropy, fv_scale(t->g, dice, 0.5f));
}

static fv_tensor batch_array(const trainee *t, const char *what, int batch)
{
    char name[32];
    snprintf(name, sizeof name, "%s%d", what, batch);
    fv_tensor a = golden_find(&gold, t->name, name);
    assert_true(a.ndim >= 0);
    return a;
}

/* "weight" and "hot" are made from the target, the others are golden. */
static bool derived(const char *array)
{
    return strcmp(array, "weight") == 0 || strcmp(array, "hot") == 0;
}

static fv_tensor input_shape(const trainee *t, int i)
{
    const char *array = t->array[i];
    fv_tensor s = batch_array(t, derived(array) ? "target" : array, 0);
    if (strcmp(array, "hot") == 0)
        s.dim[3] = 3;
    return fv_dense(NULL, FV_F32, s.ndim, s.dim);
}

static void give_golden_weights(trainee *t)
{
    size_t n = (size_t)fv_param_count(t->g, 0);
    t->w = fvi_calloc(ctx, n, sizeof(float));
    t->grad = fvi_calloc(ctx, n, sizeof(float));
    t->m1 = fvi_calloc(ctx, n, sizeof(float));
    t->m2 = fvi_calloc(ctx, n, sizeof(float));
    fv_params_init(t->g, 1, t->w);
    for (int i = 0; i < fv_param_list_size(t->g); i++) {
        fv_param p = fv_param_at(t->g, i);
        fv_tensor a = golden_find(&gold, t->name, p.name);
        if (!p.trained)
            continue;
        if (a.ndim < 0)
            fail_msg("no golden weights for %s/%s", t->name, p.name);
        fv_tensor view = fv_dense(t->w + p.offset, FV_F32, p.ndim, p.dim);
        must(fv_copy(ctx, a, view));
    }
}

static trainee trainee_new(const char *name, void (*build)(trainee *),
                           const char *backend)
{
    trainee t = {.name = name};
    fv_tensor shape[MAX_INPUTS];
    build(&t);
    fv_output(t.g, "loss", t.loss);
    must(fv_graph_check(ctx, t.g));
    give_golden_weights(&t);
    for (int i = 0; i < t.inputs; i++)
        shape[i] = input_shape(&t, i);
    fv_plan_options o = {.mode = FV_TRAIN, .backend = backend};
    must(fv_plan_new(ctx, t.g, shape, o, t.w, t.grad, &t.plan));
    return t;
}

static void trainee_free(trainee *t)
{
    fv_plan_free(t->plan);
    fvi_free(ctx, t->w);
    fvi_free(ctx, t->grad);
    fvi_free(ctx, t->m1);
    fvi_free(ctx, t->m2);
    fv_graph_free(t->g);
    fv_config_free(ctx, t->config);
}

/* The rim, class 2, weighs three times; K > 1 channels are one-hot. */
static void derive(const double *target, fv_tensor to)
{
    int64_t K = to.dim[to.ndim - 1];
    for (int64_t i = 0; i < fv_count(to); i++) {
        double t = target[i / K];
        double weight = t == 2 ? 3 : 1, hot = t == (double)(i % K);
        ((float *)to.data)[i] = (float)(K == 1 ? weight : hot);
    }
}

static void fill_inputs(trainee *t, int batch)
{
    for (int i = 0; i < t->inputs; i++) {
        fv_tensor to = fv_plan_at(t->plan, t->input[i]);
        if (derived(t->array[i]))
            derive(batch_array(t, "target", batch).data, to);
        else
            must(fv_copy(ctx, batch_array(t, t->array[i], batch), to));
    }
}

static void train_as_golden(const char *name, void (*build)(trainee *),
                            fv_rule rule, const char *backend)
{
    trainee t = trainee_new(name, build, backend);
    fv_tensor curve = golden_find(&gold, name, fv_rule_name(rule));
    fv_optim o = fv_optim_default();
    o.rule = rule;
    o.lr = rule == FV_ADAM ? 0.001 : 0.01;
    assert_int_equal(fv_count(curve), STEPS);
    for (int step = 0; step < STEPS; step++) {
        fill_inputs(&t, step % BATCHES);
        memset(t.grad, 0, (size_t)fv_param_count(t.g, 0) * sizeof *t.grad);
        must(fv_plan_run(ctx, t.plan));
        must(fv_plan_backward(ctx, t.plan, t.loss));
        double loss = *(float *)fv_plan_at(t.plan, t.loss).data;
        double wanted = ((double *)curve.data)[step];
        if (!(fabs(loss - wanted) <= 1e-4 * wanted))
            fail_msg("%s, %s, step %d: loss %.8g, expected %.8g", name,
                     fv_rule_name(rule), step, loss, wanted);
        must(fv_optim_step(ctx, t.g, &o, step + 1, t.w, t.grad, t.m1, t.m2,
                           NULL));
    }
    trainee_free(&t);
}

static void perceptron_learns_as_in_pytorch(void **state)
{
    (void)state;
    train_as_golden("mlp", build_mlp, FV_MOMENTUM, NULL);
    train_as_golden("mlp", build_mlp, FV_ADAM, NULL);
    train_as_golden("mlp", build_mlp, FV_MOMENTUM, "ref");
    train_as_golden("mlp", build_mlp, FV_ADAM, "ref");
}

static void unet_learns_as_in_pytorch(void **state)
{
    (void)state;
    train_as_golden("unet", build_unet, FV_MOMENTUM, NULL);
    train_as_golden("unet", build_unet, FV_ADAM, NULL);
}

static void unet_on_reference_kernels_learns_as_in_pytorch(void **state)
{
    (void)state;
    train_as_golden("unet", build_unet, FV_MOMENTUM, "ref");
    train_as_golden("unet", build_unet, FV_ADAM, "ref");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perceptron_learns_as_in_pytorch),
        cmocka_unit_test(unet_learns_as_in_pytorch),
        cmocka_unit_test(unet_on_reference_kernels_learns_as_in_pytorch),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
