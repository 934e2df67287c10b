/* Training: the same bits again after any stop, and it learns. */
#include "german.h"
#include "train/run.h"
#include "train_test.h"

#include "fovea/score.h"

/* A copy of the run folder at step `copy_at`: what a kill would leave. */
typedef struct watch {
    int64_t copy_at, cancel_at, steps_seen;
    const char *from, *to;
    fv_train_progress last;
} watch;

static void copy_folder(const char *from, const char *to)
{
    fvi_names names;
    assert_ok(fvi_make_folder(ctx, to));
    assert_ok(fvi_list_folder(ctx, from, &names));
    for (size_t i = 0; i < names.count; i++) {
        char path[512];
        unsigned char *bytes;
        size_t size;
        join(path, from, names.name[i]);
        assert_ok(fvi_file_read(ctx, path, 1 << 26, &bytes, &size));
        join(path, to, names.name[i]);
        assert_ok(fvi_file_write(ctx, path, bytes, size));
        fvi_free(ctx, bytes);
    }
    fvi_names_free(ctx, &names);
}

static void tell(void *user, const fv_train_progress *p)
{
    watch *w = user;
    w->last = *p;
    if (p->end_of_epoch)
        return;
    w->steps_seen++;
    if (w->copy_at && p->step == w->copy_at)
        copy_folder(w->from, w->to);
    if (w->cancel_at && p->step == w->cancel_at)
        fv_cancel(ctx);
}

static void assert_same_model(const char *a, const char *b)
{
    fv_model *x = model_in(a), *y = model_in(b);
    int64_t n = fv_param_count(x->graph, 0);
    assert_int_equal(n, fv_param_count(y->graph, 0));
    assert_memory_equal(x->params, y->params, (size_t)n * sizeof(float));
    assert_memory_equal(&x->decode, &y->decode, sizeof x->decode);
    fv_model_free(ctx, x);
    fv_model_free(ctx, y);
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    char path[512];
    unsigned char *x, *y;
    size_t n, k;
    join(path, a, name);
    assert_ok(fvi_file_read(ctx, path, 1 << 26, &x, &n));
    join(path, b, name);
    assert_ok(fvi_file_read(ctx, path, 1 << 26, &y, &k));
    assert_int_equal(n, k);
    assert_memory_equal(x, y, n);
    fvi_free(ctx, x);
    fvi_free(ctx, y);
}

/* history.csv without the seconds. */
static void assert_same_history(const char *a, const char *b)
{
    char pa[512], pb[512], x[512], y[512];
    join(pa, a, "history.csv");
    join(pb, b, "history.csv");
    FILE *f = fopen(pa, "r"), *g = fopen(pb, "r");
    assert_true(f && g);
    while (fgets(x, sizeof x, f)) {
        char *u = x, *v = y;
        assert_non_null(fgets(y, sizeof y, g));
        for (int column = 0; *u; column++) {
            size_t n = strcspn(u, ",\n"), k = strcspn(v, ",\n");
            if (column != 2) {
                assert_int_equal(n, k);
                assert_memory_equal(u, v, n);
            }
            u += n + 1;
            v += k + 1;
        }
    }
    assert_null(fgets(y, sizeof y, g));
    fclose(f);
    fclose(g);
}

static void resume_from(const char *run)
{
    fv_train_options o;
    fv_fields_default(fv_train_fields, &o);
    o.resume = 1;
    assert_ok(fv_train(ctx, &o, run, NULL, NULL));
}

static void stopped_runs_end_with_the_same_bits(void **state)
{
    (void)state;
    place p = place_new();
    char again[512], killed[512], canceled[512];
    write_disks(p.images, p.labels, 8, 40);
    join(again, p.root, "again");
    join(killed, p.root, "killed");
    join(canceled, p.root, "canceled");
    fv_train_options o = quick_options(&p);
    watch w = {.copy_at = 14, .from = p.run, .to = killed};
    assert_ok(fv_train(ctx, &o, p.run, tell, &w));
    assert_int_equal(w.steps_seen, 24);
    assert_ok(fv_train(ctx, &o, again, NULL, NULL));
    assert_same_file(p.run, again, "model.fovea");

    resume_from(killed); /* was in the fourth epoch of six */
    assert_same_file(p.run, killed, "model.fovea");
    assert_same_history(p.run, killed);

    watch c = {.cancel_at = 10};
    assert_int_equal(fv_train(ctx, &o, canceled, tell, &c), FV_ECANCEL);
    assert_int_equal(c.steps_seen, 10);
    fv_uncancel(ctx);
    resume_from(canceled);
    assert_same_file(p.run, canceled, "model.fovea");
    assert_same_history(p.run, canceled);
    empty_folder(again);
    empty_folder(killed);
    empty_folder(canceled);
    place_free(&p);
}

static void runs_in_bf16_end_with_the_same_bits(void **state)
{
    (void)state;
    place p = place_new();
    char killed[512];
    write_disks(p.images, p.labels, 6, 40);
    join(killed, p.root, "killed");
    fv_train_options o = quick_options(&p);
    o.config = "base=16,depth=1";
    o.epochs = 3;
    o.precision = "bf16";
    watch w = {.copy_at = 6, .from = p.run, .to = killed};
    fv_status status = fv_train(ctx, &o, p.run, tell, &w);
    if (status == FV_OK) {
        resume_from(killed); /* in bf16 again, as run.json says */
        assert_same_model(p.run, killed);
        assert_same_history(p.run, killed);
        empty_folder(killed);
    }
    place_free(&p);
    assert_true(status == FV_OK || status == FV_ENOTSUP);
    if (status == FV_ENOTSUP)
        skip();
}

static void the_mean_of_weights_survives_a_stop(void **state)
{
    (void)state;
    place p = place_new();
    char killed[512], last[512];
    write_disks(p.images, p.labels, 6, 40);
    join(killed, p.root, "killed");
    join(last, p.root, "last");
    fv_train_options o = quick_options(&p);
    o.average = 0.9;
    watch w = {.copy_at = 14, .from = p.run, .to = killed};
    assert_ok(fv_train(ctx, &o, p.run, tell, &w));
    resume_from(killed);
    assert_same_model(p.run, killed);
    assert_same_history(p.run, killed);
    o.average = 0;
    assert_ok(fv_train(ctx, &o, last, NULL, NULL));
    fv_model *mean, *other;
    char path[512];
    join(path, p.run, "model.fovea");
    assert_ok(fv_model_read(ctx, path, &mean));
    join(path, last, "model.fovea");
    assert_ok(fv_model_read(ctx, path, &other));
    assert_true(mean->params[0] < other->params[0] ||
                mean->params[0] > other->params[0]);
    fv_model_free(ctx, mean);
    fv_model_free(ctx, other);
    empty_folder(killed);
    empty_folder(last);
    place_free(&p);
}

/* w = 1, 2, 3 with d = 1/10, 2/11 and 0.2, from 0. */
static void the_mean_of_weights_is_as_defined(void **state)
{
    (void)state;
    float w = 0, mean = 0;
    fvi_run r = {.w = &w, .mean = &mean, .count = 1, .o.average = 0.2};
    double want = 0;
    const double d[] = {1.0 / 10, 2.0 / 11, 0.2};
    for (int t = 0; t < 3; t++) {
        w = (float)(t + 1);
        r.state.step = t;
        fvi_average_step(&r);
        want = d[t] * want + (1 - d[t]) * (t + 1);
    }
    assert_float_equal(mean, want, 1e-6);
    assert_float_equal(w, 3, 0);
}

static void a_plateau_survives_a_stop(void **state)
{
    (void)state;
    place p = place_new();
    char killed[512];
    write_disks(p.images, p.labels, 6, 40);
    join(killed, p.root, "killed");
    fv_train_options o = quick_options(&p);
    o.schedule = "plateau";
    o.optimizer = "momentum";
    o.lr = 0.3; /* wild on purpose: it must go back */
    o.clip = 1;
    o.lr_patience = 1;
    o.target = "distance";
    watch w = {.copy_at = 18, .from = p.run, .to = killed};
    assert_ok(fv_train(ctx, &o, p.run, tell, &w));
    assert_true(w.last.lr < 0.3);
    resume_from(killed);
    assert_same_model(p.run, killed);
    assert_same_history(p.run, killed);
    empty_folder(killed);
    place_free(&p);
}

static void damaged_checkpoints_are_refused(void **state)
{
    (void)state;
    place p = place_new();
    char path[512];
    unsigned char *bytes;
    size_t size;
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 1;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    join(path, p.run, "last.ckpt");
    assert_ok(fvi_file_read(ctx, path, 1 << 26, &bytes, &size));
    o.resume = 1;
    bytes[size / 2] ^= 1;
    assert_ok(fvi_file_write(ctx, path, bytes, size));
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EFORMAT, "damaged");
    assert_ok(fvi_file_write(ctx, path, bytes, 40));
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EFORMAT,
                 "not a checkpoint");
    fvi_free(ctx, bytes);
    unlink(path);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EIO, "last.ckpt");
    place_free(&p);
}

static void bad_runs_say_why(void **state)
{
    (void)state;
    place p = place_new();
    fv_train_options o = quick_options(&p);
    write_disks(p.images, p.labels, 1, 40);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "validate");
    write_disks(p.images, p.labels, 3, 40);
    o.config = "base=4,dept=2";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "depth");
    o.config = "base=4,depth=2";
    o.target = "boundary";
    o.loss = "dice";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "boundary");
    o.loss = "plain";
    o.crop = 0;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "crop: 0 is out of range");
    o.crop = 32;
    o.steps = -3;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "steps: -3");
    o.steps = 4;
    o.lr = NAN;
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "lr: nan");
    o.lr = 100;
    o.weight_decay = 10;
    o.optimizer = "sgd";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EDIVERGED, "step");
    fv_tensor empty = labels_of(40, 40);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "disk%d.png", i);
        write_labels(p.labels, name, empty);
    }
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "empty");
    free(empty.data);
    place_free(&p);
}

/* Cells of the last line of a table. */
static int cells_at_the_end(const char *folder, const char *name)
{
    char path[512], line[512] = "";
    join(path, folder, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        ;
    fclose(f);
    int n = 1;
    for (const char *c = line; *c; c++)
        n += *c == ',';
    return n;
}

static void runs_have_points_in_any_locale(void **state)
{
    (void)state;
    place p = place_new();
    german_or_skip();
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 1;
    fv_status status = fv_train(ctx, &o, p.run, NULL, NULL);
    german_end();
    assert_ok(status);
    assert_int_equal(cells_at_the_end(p.run, "history.csv"), 8);
    fv_model_free(ctx, model_in(p.run));
    resume_from(p.run);
    place_free(&p);
}

static void finished_runs_tell_once_more(void **state)
{
    (void)state;
    place p = place_new();
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 2;
    watch w = {0}, again = {0};
    assert_ok(fv_train(ctx, &o, p.run, tell, &w));
    o.resume = 1;
    assert_ok(fv_train(ctx, &o, p.run, tell, &again));
    assert_int_equal(again.steps_seen, 0);
    assert_int_equal(again.last.epoch, 2);
    assert_int_equal(again.last.best_epoch, w.last.best_epoch);
    assert_near(again.last.val_score, w.last.val_score, 0);
    assert_near(again.last.best_val_loss, w.last.best_val_loss, 0);
    place_free(&p);
}

/* Whatever the run is named after must be the same in run.json. */
static void names_that_are_no_text_are_refused(void **state)
{
    (void)state;
    place p = place_new();
    char from[512], to[512];
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.only = "id=b\xe4r";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "only: ");
    o.only = NULL;
    join(from, p.images, "disk0.png");
    join(to, p.images, "b\xe4r.png");
    assert_int_equal(rename(from, to), 0);
    join(from, p.labels, "disk0.png");
    join(to, p.labels, "b\xe4r.png");
    assert_int_equal(rename(from, to), 0);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL,
                 "b\xe4r.png: the name");
    place_free(&p);
}

static void models_tell_names_of_folders(void **state)
{
    (void)state;
    place p = place_new();
    char folder[512];
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 1;
    join(folder, p.images, "/");
    o.images = folder;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    fv_model *m = model_in(p.run);
    assert_non_null(strstr(m->history, "\"images\": \"images\""));
    assert_non_null(strstr(m->history, "\"labels\": \"labels\""));
    fv_model_free(ctx, m);
    place_free(&p);
}

/* What `command` prints first. */
static void first_word(const char *command, char word[128])
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%127s", word), 1);
    assert_int_equal(pclose(f), 0);
}

static void cards_have_the_hash_of_their_data(void **state)
{
    (void)state;
    place p = place_new();
    char path[512], hash[128];
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 1;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    join(path, p.run, "run.json");
    json_t *run = json_load_file(path, 0, NULL), *name;
    const json_t *train =
        json_object_get(json_object_get(run, "data"), "train");
    fvi_text t = {.ctx = ctx};
    size_t i;
    fvi_text_add(&t, "(");
    json_array_foreach(train, i, name) for (int k = 0; k < 2; k++)
        fvi_text_add(&t, "cd %s; sha256sum %s.png;", k ? p.labels : p.images,
                     json_string_value(name));
    fvi_text_add(&t, ") | sha256sum");
    assert_in_range(i, 2, 4);
    first_word(t.data, hash);
    fv_model *m = model_in(p.run);
    assert_non_null(strstr(m->card, hash));
    fv_model_free(ctx, m);
    fvi_text_free(&t);
    json_decref(run);
    place_free(&p);
}

static void only_segmentations_are_tuned(void **state)
{
    (void)state;
    place p = place_new();
    write_disks(p.images, p.labels, 4, 40);
    fv_train_options o = quick_options(&p);
    o.epochs = 1;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    fv_model *m = model_in(p.run);
    fv_pair *pairs;
    int64_t count;
    assert_ok(fv_pairs_read(ctx, p.images, p.labels, 1, m->percentile, &pairs,
                            &count));
    assert_ok(fv_tune(ctx, m, pairs, count, NULL));
    snprintf(m->task, sizeof m->task, "restore");
    assert_fails(fv_tune(ctx, m, pairs, count, NULL), FV_EINVAL, "'restore'");
    fv_pairs_free(ctx, pairs, count);
    fv_model_free(ctx, m);
    place_free(&p);
}

/* Objects of a picture no training saw. */
static double score_unseen(const fv_model *m, int64_t side)
{
    int64_t dim[2] = {side, side}, count;
    const double iou = 0.5;
    fv_image *im;
    fv_match match;
    fv_predictor *p;
    fv_tensor plane, found, truth = labels_of(side, side);
    assert_ok(fv_image_new(ctx, FV_U8, "YX", dim, &im));
    draw_disks(1000, im, truth);
    assert_ok(fv_image_plane(ctx, im, 0, -1, &plane, NULL));
    assert_ok(fv_predictor_new(ctx, m, (fv_predict_options){0}, &p));
    assert_ok(fv_segment(ctx, p, plane, 0, &found, &count));
    assert_ok(fv_match_labels(ctx, truth, found, 1, &iou, &match));
    fv_predictor_free(p);
    fv_plane_free(ctx, &plane);
    fv_plane_free(ctx, &found);
    fv_image_free(ctx, im);
    free(truth.data);
    return match.ap;
}

static void learns_disks(const char *target, const char *loss)
{
    place p = place_new();
    fv_train_options o = quick_options(&p);
    write_disks(p.images, p.labels, 10, 64);
    o.config = "base=8,depth=2";
    o.target = target;
    o.loss = loss;
    o.steps = 25;
    o.epochs = 3;
    o.crop = 64;
    o.lr = 5e-3;
    o.warmup = 5;
    if (strcmp(target, "stars") == 0) { /* 33 maps to learn, without norms */
        o.arch = "stardist";
        o.config = "base=8,depth=2,features=32";
        o.epochs = 20;
        o.lr = 4e-3;
    }
    if (strcmp(target, "flows") == 0) /* directions are learned slowly */
        o.epochs = 8;
    watch w = {0};
    assert_ok(fv_train(ctx, &o, p.run, tell, &w));
    fv_model *m = model_in(p.run);
    assert_int_equal(m->percentile[0], 1);
    assert_true(m->diameter > 12 && m->diameter < 16);
    assert_true(m->diameters[0] > 11 && m->diameters[0] < m->diameter);
    assert_true(m->diameters[1] < 17 && m->diameters[1] > m->diameter);
    double ap = score_unseen(m, 100);
    if (ap < 0.8)
        fail_msg("%s: AP %.3f, validation loss %.4f", target, ap,
                 w.last.val_loss);
    fv_model_free(ctx, m);
    char path[512];
    join(path, p.run, "progress.svg");
    assert_true(fvi_is_file(path));
    place_free(&p);
}

static void a_small_network_learns_disks(void **state)
{
    (void)state;
    learns_disks("cell", "dice");
    learns_disks("boundary", "balanced");
    learns_disks("distance", "plain");
    learns_disks("stars", "plain");
    learns_disks("flows", "plain");
    learns_disks("shape", "balanced");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_runs_end_with_the_same_bits),
        cmocka_unit_test(runs_in_bf16_end_with_the_same_bits),
        cmocka_unit_test(a_plateau_survives_a_stop),
        cmocka_unit_test(the_mean_of_weights_survives_a_stop),
        cmocka_unit_test(the_mean_of_weights_is_as_defined),
        cmocka_unit_test(damaged_checkpoints_are_refused),
        cmocka_unit_test(bad_runs_say_why),
        cmocka_unit_test(runs_have_points_in_any_locale),
        cmocka_unit_test(finished_runs_tell_once_more),
        cmocka_unit_test(names_that_are_no_text_are_refused),
        cmocka_unit_test(models_tell_names_of_folders),
        cmocka_unit_test(cards_have_the_hash_of_their_data),
        cmocka_unit_test(only_segmentations_are_tuned),
        cmocka_unit_test(a_small_network_learns_disks),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
