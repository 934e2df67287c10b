/* Restoration is learned from clean targets, from other shots, from nothing
 * but noise; fields stay together; a stop changes no bit. */
#include "train_test.h"

#include "fovea/score.h"
#include "train/task.h"

enum { LARGE = 64 };

/* Smooth disks, 100 to 300 counts; `shot` 0 is clean, others have Gaussian
 * noise of 40 counts. */
static fv_image *field(uint64_t number, uint64_t shot)
{
    int64_t dim[2] = {LARGE, LARGE};
    fv_image *im;
    fvi_rng where = fvi_rng_new(8, number), noise = fvi_rng_new(9, number);
    noise.stream += shot << 20;
    assert_ok(fv_image_new(ctx, FV_F32, "YX", dim, &im));
    float *x = im->pixels.data;
    for (int64_t i = 0; i < LARGE * LARGE; i++)
        x[i] = 100;
    for (int k = 0; k < 8; k++) {
        double cy = fvi_rng_between(&where, 0, LARGE);
        double cx = fvi_rng_between(&where, 0, LARGE);
        double radius = fvi_rng_between(&where, 5, 10);
        for (int64_t i = 0; i < LARGE * LARGE; i++) {
            double d =
                hypot((double)(i / LARGE) - cy, (double)(i % LARGE) - cx);
            x[i] = fmaxf(x[i], (float)(100 + 200 / (1 + exp(d - radius))));
        }
    }
    for (int64_t i = 0; shot && i < LARGE * LARGE; i++)
        x[i] += (float)(40 * fvi_rng_normal(&noise));
    return im;
}

static void write_field(const char *folder, const char *name, uint64_t number,
                        uint64_t shot)
{
    fv_image *im = field(number, shot);
    write_image(folder, name, im);
    fv_image_free(ctx, im);
}

/* `shots` noisy images f0_1.tif, ... and a clean f0.tif of each field. */
static void write_fields(const place *p, int fields, int shots)
{
    for (int i = 0; i < fields; i++) {
        char name[32];
        snprintf(name, sizeof name, "f%d.tif", i);
        write_field(p->labels, name, (uint64_t)i, 0);
        for (int k = 1; k <= shots; k++) {
            snprintf(name, sizeof name, "f%d_%d.tif", i, k);
            write_field(p->images, name, (uint64_t)i, (uint64_t)k);
        }
    }
}

static fv_train_options restore_options(const place *p, const char *method)
{
    fv_train_options o = quick_options(p);
    o.task = "restore";
    o.labels = NULL;
    o.method = method;
    if (strcmp(method, "care") == 0)
        o.targets = p->labels;
    o.config = "base=8,depth=1";
    o.crop = 32;
    o.batch = 4;
    o.steps = 100;
    o.epochs = 4;
    o.lr = 5e-3;
    o.warmup = 5;
    return o;
}

/* How many dB nearer to the truth a field no training saw becomes. */
static double gain(const char *run, fv_tensor *uncertainty)
{
    fv_model *m = model_in(run);
    fv_image *noisy = field(1000, 1), *clean = field(1000, 0);
    fv_predictor *p;
    fv_tensor plane, good;
    double before, after;
    assert_ok(fv_image_plane(ctx, noisy, 0, -1, &plane, NULL));
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_ok(fv_restore(ctx, p, plane, 0, &good, uncertainty));
    plane.ndim = good.ndim = 2; /* one channel */
    assert_ok(fv_psnr(ctx, clean->pixels, plane, 0, &before));
    assert_ok(fv_psnr(ctx, clean->pixels, good, 0, &after));
    fv_predictor_free(p);
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &good);
    fv_image_free(ctx, noisy);
    fv_image_free(ctx, clean);
    fv_model_free(ctx, m);
    return after - before;
}

static void learns(const char *method, const char *loss, double least)
{
    place p = place_new();
    write_fields(&p, 10, 2);
    fv_train_options o = restore_options(&p, method);
    fv_tensor scale;
    o.loss = loss;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    double db = gain(p.run, &scale);
    if (db < least)
        fail_msg("%s, %s: %.2f dB gained", method, loss, db);
    if (strcmp(loss, "laplace") == 0) {
        double sum = 0;
        for (int64_t i = 0; i < fv_count(scale); i++)
            sum += ((float *)scale.data)[i] / (double)fv_count(scale);
        assert_true(sum > 1 && sum < 40); /* counts: less than the noise */
        fv_plane_free(ctx, &scale);
    }
    place_free(&p);
}

/* One file of noisy planes is enough; nothing can be learned from those in its
 * middle. */
static void a_stack_alone_is_learned_from(void **state)
{
    (void)state;
    enum { PLANES = 10, FLAT = 5 };
    place p = place_new();
    int64_t dim[3] = {PLANES, LARGE, LARGE};
    fv_image *stack;
    assert_ok(fv_image_new(ctx, FV_F32, "ZYX", dim, &stack));
    float *to = stack->pixels.data;
    for (int i = 0; i < PLANES; i++, to += LARGE * LARGE) {
        fv_image *im = field((uint64_t)i, 1);
        if (i / 2 != FLAT / 2)
            memcpy(to, im->pixels.data, LARGE * LARGE * sizeof *to);
        fv_image_free(ctx, im);
    }
    write_image(p.images, "stack.tif", stack);
    fv_image_free(ctx, stack);
    fv_train_options o = restore_options(&p, "n2v");
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    double db = gain(p.run, NULL);
    if (db < 8)
        fail_msg("%.2f dB gained", db);
    o.method = "n2n";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "validate");
    place_free(&p);
}

static void every_method_takes_noise_away(void **state)
{
    (void)state;
    learns("care", "plain", 8);
    learns("care", "laplace", 6);
    learns("n2n", "plain", 3.5);
    learns("n2v", "plain", 9);
    learns("n2v2", "mae", 9);
}

/* A model with random weights in a file of the run's place. */
static void write_model(const place *p, const char *task, char path[512])
{
    const fv_arch *arch;
    void *config;
    fv_model *m;
    join(path, p->root, "judge.fovea");
    assert_ok(fv_arch_find(ctx, "unet", &arch));
    assert_ok(fv_config_new(ctx, arch, &config));
    assert_ok(fv_field_set(ctx, arch->fields, config, "base", "4"));
    assert_ok(fv_field_set(ctx, arch->fields, config, "depth", "2"));
    assert_ok(fv_model_new(ctx, arch, config, 5, &m));
    m->target = FV_TARGET_CELL;
    snprintf(m->task, sizeof m->task, "%s", task);
    assert_ok(fv_model_write(ctx, path, m, FV_WEIGHTS_F32));
    fv_model_free(ctx, m);
}

/* Sums of losses, with networks that are asked, take noise away, too. */
static void sums_of_losses_take_noise_away(void **state)
{
    (void)state;
    static const char *const sums[] = {"mae+0.1*ssim", "0.5*mse+0.1*ms_ssim",
                                       "mae+0.1*fourier", "laplace+0.1*ssim",
                                       "mae+perceptual"};
    for (int i = 0; i < 5; i++) {
        place p = place_new();
        char path[512];
        write_fields(&p, 10, 2);
        write_model(&p, "segment", path);
        fv_train_options o = restore_options(&p, "care");
        o.loss = sums[i];
        o.feature_model = strstr(sums[i], "perceptual") ? path : NULL;
        o.segment_model = i == 0 || i == 3 ? path : NULL;
        o.steps = 25;
        assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
        fv_model *m = model_in(p.run);
        assert_int_equal(m->uncertainty, i == 3);
        fv_model_free(ctx, m);
        double db = gain(p.run, NULL);
        if (db < 0.5)
            fail_msg("%s: %.2f dB gained", sums[i], db);
        place_free(&p);
    }
}

/* Labels of what is bright on the clean image of each field. */
static void write_objects(const char *folder, int fields)
{
    assert_ok(fvi_make_folder(ctx, folder));
    for (int i = 0; i < fields; i++) {
        char name[32];
        fv_image *clean = field((uint64_t)i, 0);
        const float *x = clean->pixels.data;
        fv_tensor labels = labels_of(LARGE, LARGE);
        for (int64_t k = 0; k < LARGE * LARGE; k++)
            ((uint32_t *)labels.data)[k] = x[k] > 200;
        snprintf(name, sizeof name, "f%d.tif", i);
        write_labels(folder, name, labels);
        free(labels.data);
        fv_image_free(ctx, clean);
    }
}

static double first_loss, last_loss;

static void keep_losses(void *user, const fv_train_progress *p)
{
    (void)user;
    if (p->end_of_epoch)
        *(p->epoch == 1 ? &first_loss : &last_loss) = p->val_loss;
}

/* The loss is almost only that of the segmentation, of which the graph has no
 * parameter to change. */
static void labels_are_an_aim(void **state)
{
    (void)state;
    place p = place_new();
    char path[512], objects[512];
    join(objects, p.root, "objects");
    write_fields(&p, 10, 2);
    write_objects(objects, 10);
    write_model(&p, "segment", path);
    fv_train_options o = restore_options(&p, "care");
    o.labels = objects;
    o.segment_model = path;
    o.loss = "0.001*mae";
    o.steps = 30;
    fvi_run r = {.ctx = ctx, .folder = p.run};
    assert_ok(fvi_run_open(&r, &o));
    assert_true(r.net.truth.id);
    assert_int_equal(fv_param_count(r.net.graph, 0),
                     fv_param_count(r.model->graph, 0));
    fvi_run_close(&r);
    assert_ok(fv_train(ctx, &o, p.run, keep_losses, NULL));
    if (!(last_loss < 0.9 * first_loss))
        fail_msg("the loss was %g, then %g", first_loss, last_loss);
    o.segment_model = NULL;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "go with a segment_model");
    o.segment_model = path;
    o.labels = p.run;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "no labels of its name");
    empty_folder(objects);
    place_free(&p);
}

/* Clean targets of two channels, 2 x + 50 and 1000 - x, for each image. */
static void write_two_channels(const place *p, int fields)
{
    for (int i = 0; i < fields; i++) {
        char name[32];
        const int64_t dim[3] = {2, LARGE, LARGE};
        fv_image *clean = field((uint64_t)i, 0), *two;
        const float *x = clean->pixels.data;
        assert_ok(fv_image_new(ctx, FV_F32, "CYX", dim, &two));
        float *y = two->pixels.data;
        for (int64_t k = 0; k < LARGE * LARGE; k++) {
            y[k] = 2 * x[k] + 50;
            y[LARGE * LARGE + k] = 1000 - x[k];
        }
        snprintf(name, sizeof name, "f%d.tif", i);
        write_image(p->labels, name, two);
        fv_image_free(ctx, clean);
        fv_image_free(ctx, two);
    }
}

/* One channel in, two out, in counts of the targets. */
static void other_channels_are_learned(void **state)
{
    (void)state;
    place p = place_new();
    write_fields(&p, 10, 1);
    write_two_channels(&p, 10);
    fv_train_options o = restore_options(&p, "care");
    o.loss = "mse";
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    fv_model *m = model_in(p.run);
    assert_int_equal(m->targets, 2);
    assert_int_equal(fv_channels(m->graph, m->answer), 2);
    fv_image *noisy = field(1000, 1), *clean = field(1000, 0);
    fv_tensor plane, good;
    fv_predictor *q;
    assert_ok(fv_image_plane(ctx, noisy, 0, -1, &plane, NULL));
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &q));
    assert_ok(fv_restore(ctx, q, plane, 0, &good, NULL));
    assert_int_equal(good.dim[2], 2);
    double error[2] = {0, 0};
    for (int64_t k = 0; k < LARGE * LARGE; k++) {
        double x = (double)((float *)clean->pixels.data)[k];
        const float *y = (const float *)good.data + 2 * k;
        error[0] += pow((double)y[0] - (2 * x + 50), 2);
        error[1] += pow((double)y[1] - (1000 - x), 2);
    }
    for (int c = 0; c < 2; c++) /* the image varies by 80 and 40 counts */
        error[c] = sqrt(error[c] / (LARGE * LARGE));
    if (!(error[0] < 40 && error[1] < 20))
        fail_msg("errors of %.3g and %.3g counts", error[0], error[1]);
    fv_predictor_free(q);
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &good);
    fv_image_free(ctx, noisy);
    fv_image_free(ctx, clean);
    fv_model_free(ctx, m);
    o.target_range = "image";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "2 channels of targets have no units");
    o = restore_options(&p, "n2v");
    o.target_range = "own";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "own needs targets");
    place_free(&p);
}

static void sums_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *loss, *feature, *segment, *word;
    } wrong[] = {
        {"care", "mea", NULL, NULL, "'mea' is unknown"},
        {"care", "mae+", NULL, NULL, "unknown, expected a sum"},
        {"care", "+mae", NULL, NULL, "'' is unknown"},
        {"care", "", NULL, NULL, "'' is unknown"},
        {"care", "mae+x*ssim", NULL, NULL, "'x' is no weight"},
        {"care", "mae+-1*ssim", NULL, NULL, "'-1' is no weight"},
        {"care", "mae+0.2*", NULL, NULL, "'' is unknown"},
        {"n2v", "mae+ssim", NULL, NULL, "ssim sees whole images"},
        {"care", "perceptual", NULL, NULL, "say which"},
        {"care", "mae", "restore", NULL, "goes with loss perceptual"},
        {"care", "mae", NULL, "restore", "'restore', not 'segment'"},
        {"n2n", "mse", NULL, "segment", "method care has them"},
    };
    place p = place_new();
    write_fields(&p, 4, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[512];
        const char *task = wrong[i].feature   ? wrong[i].feature
                           : wrong[i].segment ? wrong[i].segment
                                              : "segment";
        write_model(&p, task, path);
        fv_train_options o = restore_options(&p, wrong[i].method);
        o.loss = wrong[i].loss;
        o.feature_model = wrong[i].feature ? path : NULL;
        o.segment_model = wrong[i].segment ? path : NULL;
        assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                     wrong[i].word);
    }
    place_free(&p);
}

typedef struct stop {
    int64_t at;
} stop;

static void stop_at(void *user, const fv_train_progress *p)
{
    const stop *s = user;
    if (p->step == s->at && !p->end_of_epoch)
        fv_cancel(ctx);
}

static void a_stop_changes_nothing(const char *method)
{
    place p = place_new();
    char again[512];
    join(again, p.root, "again");
    write_fields(&p, 4, 3);
    fv_train_options o = restore_options(&p, method);
    o.steps = 4;
    o.epochs = 3;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    stop s = {.at = 6};
    assert_int_equal(fv_train(ctx, &o, again, stop_at, &s), FV_ECANCEL);
    fv_uncancel(ctx);
    fv_fields_default(fv_train_fields, &o);
    o.resume = 1;
    assert_ok(fv_train(ctx, &o, again, NULL, NULL));
    fv_model *a = model_in(p.run), *b = model_in(again);
    assert_memory_equal(a->params, b->params,
                        (size_t)fv_param_count(a->graph, 0) * sizeof(float));
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    empty_folder(again);
    place_free(&p);
}

static void stopped_runs_end_with_the_same_bits(void **state)
{
    (void)state;
    a_stop_changes_nothing("care");
    a_stop_changes_nothing("n2n");
    a_stop_changes_nothing("n2v");
}

static int roles_of(const fvi_sources *s, const char *field)
{
    int roles = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (s->item[i].field && strcmp(s->item[i].field, field) == 0)
            roles |= 1 << s->item[i].role;
    return roles;
}

static void shots_of_a_field_stay_together(void **state)
{
    (void)state;
    place p = place_new();
    write_fields(&p, 8, 3);
    fv_train_options o = restore_options(&p, "n2n");
    o.val_fraction = 0.25;
    o.test_fraction = 0.25;
    for (int kind = FVI_TARGETS; kind <= FVI_SHOTS; kind++) {
        fvi_sources s;
        int count[3] = {0};
        assert_ok(
            fvi_sources_find_as(ctx, (fvi_truth)kind, p.images, p.labels, &s));
        assert_ok(fvi_split(ctx, &o, &s));
        assert_ok(fvi_sources_check(ctx, &s));
        for (int i = 0; i < 8; i++) {
            char name[16];
            snprintf(name, sizeof name, "f%d", i);
            int roles = roles_of(&s, name);
            count[0] += roles == 1 << FVI_FOR_TRAINING;
            count[1] += roles == 1 << FVI_FOR_VALIDATION;
            count[2] += roles == 1 << FVI_FOR_TEST;
        }
        assert_int_equal(count[0], 4);
        assert_int_equal(count[1], 2);
        assert_int_equal(count[2], 2);
        fvi_sources_free(ctx, &s);
    }
    place_free(&p);
}

/* Targets of more channels than a model tells the range of. */
static void write_many_channels(const place *p, int fields)
{
    for (int i = 0; i < fields; i++) {
        char name[32];
        const int64_t dim[3] = {300, LARGE, LARGE};
        fv_image *many;
        assert_ok(fv_image_new(ctx, FV_U8, "CYX", dim, &many));
        snprintf(name, sizeof name, "f%d.tif", i);
        write_image(p->labels, name, many);
        fv_image_free(ctx, many);
    }
}

static void what_cannot_be_learned_is_refused(void **state)
{
    (void)state;
    place p = place_new();
    write_fields(&p, 4, 2);
    fv_train_options o = restore_options(&p, "care");
    o.targets = NULL;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "targets");
    o = restore_options(&p, "n2v");
    o.targets = p.labels;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "alone");
    o = restore_options(&p, "care");
    o.loss = "dice";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "mae");
    o = restore_options(&p, "care");
    write_field(p.images, "g0_1.tif", 20, 1);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "g0");
    o = restore_options(&p, "n2n");
    o.val_fraction = 0;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "only shot");
    write_field(p.labels, "g0.tif", 20, 0);
    write_many_channels(&p, 4);
    o = restore_options(&p, "care");
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "300 channels, at most 64");
    o.target_channels = 300;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "target_channels");
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_takes_noise_away),
        cmocka_unit_test(a_stack_alone_is_learned_from),
        cmocka_unit_test(sums_of_losses_take_noise_away),
        cmocka_unit_test(labels_are_an_aim),
        cmocka_unit_test(other_channels_are_learned),
        cmocka_unit_test(sums_that_make_no_sense_are_refused),
        cmocka_unit_test(stopped_runs_end_with_the_same_bits),
        cmocka_unit_test(shots_of_a_field_stay_together),
        cmocka_unit_test(what_cannot_be_learned_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
