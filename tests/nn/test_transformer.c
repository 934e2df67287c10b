/* Transformers answer, and hand gradients back, as definitions of them in
 * PyTorch do (tools/make_golden_transformers.py); and the named sizes have as
 * many numbers as published. */
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

static golden gold;

static int setup(void **state)
{
    gold = golden_read("transformers.txt");
    return open_context(state);
}

static int teardown(void **state)
{
    golden_free(&gold);
    return close_context(state);
}

/* ---- the numbers both sides draw ---- */

static double drawn(const char *name, int64_t i, double lo, double hi)
{
    uint32_t h = 0;
    for (const char *c = name; *c; c++)
        h = h * 31 + (unsigned char)*c;
    uint32_t x = (uint32_t)i * 2654435761u + h;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return (float)(lo + (hi - lo) * (x / 4294967296.0));
}

static void set(fv_tensor t, int64_t i, double v)
{
    if (t.dtype == FV_F64)
        ((double *)t.data)[i] = v;
    else
        ((float *)t.data)[i] = (float)v;
}

static double get(fv_tensor t, int64_t i)
{
    return t.dtype == FV_F64 ? ((double *)t.data)[i]
                             : (double)((float *)t.data)[i];
}

static void draw_tensor(fv_tensor t, const char *scope, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s", scope, what);
    for (int64_t i = 0; i < fv_count(t); i++)
        set(t, i, drawn(name, i, -1, 1));
}

static fv_tensor view(void *flat, fv_dtype dtype, const fv_param *p)
{
    char *from = flat;
    return fv_dense(from + (size_t)p->offset * fv_dtype_size(dtype), dtype,
                    p->ndim, p->dim);
}

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), e = strlen(end);
    return n >= e && strcmp(name + n - e, end) == 0;
}

static void draw_param(fv_tensor t, const char *name)
{
    double lo = -0.3, hi = 0.3;
    if (ends(name, "/scale")) {
        lo = 0.5;
        hi = 1.5;
    } else if (ends(name, "/weight")) {
        hi = sqrt(3.0 * (double)t.dim[t.ndim - 1] / (double)fv_count(t));
        lo = -hi;
    }
    for (int64_t i = 0; i < fv_count(t); i++)
        set(t, i, drawn(name, i, lo, hi));
}

/* ---- a network ---- */

typedef struct net {
    fv_graph *g;
    void *config, *params, *grads;
    fv_val image, answer, target, loss;
    fv_plan *plan;
} net;

static void build(net *s, const char *name, const char *settings)
{
    const fv_arch *arch;
    char text[256], *rest = text;
    snprintf(text, sizeof text, "%s", settings);
    must(fv_arch_find(ctx, name, &arch));
    must(fv_config_new(ctx, arch, &s->config));
    for (char *word = strtok_r(text, ",", &rest); word;
         word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        must(fv_field_set(ctx, arch->fields, s->config, word, value));
    }
    must(fv_arch_build(ctx, arch, s->config, &s->g, &s->image, &s->answer));
}

/* `scope` names the golden arrays. Only making the plan may fail. */
static fv_status try_net(net *s, const char *scope, fv_plan_options o)
{
    fv_tensor extents = golden_find(&gold, scope, "image"), in[2];
    fv_tensor answer = golden_find(&gold, scope, "answer");
    size_t n = (size_t)fv_param_count(s->g, 0);
    int64_t dim[FV_MAX_DIM] = {0};
    for (int64_t a = 0; a < fv_count(extents); a++)
        dim[a] = (int64_t)((double *)extents.data)[a];
    in[0] = fv_dense(NULL, o.dtype, (int)fv_count(extents), dim);
    in[1] = fv_dense(NULL, o.dtype, answer.ndim, answer.dim);
    if (o.mode == FV_TRAIN) {
        s->target = fv_input(s->g, "target", answer.ndim, answer.dim);
        s->loss = fv_loss_mse(s->g, s->answer, s->target, (fv_val){0});
        fv_output(s->g, "loss", s->loss);
    }
    must(fv_graph_check(ctx, s->g));
    s->params = fvi_calloc(ctx, n, 8);
    s->grads = fvi_calloc(ctx, n, 8);
    for (int i = 0; i < fv_param_list_size(s->g); i++) {
        fv_param p = fv_param_at(s->g, i);
        draw_param(view(s->params, o.dtype, &p), p.name);
    }
    o.keep_all = o.mode == FV_TRAIN;
    fv_status status =
        fv_plan_new(ctx, s->g, in, o, s->params,
                    o.mode == FV_TRAIN ? s->grads : NULL, &s->plan);
    if (status != FV_OK)
        return status;
    draw_tensor(fv_plan_at(s->plan, s->image), scope, "image");
    if (o.mode == FV_TRAIN)
        draw_tensor(fv_plan_at(s->plan, s->target), scope, "target");
    return FV_OK;
}

static void open_net(net *s, const char *scope, fv_mode mode, fv_dtype dtype,
                     const char *backend)
{
    must(try_net(
        s, scope,
        (fv_plan_options){.mode = mode, .dtype = dtype, .backend = backend}));
}

static void close_net(net *s)
{
    fv_plan_free(s->plan);
    fv_graph_free(s->g);
    fv_config_free(ctx, s->config);
    fvi_free(ctx, s->params);
    fvi_free(ctx, s->grads);
}

/* Numbers differ by at most `tolerance` of the largest. */
static void expect(const char *scope, const char *what, fv_tensor found,
                   fv_tensor wanted, double tolerance)
{
    double top = 0;
    if (wanted.ndim < 0 || !fv_same_shape(found, wanted))
        fail_msg("%s: no golden array of that shape for %s", scope, what);
    for (int64_t i = 0; i < fv_count(wanted); i++)
        top = fmax(top, fabs(get(wanted, i)));
    for (int64_t i = 0; i < fv_count(wanted); i++)
        if (!(fabs(get(found, i) - get(wanted, i)) <= tolerance * top))
            fail_msg("%s: %s[%d] is %.10g, expected %.10g", scope, what, (int)i,
                     get(found, i), get(wanted, i));
}

/* Of every gradient: the product with a drawn vector, and the length. A
 * product may be off by `tolerance` of what it could have been. */
static void expect_gradients(const net *s, const char *scope, fv_dtype dtype,
                             double tolerance)
{
    for (int i = 0; i < fv_param_list_size(s->g); i++) {
        fv_param p = fv_param_at(s->g, i);
        fv_tensor g = view(s->grads, dtype, &p);
        fv_tensor wanted = golden_find(&gold, scope, p.name);
        double product = 0, square = 0;
        if (fv_count(wanted) != 2)
            fail_msg("%s: no golden gradient of %s", scope, p.name);
        for (int64_t k = 0; k < p.count; k++) {
            product += get(g, k) * drawn(p.name, k, -1, 1);
            square += get(g, k) * get(g, k);
        }
        double length = get(wanted, 1), room = tolerance * (length + 1e-3);
        if (!(fabs(sqrt(square) - length) <= room) ||
            !(fabs(product - get(wanted, 0)) <= room * sqrt((double)p.count)))
            fail_msg("%s: gradient of %s is %.10g, %.10g; expected %.10g, "
                     "%.10g",
                     scope, p.name, product, sqrt(square), get(wanted, 0),
                     length);
    }
}

/* ---- cases ---- */

static const struct {
    const char *scope, *arch, *settings;
} cases[] = {
    {"token", "vit",
     "in=3,out=4,side=12,patch=4,width=12,depth=2,heads=3,layer_scale=0.5"},
    {"mean", "vit",
     "in=1,out=3,side=8,patch=2,width=8,depth=1,heads=2,pool=mean"},
    {"sam", "sam_encoder",
     "in=3,out=6,side=12,patch=2,width=8,depth=8,heads=2,window=4"},
    {"segment", "vit_segment",
     "in=2,out=3,side=20,patch=4,neck=6,width=8,depth=4,heads=2,tables=sam"},
    {"swin", "swin", "in=3,out=3,size=nano,width=8,heads=1,window=3"},
};
enum { CASES = sizeof cases / sizeof *cases };

static void train_once(int i, fv_dtype dtype, const char *backend,
                       double tolerance)
{
    const char *scope = cases[i].scope;
    net s = {0};
    build(&s, cases[i].arch, cases[i].settings);
    open_net(&s, scope, FV_TRAIN, dtype, backend);
    must(fv_plan_run(ctx, s.plan));
    must(fv_plan_backward(ctx, s.plan, s.loss));
    expect(scope, "answer", fv_plan_at(s.plan, s.answer),
           golden_find(&gold, scope, "answer"), tolerance);
    expect(scope, "gradient of the image", fv_plan_grad_at(s.plan, s.image),
           golden_find(&gold, scope, "dimage"), tolerance);
    expect_gradients(&s, scope, dtype, tolerance);
    close_net(&s);
}

static void answers_and_gradients_in_double(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        train_once(i, FV_F64, NULL, 1e-7);
}

static void answers_and_gradients_in_float(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        train_once(i, FV_F32, NULL, 1e-4);
        train_once(i, FV_F32, "ref", 1e-4);
    }
}

static void inference_gives_the_same_answers(void **state)
{
    static const char *const backends[] = {NULL, "ref"};
    (void)state;
    for (int i = 0; i < 2 * CASES; i++) {
        const char *scope = cases[i / 2].scope;
        net s = {0};
        build(&s, cases[i / 2].arch, cases[i / 2].settings);
        open_net(&s, scope, FV_INFER, FV_F32, backends[i % 2]);
        must(fv_plan_run(ctx, s.plan));
        expect(scope, "answer", fv_plan_at(s.plan, s.answer),
               golden_find(&gold, scope, "answer"), 1e-4);
        close_net(&s);
    }
}

/* In bf16 answers are off by up to 3 percent of their length, and the same for
 * any number of threads. */
static void bf16_is_close_and_the_same_for_all_threads(void **state)
{
    static const int threads[] = {1, 3};
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const char *scope = cases[i].scope;
        float first[4096];
        for (int t = 0; t < 2; t++) {
            net s = {0};
            fv_set_threads(ctx, threads[t]);
            build(&s, cases[i].arch, cases[i].settings);
            fv_status status =
                try_net(&s, scope, (fv_plan_options){.precision = FV_BF16});
            if (status == FV_ENOTSUP) {
                print_message("skipped: %s\n", fv_message(ctx));
                close_net(&s);
                skip();
            }
            must(status);
            must(fv_plan_run(ctx, s.plan));
            fv_tensor y = fv_plan_at(s.plan, s.answer);
            size_t size = (size_t)fv_count(y) * sizeof(float);
            assert_true(size <= sizeof first);
            fv_tensor wanted = golden_find(&gold, scope, "answer");
            double off = 0, size_of = 0;
            for (int64_t k = 0; k < fv_count(y); k++) {
                off += pow(get(y, k) - get(wanted, k), 2);
                size_of += pow(get(wanted, k), 2);
            }
            if (!(off <= 9e-4 * size_of))
                fail_msg("%s: answers in bf16 are off by %.3g of their length",
                         scope, sqrt(off / size_of));
            if (t == 0)
                memcpy(first, y.data, size);
            assert_memory_equal(first, y.data, size);
            close_net(&s);
        }
    }
    fv_set_threads(ctx, 0);
}

static void bf16_is_for_f32_and_what_multiplies(void **state)
{
    fv_graph *g;
    fv_plan *plan;
    int64_t dim[] = {1, 4};
    fv_tensor in = fv_dense(NULL, FV_F32, 2, dim);
    (void)state;
    must(fv_graph_new(ctx, &g));
    fv_output(g, "y", fv_relu(g, fv_input(g, "x", 2, dim)));
    fv_plan_options o = {.precision = FV_BF16};
    assert_int_equal(fv_plan_new(ctx, g, &in, o, NULL, NULL, &plan),
                     FV_ENOTSUP);
    assert_non_null(strstr(fv_message(ctx), "bf16"));
    o.dtype = FV_F64;
    assert_int_equal(fv_plan_new(ctx, g, &in, o, NULL, NULL, &plan), FV_EINVAL);
    fv_graph_free(g);
}

/* Sources: torchvision and timm (ViT, Swin), segment-anything; Cellpose-SAM
 * without its fixed shuffle and its two diameters. */
static void named_sizes_have_the_published_numbers(void **state)
{
    static const struct {
        const char *arch, *settings;
        int64_t count;
    } sizes[] = {
        {"vit", "size=Ti", 5717416},
        {"vit", "size=S", 22050664},
        {"vit", "size=B", 86567656},
        {"vit", "size=L", 304326632},
        {"vit", "size=H,patch=14", 632045800},
        {"swin", "size=T", 28288354},
        {"swin", "size=S", 49606258},
        {"swin", "size=B", 87768224},
        {"sam_encoder", "size=B", 89670912},
        {"sam_encoder", "size=L", 308278272},
        {"sam_encoder", "size=H", 637026048},
        {"vit_segment", "size=L,tables=sam", 304592064},
    };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        net s = {0};
        build(&s, sizes[i].arch, sizes[i].settings);
        if (fv_param_count(s.g, 1) != sizes[i].count)
            fail_msg("%s %s: %lld parameters, expected %lld", sizes[i].arch,
                     sizes[i].settings, (long long)fv_param_count(s.g, 1),
                     (long long)sizes[i].count);
        close_net(&s);
    }
}

/* Dropped branches leave an image as it was; others grow by 1/(1 - rate). */
static void stochastic_depth_drops_whole_images(void **state)
{
    enum { N = 64, C = 8 };
    float half = 0.5f;
    int64_t dim[] = {N, C}, scalar[] = {N, C};
    fv_graph *g;
    fv_plan *plan;
    (void)state;
    must(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "x", 2, dim);
    fv_val y = fv_drop_path(g, x, half);
    fv_output(g, "y", y);
    for (int mode = FV_INFER; mode <= FV_TRAIN; mode++) {
        fv_tensor in = fv_dense(NULL, FV_F32, 2, scalar);
        must(fv_plan_new(ctx, g, &in, (fv_plan_options){.mode = mode}, NULL,
                         NULL, &plan));
        float *from = fv_plan_at(plan, x).data, *to, dropped = 0;
        for (int i = 0; i < N * C; i++)
            from[i] = (float)(i + 1);
        must(fv_plan_run(ctx, plan));
        to = fv_plan_at(plan, y).data;
        for (int i = 0; i < N * C; i++) {
            float kept = mode == FV_TRAIN ? 2 * from[i] : from[i];
            assert_true(to[i] == kept || (mode == FV_TRAIN && to[i] == 0));
            assert_true((to[i] == 0) == (to[i / C * C] == 0));
            dropped += to[i] == 0;
        }
        dropped /= N * C;
        assert_true(mode == FV_TRAIN ? dropped > 0.25f && dropped < 0.75f
                                     : dropped == 0);
        fv_plan_free(plan);
    }
    fv_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_gradients_in_double),
        cmocka_unit_test(answers_and_gradients_in_float),
        cmocka_unit_test(inference_gives_the_same_answers),
        cmocka_unit_test(bf16_is_close_and_the_same_for_all_threads),
        cmocka_unit_test(bf16_is_for_f32_and_what_multiplies),
        cmocka_unit_test(named_sizes_have_the_published_numbers),
        cmocka_unit_test(stochastic_depth_drops_whole_images),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
