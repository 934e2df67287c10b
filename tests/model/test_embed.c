/* Networks that make a few numbers of a picture. */
#include "context.h"
#include "make.h"

static fv_model *squeeze(const char *task)
{
    const char *const settings[][2] = {{"side", "16"},
                                       {"base", "4"},
                                       {"depth", "2"},
                                       {"bottleneck", "5"},
                                       {NULL, NULL}};
    fv_model *m = make_model(ctx, "autoencoder", settings, 3);
    snprintf(m->task, sizeof m->task, "%s", task);
    m->side = 16;
    return m;
}

/* A bright square at column `x` of 32 px. */
static fv_tensor picture(int64_t x, float factor, float more)
{
    int64_t dim[3] = {32, 32, 1};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    float *v = t.data = fvi_calloc(ctx, 32 * 32, sizeof(float));
    for (int64_t i = 0; i < 32 * 32; i++) {
        int64_t row = i / 32, column = i % 32;
        bool inside = row > 8 && row < 20 && column >= x && column < x + 8;
        v[i] = factor * (inside ? 9 : 1) + more;
    }
    return t;
}

static void a_picture_becomes_a_few_numbers(void **state)
{
    (void)state;
    fv_model *m = squeeze("embed");
    fv_embedder *e;
    float code[3][5];
    fv_tensor t[3] = {picture(4, 1, 0), picture(4, 7, 100), picture(20, 1, 0)};
    assert_ok(fv_embedder_new(ctx, m, NULL, FV_FULL, &e));
    assert_int_equal(fv_embedder_numbers(e), 5);
    double same = 0, other = 0;
    for (int i = 0; i < 3; i++) {
        assert_ok(fv_embed(ctx, e, t[i], 0, code[i]));
        fv_plane_free(ctx, &t[i]);
    }
    for (int k = 0; k < 5; k++) {
        same += fabs((double)code[0][k] - (double)code[1][k]);
        other += fabs((double)code[0][k] - (double)code[2][k]);
    }
    assert_near(same, 0, 1e-5); /* brightness does not count */
    assert_true(other > 1e-3);
    fv_embedder_free(e);
    fv_model_free(ctx, m);
}

/* Those of a classification are its features. */
static void classes_have_them_too(void **state)
{
    (void)state;
    fv_model *m = make_unet(ctx, "1", "4", "1", "2");
    static const char *const names[] = {"a", "b"};
    fv_embedder *e;
    fv_classifier *c;
    float code[4], probability[2], features[4];
    fv_tensor t = picture(4, 1, 0);
    snprintf(m->task, sizeof m->task, "classify");
    m->side = 32;
    assert_ok(fv_model_set_classes(ctx, m, names, 2));
    assert_ok(fv_embedder_new(ctx, m, NULL, FV_FULL, &e));
    assert_ok(fv_classifier_new(ctx, m, NULL, FV_FULL, &c));
    assert_int_equal(fv_embedder_numbers(e), 4);
    assert_int_equal(fv_classifier_features(c), 4);
    assert_ok(fv_embed(ctx, e, t, 0, code));
    assert_ok(fv_classify(ctx, c, t, 0, probability, features));
    for (int k = 0; k < 4; k++)
        assert_near(code[k], features[k], 1e-6);
    assert_true(fabsf(code[0]) + fabsf(code[1]) + fabsf(code[2]) > 0);
    fv_plane_free(ctx, &t);
    fv_embedder_free(e);
    fv_classifier_free(c);
    fv_model_free(ctx, m);
}

static void refuse(fv_model *m, fv_status status, const char *words)
{
    fv_embedder *e;
    assert_int_equal(fv_embedder_new(ctx, m, NULL, FV_FULL, &e), status);
    if (!strstr(fv_message(ctx), words))
        fail_msg("%s", fv_message(ctx));
    fv_model_free(ctx, m);
}

static void others_have_none(void **state)
{
    (void)state;
    refuse(squeeze("restore"), FV_EINVAL, "is for 'restore'");
    fv_model *m = squeeze("embed");
    m->side = 0;
    refuse(m, FV_EFORMAT, "how large");
    m = make_unet(ctx, "1", "2", "1", "1");
    snprintf(m->task, sizeof m->task, "embed");
    m->side = 32;
    refuse(m, FV_EINVAL, "embed or classify");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_becomes_a_few_numbers),
        cmocka_unit_test(classes_have_them_too),
        cmocka_unit_test(others_have_none),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
