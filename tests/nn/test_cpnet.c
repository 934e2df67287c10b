/* CPnet, convolution by convolution, against the code of Cellpose
 * (tools/make_golden_cpnet.py); weights are a formula both have. */
#include "base/base.h"
#include "context.h"
#include "fovea/arch.h"
#include "fovea/plan.h"
#include "golden.h"
#include "graph/graph_internal.h"

#include <math.h>

static golden gold;

static int setup(void **state)
{
    gold = golden_read("cpnet.txt");
    return open_context(state);
}

static int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

typedef struct network {
    void *config;
    fv_graph *g;
    fv_val image, answer;
} network;

static network network_new(const char *base)
{
    network n;
    const fv_arch *arch;
    assert_ok(fv_arch_find(ctx, "cpnet", &arch));
    assert_ok(fv_config_new(ctx, arch, &n.config));
    assert_ok(fv_field_set(ctx, arch->fields, n.config, "base", base));
    assert_ok(fv_arch_build(ctx, arch, n.config, &n.g, &n.image, &n.answer));
    return n;
}

static void network_free(network *n)
{
    fv_graph_free(n->g);
    fv_config_free(ctx, n->config);
}

/* As number() in the script. */
static double number(const fv_param *p, int64_t i)
{
    const char *kind = strrchr(p->name, '/') + 1;
    double u = golden_formula(p->name, i);
    if (strcmp(kind, "weight") == 0)
        return sqrt(3 / ((double)p->count / p->dim[p->ndim - 1])) * u;
    if (strcmp(kind, "scale") == 0 || strcmp(kind, "var") == 0)
        return 1 + 0.3 * u;
    return 0.2 * u;
}

static float *weights(const fv_graph *g)
{
    float *w = calloc((size_t)fv_param_count(g, 0), sizeof *w);
    for (int k = 0; k < fv_param_list_size(g); k++) {
        fv_param p = fv_param_at(g, k);
        for (int64_t i = 0; i < p.count; i++)
            w[p.offset + i] = (float)number(&p, i);
    }
    return w;
}

static void near(const char *what, double found, double wanted, double most)
{
    if (!(fabs(found - wanted) <= 1e-4 * most))
        fail_msg("%s: %.8g, expected %.8g", what, found, wanted);
}

/* Root of the sum of squares, and a weighted sum, of one convolution. */
static void compare_layer(const char *name, fv_tensor y)
{
    const double *want = golden_find(&gold, "cpnet", name).data;
    double square = 0, sum = 0;
    assert_non_null(want);
    for (int64_t i = 0; i < fv_count(y); i++) {
        double v = ((float *)y.data)[i];
        square += v * v;
        sum += v * golden_formula(name, i);
    }
    near(name, sqrt(square), want[0], want[0]);
    near(name, sum, want[1], want[0]);
}

static void compare_all(const char *name, fv_tensor y)
{
    fv_tensor want = golden_find(&gold, "cpnet", name);
    double most = 0;
    assert_true(fv_same_shape(y, want));
    for (int64_t i = 0; i < fv_count(y); i++)
        most = fmax(most, fabs(((double *)want.data)[i]));
    for (int64_t i = 0; i < fv_count(y); i++)
        near(name, ((float *)y.data)[i], ((double *)want.data)[i], most);
}

static fv_val output(const fv_graph *g, const char *name)
{
    for (int i = 0; i < g->outputs; i++)
        if (strcmp(g->output[i].name, name) == 0)
            return (fv_val){g->output[i].value};
    fail_msg("no output %s", name);
    return (fv_val){0};
}

static void compare(const char *backend, int keep_all)
{
    network n = network_new("4");
    fv_tensor image = golden_find(&gold, "cpnet", "image");
    fv_plan_options o = {
        .mode = FV_INFER, .backend = backend, .keep_all = keep_all};
    float *w = weights(n.g);
    fv_plan *p;
    int layers = 0;
    assert_ok(fv_plan_new(ctx, n.g, &image, o, w, NULL, &p));
    assert_ok(fv_copy(ctx, image, fv_plan_at(p, n.image)));
    assert_ok(fv_plan_run(ctx, p));
    for (int32_t id = 1; id <= n.g->nodes && keep_all; id++)
        if (fvi_node_at(n.g, id)->op == FVI_OP_conv) {
            layers++;
            compare_layer(fvi_node_at(n.g, id)->name,
                          fv_plan_at(p, (fv_val){id}));
        }
    assert_int_equal(layers, keep_all ? 41 : 0);
    compare_all("style", fv_plan_at(p, output(n.g, "style")));
    compare_all("answer", fv_plan_at(p, n.answer));
    fv_plan_free(p);
    free(w);
    network_free(&n);
}

static void as_in_cellpose(void **state)
{
    (void)state;
    compare("ref", 1);
    compare(NULL, 1);
    compare(NULL, 0); /* fused and folded */
}

/* Where everything is zero, the style is, and not a quotient of zeros. */
static void nothing_at_all(void **state)
{
    (void)state;
    network n = network_new("3");
    fv_tensor image = fv_dense(NULL, FV_F32, 4, (int64_t[]){1, 8, 16, 2});
    float *w = calloc((size_t)fv_param_count(n.g, 0), sizeof *w);
    fv_plan *p;
    assert_ok(fv_plan_new(ctx, n.g, &image, (fv_plan_options){0}, w, NULL, &p));
    memset(fv_plan_at(p, n.image).data, 0, 8 * 16 * 2 * sizeof(float));
    assert_ok(fv_plan_run(ctx, p));
    fv_tensor y[2] = {fv_plan_at(p, n.answer),
                      fv_plan_at(p, output(n.g, "style"))};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < fv_count(y[k]); i++)
            assert_true(((float *)y[k].data)[i] == 0);
    fv_plan_free(p);
    free(w);
    network_free(&n);
}

static void as_many_parameters_as_published(void **state)
{
    (void)state;
    network n = network_new("32");
    assert_int_equal(fv_param_count(n.g, 1), 6600843);
    network_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_in_cellpose),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(as_many_parameters_as_published),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
