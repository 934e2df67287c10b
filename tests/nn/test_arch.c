/* Architectures: as many parameters as published, and answers and gradients as
 * PyTorch gives them (tools/make_golden_archs.py). */
#include "base/base.h"
#include "context.h"
#include "fovea/arch.h"
#include "fovea/loss.h"
#include "fovea/plan.h"
#include "golden.h"

#define must(call)                           \
    do {                                     \
        if ((call) != FV_OK)                 \
            fail_msg("%s", fv_message(ctx)); \
    } while (0)

enum { MAX_SETTINGS = 12 };

typedef struct network {
    const fv_arch *arch;
    void *config;
    fv_graph *g;
    fv_val image, answer;
    char words[256]; /* text of the settings */
} network;

/* "depth=18,width=2" into the config. */
static void apply(network *n, const char *settings)
{
    snprintf(n->words, sizeof n->words, "%s", settings);
    for (char *at = n->words; *at;) {
        char *value = strchr(at, '='), *end = at + strcspn(at, ",");
        assert_non_null(value);
        *value++ = '\0';
        if (*end)
            *end++ = '\0';
        must(fv_field_set(ctx, n->arch->fields, n->config, at, value));
        at = end;
    }
}

static void network_new(network *n, const char *arch, const char *settings)
{
    must(fv_arch_find(ctx, arch, &n->arch));
    must(fv_config_new(ctx, n->arch, &n->config));
    apply(n, settings);
    must(fv_arch_build(ctx, n->arch, n->config, &n->g, &n->image, &n->answer));
}

static void network_free(network *n)
{
    fv_graph_free(n->g);
    fv_config_free(ctx, n->config);
}

/* ---- sizes ---- */

/* Published ones: torchvision's tables for alexnet and resnet; csbdeep's and
 * n2v's own networks, whose running values count; RCAN for a factor of 4
 * (15,592,355) less its enlarging (2 x 147,712). The pyramid is torchvision's
 * on 50 layers (26,799,296, and 53,120 of norms it does not train) with 7
 * convolutions and norms of 128 and 2 outputs for a head. LeNet as in Caffe,
 * and the LeNet-300-100 of LeCun et al. 1998, which has no convolution. */
static const struct {
    const char *arch, *settings;
    long long trained, all;
} sizes[] = {
    {"lenet", "", 34622, 34622},
    {"lenet", "maps1=20,maps2=50,hidden=500", 431080, 431080},
    {"mlp_image", "hidden=300-100", 266610, 266610},
    {"alexnet", "", 61100840, 61100840},
    {"resnet", "", 11689512, 11699112},
    {"resnet", "depth=34", 21797672, 21814696},
    {"resnet", "depth=50", 25557032, 25610152},
    {"resnet", "depth=101", 44549160, 44654504},
    {"resnet", "depth=152", 60192808, 60344232},
    {"fpn", "", 26799296 + 53120 + 1624066, 28476482 + 54912},
    {"dncnn", "", 556097, 558017},
    {"dncnn", "batch_norm=0", 555137, 555137},
    {"dncnn", "depth=20", 667073, 669377},
    {"rcan", "in=3,out=3", 15296931, 15296931},
    {"care", "", 922977, 922977},
    {"care", "probabilistic=1", 923010, 923010},
    {"care", "kernel=3", 332641, 332641},
    {"n2v", "", 795969, 796993},
    {"n2v", "kernel=3,base=96", 2576833, 2579905},
    {"n2v2", "base=96", 2908897, 2912161},
};

static void as_many_parameters_as_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        network n;
        network_new(&n, sizes[i].arch, sizes[i].settings);
        long long trained = fv_param_count(n.g, 1),
                  all = fv_param_count(n.g, 0);
        if (trained != sizes[i].trained || all != sizes[i].all)
            fail_msg("%s %s: %lld trained of %lld, expected %lld of %lld",
                     sizes[i].arch, sizes[i].settings, trained, all,
                     sizes[i].trained, sizes[i].all);
        network_free(&n);
    }
}

/* ---- numbers ---- */

static double initial(const fv_param *p, int64_t i)
{
    const char *slash = strrchr(p->name, '/');
    const char *kind = slash ? slash + 1 : p->name;
    double u = golden_formula(p->name, i);
    double fan_in = (double)p->count / (double)p->dim[p->ndim - 1];
    if (strcmp(kind, "weight") == 0)
        return sqrt(6 / fan_in) * u;
    if (strcmp(kind, "scale") == 0)
        return 0.4 + 0.1 * u; /* keeps deep gradients from exploding */
    if (strcmp(kind, "var") == 0)
        return 1 + 0.2 * u;
    return 0.1 * u;
}

/* How a network is run, and how near it must come. */
typedef struct manner {
    const char *backend;
    fv_dtype dtype;
    double tolerance;
} manner;

static const manner manners[] = {
    {NULL, FV_F64, 1e-7}, {"ref", FV_F32, 1e-4}, {NULL, FV_F32, 1e-4}};

typedef struct subject {
    const char *name, *arch, *settings;
    int side;
    double slack; /* in float, times the tolerance; 0: 1. Batch statistics of
                     many layers on a small image make much of rounding; so
                     do they in PyTorch */
} subject;

/* A subject run in one manner. */
typedef struct trial {
    const golden *gold;
    const subject *s;
    const manner *m;
    network n;
    fv_plan *plan;
    void *w, *grad;
} trial;

static void *numbers(const trial *t)
{
    size_t count = (size_t)fv_param_count(t->n.g, 0);
    void *v = fvi_calloc(ctx, count, fv_dtype_size(t->m->dtype));
    assert_non_null(v);
    return v;
}

static void put(const trial *t, void *to, int64_t i, double v)
{
    float single = (float)v; /* both kinds start from the same numbers */
    if (t->m->dtype == FV_F32)
        ((float *)to)[i] = single;
    else
        ((double *)to)[i] = (double)single;
}

static double get(const trial *t, const void *from, int64_t i)
{
    return t->m->dtype == FV_F32 ? (double)((const float *)from)[i]
                                 : ((const double *)from)[i];
}

static void set_parameters(trial *t)
{
    t->w = numbers(t);
    for (int k = 0; k < fv_param_list_size(t->n.g); k++) {
        fv_param p = fv_param_at(t->n.g, k);
        for (int64_t i = 0; i < p.count; i++)
            put(t, t->w, p.offset + i, initial(&p, i));
    }
}

static void fill(trial *t, fv_val v, const char *name)
{
    fv_tensor to = fv_plan_at(t->plan, v);
    for (int64_t i = 0; i < fv_count(to); i++)
        put(t, to.data, i, golden_formula(name, i));
}

static void near(const trial *t, const char *what, double found,
                 double expected, double scale)
{
    bool slack = t->m->dtype == FV_F32 && t->s->slack > 0;
    double within = t->m->tolerance * (slack ? t->s->slack : 1);
    if (!(fabs(found - expected) <= within * scale))
        fail_msg("%s, %s in %s: %s is %.10g, expected %.10g", t->s->name,
                 t->m->backend ? t->m->backend : "fastest",
                 t->m->dtype == FV_F32 ? "float" : "double", what, found,
                 expected);
}

/* The bias before a norm has no gradient but rounding errors; those of the
 * others are well above this. */
static const double noise = 0.01;

/* Length and product with a probe; two numbers at the ends of an answer. */
static void compare(const trial *t, const char *array, const char *probe,
                    const void *v, int64_t from, int64_t count)
{
    fv_tensor found = golden_find(t->gold, t->s->name, array);
    if (found.ndim < 0)
        fail_msg("no golden numbers for %s/%s", t->s->name, array);
    const double *e = found.data;
    double length = 0, product = 0, scale = e[0] + noise;
    for (int64_t i = 0; i < count; i++) {
        double a = get(t, v, from + i);
        length += a * a;
        product += a * golden_formula(probe, i);
    }
    near(t, array, sqrt(length), e[0], scale);
    near(t, array, product, e[1], scale);
    if (fv_count(found) == 4) {
        near(t, array, get(t, v, from), e[2], e[0]);
        near(t, array, get(t, v, from + count - 1), e[3], e[0]);
    }
}

static void compare_answer(trial *t, const char *array)
{
    fv_tensor y = fv_plan_at(t->plan, t->n.answer);
    compare(t, array, "probe", y.data, 0, fv_count(y));
}

static fv_tensor image_shape(const network *n, int side)
{
    const int64_t dim[] = {2, side, side, fv_channels(n->g, n->image)};
    return fv_dense(NULL, FV_F32, 4, dim);
}

static trial trial_new(const golden *gold, const subject *s, const manner *m)
{
    trial t = {.gold = gold, .s = s, .m = m};
    network_new(&t.n, s->arch, s->settings);
    return t;
}

static void trial_free(trial *t)
{
    fv_plan_free(t->plan);
    fvi_free(ctx, t->grad);
    fvi_free(ctx, t->w);
    network_free(&t->n);
}

static void check_inference(trial t)
{
    fv_tensor shape = image_shape(&t.n, t.s->side);
    fv_plan_options o = {.backend = t.m->backend, .dtype = t.m->dtype};
    set_parameters(&t);
    must(fv_plan_new(ctx, t.n.g, &shape, o, t.w, NULL, &t.plan));
    fill(&t, t.n.image, "image");
    must(fv_plan_run(ctx, t.plan));
    compare_answer(&t, "infer");
    trial_free(&t);
}

/* The shape of the answer with everything known. */
static fv_tensor answer_shape(const trial *t)
{
    fv_tensor s = fv_shape(t->n.g, t->n.answer);
    s.dim[0] = 2;
    for (int a = 1; a < s.ndim - 1; a++)
        s.dim[a] = t->s->side;
    return fv_dense(NULL, FV_F32, s.ndim, s.dim);
}

static void check_gradients(const trial *t)
{
    char probe[128];
    for (int k = 0; k < fv_param_list_size(t->n.g); k++) {
        fv_param p = fv_param_at(t->n.g, k);
        if (!p.trained)
            continue;
        snprintf(probe, sizeof probe, "probe/%s", p.name);
        compare(t, p.name, probe, t->grad, p.offset, p.count);
    }
}

static void check_training(trial t)
{
    fv_tensor shape[] = {image_shape(&t.n, t.s->side), answer_shape(&t)};
    fv_tensor open = fv_shape(t.n.g, t.n.answer);
    fv_val target = fv_input(t.n.g, "target", open.ndim, open.dim);
    fv_val loss = fv_loss_mse(t.n.g, t.n.answer, target, (fv_val){0});
    fv_output(t.n.g, "loss", loss);
    fv_plan_options o = {
        .mode = FV_TRAIN, .backend = t.m->backend, .dtype = t.m->dtype};
    set_parameters(&t);
    t.grad = numbers(&t);
    must(fv_plan_new(ctx, t.n.g, shape, o, t.w, t.grad, &t.plan));
    fill(&t, t.n.image, "image");
    fill(&t, target, "target");
    must(fv_plan_run(ctx, t.plan));
    compare_answer(&t, "train");
    fv_tensor wanted = golden_find(t.gold, t.s->name, "loss");
    double expected = *(const double *)wanted.data;
    near(&t, "loss", get(&t, fv_plan_at(t.plan, loss).data, 0), expected,
         expected);
    must(fv_plan_backward(ctx, t.plan, loss));
    check_gradients(&t);
    trial_free(&t);
}

static const subject subjects[] = {
    {"lenet", "lenet", "hidden=12", 28, 0},
    {"alexnet", "alexnet", "out=4,width=2,hidden=8,dropout=0", 67, 0},
    {"alexnet_norm", "alexnet",
     "out=4,width=2,hidden=8,dropout=0,response_norm=1", 67, 0},
    {"resnet18", "resnet", "out=4,width=2", 64, 0},
    {"resnet50", "resnet", "out=4,width=2,depth=50", 64, 50},
    {"resnet_small", "resnet",
     "out=4,width=2,stem_kernel=3,stem_stride=1,stem_pool=0", 16, 0},
    {"fpn", "fpn", "out=3,depth=18,width=2,channels=6,head=4", 64, 10},
    {"autoencoder", "autoencoder", "side=16,base=3,depth=2,bottleneck=5", 16,
     0},
    {"dncnn", "dncnn", "depth=4,width=6", 13, 0},
    {"rcan", "rcan", "width=8,groups=2,blocks=2,reduction=4", 11, 0},
    {"care", "care", "base=4", 16, 0},
    {"care_scale", "care", "base=4,kernel=3,probabilistic=1", 12, 0},
    {"n2v", "n2v", "base=4", 16, 0},
    {"n2v2", "n2v2", "base=4", 16, 0},
};

static void run_all(const manner *m)
{
    golden gold = golden_read("archs.txt");
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        check_inference(trial_new(&gold, &subjects[i], m));
        check_training(trial_new(&gold, &subjects[i], m));
    }
    golden_free(&gold);
}

static void answers_and_gradients_as_in_pytorch(void **state)
{
    (void)state;
    run_all(&manners[0]);
}

static void also_in_float_on_reference_kernels(void **state)
{
    (void)state;
    run_all(&manners[1]);
}

static void also_in_float_on_the_fastest_kernels(void **state)
{
    (void)state;
    run_all(&manners[2]);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    const struct {
        const char *arch, *settings, *says;
    } rows[] = {
        {"autoencoder", "side=30,depth=2",
         "side is 30, expected a multiple of"},
        {"dncnn", "out=2", "add"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        network n = {0};
        must(fv_arch_find(ctx, rows[i].arch, &n.arch));
        must(fv_config_new(ctx, n.arch, &n.config));
        apply(&n, rows[i].settings);
        fv_status status =
            fv_arch_build(ctx, n.arch, n.config, &n.g, &n.image, &n.answer);
        assert_int_not_equal(status, FV_OK);
        if (!strstr(fv_message(ctx), rows[i].says))
            fail_msg("'%s' lacks '%s'", fv_message(ctx), rows[i].says);
        fv_config_free(ctx, n.config);
    }
}

/* ---- memory ---- */

static int64_t left; /* allocations until the first that is refused */

static void *refusing_alloc(void *user, size_t size)
{
    (void)user;
    return left-- > 0 ? aligned_alloc(64, (size + 63) / 64 * 64) : NULL;
}

static void refusing_release(void *user, void *block)
{
    (void)user;
    free(block);
}

/* Builds with the n-th allocation refused; all is given back. */
static fv_status build_refused(const char *name, int64_t n)
{
    const fv_allocator allocator = {refusing_alloc, refusing_release, NULL};
    const fv_arch *arch;
    fv_ctx *own;
    void *config = NULL;
    fv_graph *g = NULL;
    fv_val image, answer;
    size_t live, peak;
    left = INT64_MAX;
    must(fv_ctx_new(&allocator, &own));
    must(fv_arch_find(own, name, &arch));
    must(fv_config_new(own, arch, &config));
    left = n;
    fv_status status = fv_arch_build(own, arch, config, &g, &image, &answer);
    fv_graph_free(status == FV_OK ? g : NULL);
    fv_config_free(own, config);
    fv_memory(own, &live, &peak);
    assert_int_equal(live, 0);
    fv_ctx_free(own);
    return status;
}

static void refused_memory_is_an_error(void **state)
{
    (void)state;
    const char *const names[] = {"lenet",       "alexnet", "fpn",
                                 "autoencoder", "dncnn",   "n2v2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fv_status status = FV_ENOMEM;
        for (int64_t n = 0; status != FV_OK; n++) {
            status = build_refused(names[i], n);
            if (status != FV_OK && status != FV_ENOMEM)
                fail_msg("%s: %s at allocation %lld", names[i],
                         fv_status_name(status), (long long)n);
        }
    }
}

/* The description of an image is an output of its own: five numbers, kept. */
static void bottleneck_is_a_value(void **state)
{
    (void)state;
    const subject s = {"", "autoencoder", "side=16,depth=2,bottleneck=5", 16,
                       0};
    trial t = trial_new(NULL, &s, &manners[2]);
    fv_tensor shape = image_shape(&t.n, 16);
    set_parameters(&t);
    must(fv_plan_new(ctx, t.n.g, &shape, (fv_plan_options){0}, t.w, NULL,
                     &t.plan));
    fv_plan_row row[64];
    size_t rows = fv_plan_rows(t.plan, row, 64), found = 0;
    for (size_t i = 0; i < rows; i++)
        if (strcmp(row[i].node, "bottleneck") == 0)
            found = row[i].out.ndim == 2 && row[i].out.dim[1] == 5;
    assert_int_equal(found, 1);
    trial_free(&t);
}

static void weights_start_as_glorot_says(void **state)
{
    (void)state;
    network n;
    network_new(&n, "care", "");
    int64_t count = fv_param_count(n.g, 0);
    float *w = fvi_calloc(ctx, (size_t)count, sizeof *w);
    fv_params_init(n.g, 3, w);
    fv_param p = fv_param_at(n.g, 2); /* 5x5, 32 to 32 */
    assert_string_equal(p.name, "down0/conv2/weight");
    double limit = sqrt(6.0 / (25 * 64)), square = 0, most = 0;
    for (int64_t i = 0; i < p.count; i++) {
        double v = (double)w[p.offset + i];
        square += v * v / (double)p.count;
        most = fmax(most, fabs(v));
    }
    assert_true(most <= limit && most > 0.99 * limit);
    assert_near(square, 2.0 / (25 * 64), 0.03 * square);
    fvi_free(ctx, w);
    network_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_parameters_as_published),
        cmocka_unit_test(answers_and_gradients_as_in_pytorch),
        cmocka_unit_test(also_in_float_on_reference_kernels),
        cmocka_unit_test(also_in_float_on_the_fastest_kernels),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(bottleneck_is_a_value),
        cmocka_unit_test(refused_memory_is_an_error),
        cmocka_unit_test(weights_start_as_glorot_says),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
