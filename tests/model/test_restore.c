/* Restoration keeps the units: what the network leaves alone comes back. */
#include "context.h"
#include "make.h"

/* One convolution of one pixel: y[k] = weight[k] x[k % in] + bias[k]. */
static fv_model *pointwise(int in, int out, const float *weight,
                           const float *bias)
{
    char ins[8], outs[8];
    snprintf(ins, sizeof ins, "%d", in);
    snprintf(outs, sizeof outs, "%d", out);
    const char *const settings[][2] = {
        {"in", ins}, {"out", outs}, {"kernel", "1"}, {NULL, NULL}};
    fv_model *m = make_model(ctx, "conv", settings, 1);
    for (int i = 0; i < fv_param_list_size(m->graph); i++) {
        fv_param p = fv_param_at(m->graph, i);
        float *x = m->params + p.offset;
        for (int64_t k = 0; k < p.count; k++) {
            int64_t from = k / out, to = k % out; /* weights are (in, out) */
            x[k] = p.ndim > 1 ? (from == to % in ? weight[to] : 0) : bias[k];
        }
    }
    snprintf(m->task, sizeof m->task, "restore");
    return m;
}

static fv_tensor picture(int64_t h, int64_t w, int64_t c)
{
    int64_t dim[3] = {h, w, c};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    t.data = fvi_calloc(ctx, (size_t)fv_count(t), sizeof(float));
    fvi_rng r = fvi_rng_new(3, 1);
    for (int64_t i = 0; i < fv_count(t); i++)
        ((float *)t.data)[i] =
            (float)(1000 * (double)(i % c + 1) + 300 * fvi_rng_uniform(&r));
    return t;
}

static void restore(const fv_model *m, fv_tensor plane, int rgb,
                    fv_predict_options o, fv_tensor *good, fv_tensor *scale)
{
    fv_predictor *p;
    assert_ok(fv_predictor_new(ctx, m, o, &p));
    assert_ok(fv_restore(ctx, p, plane, rgb, good, scale));
    fv_predictor_free(p);
}

static void assert_same(fv_tensor a, fv_tensor b, double tolerance)
{
    assert_true(fv_same_shape(a, b));
    for (int64_t i = 0; i < fv_count(a); i++)
        assert_near(((float *)a.data)[i], ((float *)b.data)[i], tolerance);
}

static void check_identity(const fv_model *m, int64_t channels, int rgb)
{
    fv_tensor plane = picture(40, 50, channels), good, scale;
    restore(m, plane, rgb, (fv_predict_options){0}, &good, &scale);
    assert_same(good, plane, 0.01);
    assert_int_equal(scale.ndim, -1);
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &good);
}

static void a_network_that_copies_gives_the_image_back(void **state)
{
    (void)state;
    const float one[3] = {1, 1, 1}, zero[3] = {0};
    fv_model *gray = pointwise(1, 1, one, zero);
    fv_model *color = pointwise(3, 3, one, zero);
    check_identity(gray, 1, 0);
    check_identity(gray, 2, 0); /* channel by channel */
    check_identity(color, 3, 0);
    check_identity(color, 3, 1);
    for (int i = 0; i < 2; i++) {
        fv_model *m = i ? color : gray;
        snprintf(m->normalize, sizeof m->normalize, "mean_std");
        for (int c = 0; c < 3; c++) {
            m->mean[c] = 900 * c;
            m->deviation[c] = 250;
        }
        check_identity(m, i ? 3 : 1, 0);
    }
    fv_model_free(ctx, gray);
    fv_model_free(ctx, color);
}

/* Everything the network says is in deviations, so 1 is 250 counts. */
static void numbers_come_back_in_counts(void **state)
{
    (void)state;
    const float weight[2] = {0, 0}, bias[2] = {2, 0.5F};
    fv_model *m = pointwise(1, 2, weight, bias);
    snprintf(m->normalize, sizeof m->normalize, "mean_std");
    m->mean[0] = 900;
    m->deviation[0] = 250;
    m->uncertainty = 1;
    fv_tensor plane = picture(20, 30, 2), good, scale;
    restore(m, plane, 0, (fv_predict_options){0}, &good, &scale);
    assert_true(fv_same_shape(good, plane) && fv_same_shape(scale, plane));
    for (int64_t i = 0; i < fv_count(good); i++) {
        assert_near(((float *)good.data)[i], 900 + 2 * 250, 0.01);
        assert_near(((float *)scale.data)[i], 0.5 * 250, 0.01);
    }
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &good);
    fv_plane_free(ctx, &scale);
    fv_model_free(ctx, m);
}

/* The largest difference of two pictures within a square of 32 px, over the
 * deviation of the first there; the worst of all squares. */
static double worst_square(fv_tensor a, fv_tensor b)
{
    enum { SIDE = 32 };
    const float *x = a.data, *y = b.data;
    int64_t H = a.dim[0], W = a.dim[1];
    double worst = 0;
    for (int64_t i = 0; i + SIDE <= H; i += SIDE)
        for (int64_t j = 0; j + SIDE <= W; j += SIDE) {
            double sum = 0, square = 0, most = 0, n = SIDE * SIDE;
            for (int64_t k = 0; k < SIDE * SIDE; k++) {
                int64_t at = (i + k / SIDE) * W + j + k % SIDE;
                sum += (double)x[at];
                square += (double)x[at] * (double)x[at];
                most = fmax(most, fabs((double)x[at] - (double)y[at]));
            }
            double deviation = sqrt(square / n - sum / n * (sum / n));
            assert_true(deviation > 0);
            worst = fmax(worst, most / deviation);
        }
    return worst;
}

/* Tiles of two sizes against one: at no place, and so at no border, does a
 * pixel move by more than 1 % of the deviation around it. */
static void tiles_leave_no_seam(void **state)
{
    (void)state;
    static const char *const kinds[][3][2] = {
        {{"depth", "2"}, {"base", "4"}, {NULL, NULL}},
        {{"depth", "2"}, {"base", "4"}, {NULL, NULL}},
        {{"depth", "9"}, {"width", "6"}, {NULL, NULL}},
    };
    static const char *const archs[] = {"unet", "care", "dncnn"};
    fv_tensor plane = picture(300, 340, 1), whole, tiled;
    for (int k = 0; k < 3; k++) {
        fv_model *m = make_model(ctx, archs[k], kinds[k], 7);
        snprintf(m->task, sizeof m->task, "restore");
        restore(m, plane, 0, (fv_predict_options){.tile = 512}, &whole, NULL);
        for (int tile = 128; tile <= 256; tile *= 2) {
            restore(m, plane, 0, (fv_predict_options){.tile = tile}, &tiled,
                    NULL);
            double worst = worst_square(whole, tiled);
            if (!(worst <= 0.01))
                fail_msg("%s, tiles of %d: %.3g of the deviation", archs[k],
                         tile, worst);
            fv_plane_free(ctx, &tiled);
        }
        fv_plane_free(ctx, &whole);
        fv_model_free(ctx, m);
    }
    fv_plane_free(ctx, &plane);
}

/* One channel in, two out in units of their own, also from a file. */
static void answers_may_have_units_of_their_own(void **state)
{
    (void)state;
    const float weight[2] = {0, 0}, bias[2] = {0.5F, 2};
    fv_model *m = pointwise(1, 2, weight, bias), *read;
    fv_tensor plane = picture(20, 30, 1), good;
    fv_predictor *p;
    char path[] = "/tmp/fovea-own-XXXXXX";
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_int_equal(fv_restore(ctx, p, plane, 0, &good, NULL), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "2 channels of 1"));
    fv_predictor_free(p);
    m->targets = 2;
    m->target_low[0] = 100;
    m->target_high[0] = 300;
    m->target_low[1] = -7;
    m->target_high[1] = -6;
    close(mkstemp(path));
    assert_ok(fv_model_write(ctx, path, m, FV_WEIGHTS_F32));
    assert_ok(fv_model_read(ctx, path, &read));
    unlink(path);
    assert_int_equal(read->targets, 2);
    restore(read, plane, 0, (fv_predict_options){0}, &good, NULL);
    assert_int_equal(good.dim[2], 2);
    for (int64_t i = 0; i < fv_count(good); i++)
        assert_near(((float *)good.data)[i], i % 2 ? -5 : 200, 1e-3);
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &good);
    fv_model_free(ctx, m);
    fv_model_free(ctx, read);
}

static void refusals_say_why(void **state)
{
    (void)state;
    const float one[3] = {1, 1, 1}, zero[3] = {0};
    fv_model *m = pointwise(3, 3, one, zero);
    fv_tensor plane = picture(20, 20, 2), good;
    fv_predictor *p;
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_int_equal(fv_restore(ctx, p, plane, 0, &good, NULL), FV_ESHAPE);
    assert_non_null(strstr(fv_message(ctx), "2 channels"));
    snprintf(m->task, sizeof m->task, "segment");
    assert_int_equal(fv_restore(ctx, p, plane, 0, &good, NULL), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "'segment'"));
    fv_predictor_free(p);
    fv_plane_free(ctx, &plane);
    fv_model_free(ctx, m);
}

/* ---- the file ---- */

static void write_to(char path[64], fv_model *m)
{
    snprintf(path, 64, "/tmp/fovea-restore-XXXXXX");
    close(mkstemp(path));
    assert_ok(fv_model_make_check(ctx, m));
    assert_ok(fv_model_write(ctx, path, m, FV_WEIGHTS_F32));
}

static void what_restoration_needs_is_in_the_file(void **state)
{
    (void)state;
    char path[64];
    fv_model *m = make_unet(ctx, "1", "2", "2", "4"), *back;
    snprintf(m->task, sizeof m->task, "restore");
    snprintf(m->normalize, sizeof m->normalize, "mean_std");
    m->uncertainty = 1;
    m->mean[0] = 0.1;
    m->mean[1] = -7e8;
    m->deviation[0] = 1.0 / 3;
    m->deviation[1] = 12;
    write_to(path, m);
    assert_ok(fv_model_read(ctx, path, &back));
    assert_string_equal(back->task, "restore");
    assert_string_equal(back->normalize, "mean_std");
    assert_int_equal(back->uncertainty, 1);
    assert_memory_equal(back->mean, m->mean, 2 * sizeof *m->mean);
    assert_memory_equal(back->deviation, m->deviation, 2 * sizeof *m->mean);
    fv_model_free(ctx, back);
    fv_model_free(ctx, m);
    unlink(path);
}

static void names_of_classes_are_in_the_file(void **state)
{
    (void)state;
    static const char *const names[] = {"red \"cells\"", "a,b\\c", "\xC3\xA9"};
    char path[64];
    fv_model *m = make_unet(ctx, "1", "2", "1", "3"), *back;
    snprintf(m->task, sizeof m->task, "classify");
    assert_ok(fv_model_set_classes(ctx, m, names, 3));
    write_to(path, m);
    assert_ok(fv_model_read(ctx, path, &back));
    assert_int_equal(back->classes, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(back->class_names[i], names[i]);
    fv_model_free(ctx, back);
    assert_ok(fv_model_set_classes(ctx, m, names, 2));
    write_to(path, m);
    assert_int_equal(fv_model_read(ctx, path, &back), FV_EFORMAT);
    assert_non_null(strstr(fv_message(ctx), "2 names"));
    fv_model_free(ctx, m);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_that_copies_gives_the_image_back),
        cmocka_unit_test(numbers_come_back_in_counts),
        cmocka_unit_test(tiles_leave_no_seam),
        cmocka_unit_test(answers_may_have_units_of_their_own),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(what_restoration_needs_is_in_the_file),
        cmocka_unit_test(names_of_classes_are_in_the_file),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
