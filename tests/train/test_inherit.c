/* A network takes over what fits of another; a wider one answers the same. */
#include "model/model.h"
#include "train/run.h"

#include "train_test.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE };

/* settings: name, value, name, value ... NULL */
static fv_model *model_of(const char *name, uint64_t seed,
                          const char *const settings[])
{
    const fv_arch *arch;
    void *config;
    fv_model *m;
    assert_ok(fv_arch_find(ctx, name, &arch));
    assert_ok(fv_config_new(ctx, arch, &config));
    for (int i = 0; settings[i]; i += 2)
        assert_ok(fv_field_set(ctx, arch->fields, config, settings[i],
                               settings[i + 1]));
    assert_ok(fv_model_new(ctx, arch, config, seed, &m));
    return m;
}

#define MODEL(name, seed, ...) \
    model_of(name, seed, (const char *const[]){__VA_ARGS__, NULL})

static void ask(const fv_model *m, float *answer)
{
    int64_t dim[4] = {1, SIDE, SIDE, fv_channels(m->graph, m->image)};
    fv_tensor in = fv_dense(NULL, FV_F32, 4, dim);
    fv_plan *p;
    fvi_rng r = fvi_rng_new(3, 0);
    assert_ok(fv_plan_new(ctx, m->graph, &in, (fv_plan_options){0}, m->params,
                          NULL, &p));
    float *x = fv_plan_at(p, m->image).data;
    for (int64_t i = 0; i < fv_count(fv_plan_at(p, m->image)); i++)
        x[i] = (float)fvi_rng_normal(&r);
    assert_ok(fv_plan_run(ctx, p));
    fv_tensor y = fv_plan_at(p, m->answer);
    assert_int_equal(fv_count(y), PIXELS);
    memcpy(answer, y.data, PIXELS * sizeof *answer);
    fv_plan_free(p);
}

/* Root mean square of a - b over the standard deviation of b. */
static double apart(const float *a, const float *b)
{
    double square = 0, sum = 0, sum2 = 0;
    for (int i = 0; i < PIXELS; i++) {
        square += pow((double)a[i] - b[i], 2);
        sum += b[i];
        sum2 += (double)b[i] * b[i];
    }
    return sqrt(square / (sum2 - sum * sum / PIXELS));
}

/* Frees both. */
static void widen_and_compare(fv_model *from, fv_model *to)
{
    static float before[PIXELS], fresh[PIXELS], after[PIXELS];
    ask(from, before);
    ask(to, fresh);
    assert_true(fvi_inherit(from, to, 1) > 5);
    ask(to, after);
    if (apart(fresh, before) < 0.5 || apart(after, before) > 0.1)
        fail_msg("%s: %g apart before, %g after", from->arch->name,
                 apart(fresh, before), apart(after, before));
    fv_model_free(ctx, from);
    fv_model_free(ctx, to);
}

static void a_wider_network_answers_the_same(void **state)
{
    (void)state;
    widen_and_compare(MODEL("unet", 1, "base", "8"),
                      MODEL("unet", 2, "base", "12"));
    widen_and_compare(MODEL("unet", 1, "base", "4", "up", "transpose"),
                      MODEL("unet", 2, "base", "12", "up", "transpose"));
    widen_and_compare(MODEL("cpnet", 1, "base", "8", "in", "1", "out", "1"),
                      MODEL("cpnet", 2, "base", "12", "in", "1", "out", "1"));
}

static const fv_param *named(const fv_model *m, const char *name, fv_param *p)
{
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        *p = fv_param_at(m->graph, i);
        if (strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

static void a_deeper_network_keeps_its_outer_levels(void **state)
{
    fv_param p, q;
    (void)state;
    fv_model *from = MODEL("unet", 1, "base", "4", "depth", "2");
    fv_model *to = MODEL("unet", 2, "base", "4", "depth", "3");
    assert_true(fvi_inherit(from, to, 1) > 0);
    assert_non_null(named(from, "up1/conv1/weight", &p));
    assert_non_null(named(to, "up1/conv1/weight", &q));
    assert_memory_equal(from->params + p.offset, to->params + q.offset,
                        (size_t)p.count * sizeof(float));
    fv_model_free(ctx, from);
    fv_model_free(ctx, to);
}

static void a_narrower_network_inherits_no_layer(void **state)
{
    (void)state;
    fv_model *from = MODEL("unet", 1, "base", "8");
    fv_model *to = MODEL("unet", 2, "base", "4");
    assert_int_equal(fvi_inherit(from, to, 1), 0);
    fv_model_free(ctx, from);
    fv_model_free(ctx, to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wider_network_answers_the_same),
        cmocka_unit_test(a_deeper_network_keeps_its_outer_levels),
        cmocka_unit_test(a_narrower_network_inherits_no_layer),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
