/* The StarDist network, layer by layer, against the one in PyTorch of
 * tools/make_golden_stardist.py; weights are a formula both have. */
#include "base/base.h"
#include "context.h"
#include "fovea/arch.h"
#include "fovea/plan.h"
#include "golden.h"
#include "graph/graph_internal.h"

static golden gold;

static int setup(void **state)
{
    gold = golden_read("stardist.txt");
    return open_context(state);
}

static int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

typedef struct setting {
    const char *key, *value;
} setting;

typedef struct network {
    void *config;
    fv_graph *g;
    fv_val image, answer;
} network;

static network network_new(const setting *set)
{
    network n;
    const fv_arch *arch;
    assert_ok(fv_arch_find(ctx, "stardist", &arch));
    assert_ok(fv_config_new(ctx, arch, &n.config));
    for (; set->key; set++)
        assert_ok(
            fv_field_set(ctx, arch->fields, n.config, set->key, set->value));
    assert_ok(fv_arch_build(ctx, arch, n.config, &n.g, &n.image, &n.answer));
    return n;
}

static void network_free(network *n)
{
    fv_graph_free(n->g);
    fv_config_free(ctx, n->config);
}

/* As formula() in the script. */
static float *weights(const fv_graph *g)
{
    float *w = calloc((size_t)fv_param_count(g, 0), sizeof *w);
    for (int k = 0; k < fv_param_list_size(g); k++) {
        fv_param p = fv_param_at(g, k);
        int64_t n = p.count, fan = p.ndim == 4 ? n / p.dim[3] : 0;
        double scale = fan ? sqrt(3 / (double)fan) : 0.1;
        for (int64_t i = 0; i < n; i++)
            w[p.offset + i] =
                (float)((double)((i * 7919 + n * 613) % 1009 - 504) / 504 *
                        scale);
    }
    return w;
}

static void near(const char *scope, const char *what, double found,
                 double wanted, double most)
{
    if (!(fabs(found - wanted) <= 1e-4 * most))
        fail_msg("%s/%s: %.8g, expected %.8g", scope, what, found, wanted);
}

static double largest(fv_tensor a)
{
    double most = 0;
    for (int64_t i = 0; i < fv_count(a); i++)
        most = fmax(most, fabs(((double *)a.data)[i]));
    return most;
}

/* The mean over channels of rows 0..2, columns 0..3 of the k-th layer. */
static void compare_layer(const char *scope, int k, fv_tensor found)
{
    char name[20];
    snprintf(name, sizeof name, "layer%d", k);
    fv_tensor want = golden_find(&gold, scope, name);
    assert_true(want.ndim == 2);
    int64_t columns = want.dim[1], w = found.dim[2], C = found.dim[3];
    for (int64_t i = 0; i < fv_count(want); i++) {
        const float *x =
            (const float *)found.data + (i / columns * w + i % columns) * C;
        double sum = 0;
        for (int64_t c = 0; c < C; c++)
            sum += (double)x[c] / (double)C;
        near(scope, name, sum, ((double *)want.data)[i], largest(want));
    }
}

static void compare(const char *scope, const setting *set, const char *backend)
{
    network n = network_new(set);
    fv_tensor image = golden_find(&gold, scope, "image");
    fv_tensor want = golden_find(&gold, scope, "answer");
    fv_plan_options o = {.mode = FV_INFER, .backend = backend, .keep_all = 1};
    float *w = weights(n.g);
    fv_plan *p;
    int layers = 0;
    assert_ok(fv_plan_new(ctx, n.g, &image, o, w, NULL, &p));
    assert_ok(fv_copy(ctx, image, fv_plan_at(p, n.image)));
    assert_ok(fv_plan_run(ctx, p));
    for (int32_t id = 1; id <= n.g->nodes; id++)
        if (fvi_node_at(n.g, id)->op == FVI_OP_relu)
            compare_layer(scope, layers++, fv_plan_at(p, (fv_val){id}));
    fv_tensor y = fv_plan_at(p, n.answer);
    assert_true(layers > 10 && fv_same_shape(y, want));
    for (int64_t i = 0; i < fv_count(y); i++)
        near(scope, "answer", ((float *)y.data)[i], ((double *)want.data)[i],
             largest(want));
    fv_plan_free(p);
    free(w);
    network_free(&n);
}

static void layers_are_those_of_pytorch(void **state)
{
    (void)state;
    const setting plain[] = {{"out", "9"},
                             {"depth", "2"},
                             {"base", "4"},
                             {"features", "12"},
                             {NULL, NULL}};
    const setting rich[] = {
        {"in", "3"},    {"out", "10"}, {"classes", "2"},   {"grid", "2"},
        {"depth", "3"}, {"base", "3"}, {"features", "10"}, {NULL, NULL}};
    compare("plain", plain, NULL);
    compare("plain", plain, "ref");
    compare("rich", rich, NULL);
    compare("rich", rich, "ref");
}

static void parameters_are_counted_as_published(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        setting set[2];
    } rows[] = {{"grid1", {{NULL, NULL}}},
                {"grid2", {{"grid", "2"}}},
                {"grid4", {{"grid", "4"}}},
                {"rgb", {{"in", "3"}}},
                {"rays64", {{"out", "65"}}}};
    for (int k = 0; k < 5; k++) {
        network n = network_new(rows[k].set);
        fv_tensor want = golden_find(&gold, "count", rows[k].name);
        assert_int_equal(fv_param_count(n.g, 1), *(double *)want.data);
        network_free(&n);
    }
}

static void published_names_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = {"down_level_0_no_0/weight",
                                        "down_level_2_no_1/bias",
                                        "middle_0/weight",
                                        "middle_2/bias",
                                        "up_level_2_no_0/weight",
                                        "up_level_0_no_2/weight",
                                        "features/bias",
                                        "prob/weight",
                                        "dist/weight",
                                        "grid_0_no_1/weight"};
    const setting set[] = {{"grid", "2"}, {NULL, NULL}};
    network n = network_new(set);
    for (int k = 0; k < 10; k++) {
        int i = 0, all = fv_param_list_size(n.g);
        while (i < all && strcmp(fv_param_at(n.g, i).name, names[k]) != 0)
            i++;
        if (i == all)
            fail_msg("no parameter %s", names[k]);
    }
    network_free(&n);
}

static void classes_need_their_channels(void **state)
{
    (void)state;
    const fv_arch *arch;
    fv_graph *g;
    fv_val image, answer;
    void *config;
    assert_ok(fv_arch_find(ctx, "stardist", &arch));
    assert_ok(fv_config_new(ctx, arch, &config));
    assert_ok(fv_field_set(ctx, arch->fields, config, "classes", "32"));
    assert_int_equal(fv_arch_build(ctx, arch, config, &g, &image, &answer),
                     FV_EINVAL);
    fv_config_free(ctx, config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_those_of_pytorch),
        cmocka_unit_test(parameters_are_counted_as_published),
        cmocka_unit_test(published_names_are_kept),
        cmocka_unit_test(classes_need_their_channels),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
