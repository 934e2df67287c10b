/* Classes from folders, tables and files of MNIST; they are learned, stopped
 * runs end the same, and fine-tuning leaves alone what is frozen. */
#include "train_test.h"

#include "train/task.h"

#include <zlib.h>

enum { LARGE = 24 };

/* Class 0: a bright square; 1: stripes; 2: dark. Noise on all. */
static void write_example(const char *folder, const char *name, int category,
                          uint64_t number)
{
    int64_t dim[2] = {LARGE, LARGE + 4};
    fv_image *im;
    fvi_rng r = fvi_rng_new(11, number);
    assert_ok(fv_image_new(ctx, FV_U8, "YX", dim, &im));
    uint8_t *x = im->pixels.data;
    int64_t top = fvi_rng_below(&r, 10), left = fvi_rng_below(&r, 10);
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t j = 0; j < dim[1]; j++) {
            bool square =
                i >= top && i < top + 10 && j >= left && j < left + 10;
            bool on =
                category == 0 ? square : category == 1 && (i + top) % 6 < 2;
            *x++ = (uint8_t)(60 + 100 * on + fvi_rng_below(&r, 40));
        }
    write_image(folder, name, im);
    fv_image_free(ctx, im);
}

static const char *const names[] = {"square", "stripes", "dark"};

/* folder/square/0.png, ... */
static void write_classes(const char *folder, int classes, int each, int first)
{
    assert_ok(fvi_make_folder(ctx, folder));
    for (int c = 0; c < classes; c++) {
        char path[512], name[32];
        join(path, folder, names[c]);
        assert_ok(fvi_make_folder(ctx, path));
        for (int i = 0; i < each; i++) {
            snprintf(name, sizeof name, "%d.png", first + i);
            write_example(path, name, c, (uint64_t)(1000 * c + first + i));
        }
    }
}

static void empty_classes(const char *folder)
{
    for (int c = 0; c < 3; c++) {
        char path[512];
        join(path, folder, names[c]);
        empty_folder(path);
    }
    empty_folder(folder);
}

static fv_train_options class_options(const place *p)
{
    fv_train_options o = quick_options(p);
    o.task = "classify";
    o.labels = NULL;
    o.config = "base=6,depth=2";
    o.crop = 24;
    o.batch = 8;
    o.steps = 15;
    o.epochs = 4;
    o.lr = 5e-3;
    o.warmup = 5;
    o.scale_min = o.scale_max = 1;
    o.rotate = 0;
    return o;
}

/* Right answers to 30 pictures no training saw. */
static int right_answers(const fv_model *m, const place *p)
{
    fv_classifier *c;
    int right = 0;
    assert_ok(fv_classifier_new(ctx, m, NULL, FV_FULL, &c));
    assert_int_equal(fv_classifier_features(c), 6);
    for (int i = 0; i < 30; i++) {
        char path[512];
        float says[3], features[6], sum = 0;
        fv_image *im;
        fv_tensor plane;
        write_example(p->labels, "new.png", i % 3, (uint64_t)(5000 + i));
        join(path, p->labels, "new.png");
        assert_ok(fv_image_read(ctx, path, NULL, &im));
        assert_ok(fv_image_plane(ctx, im, 0, -1, &plane, NULL));
        assert_ok(fv_classify(ctx, c, plane, 0, says, features));
        int best = 0;
        for (int k = 0; k < 3; k++) {
            sum += says[k];
            best = says[k] > says[best] ? k : best;
        }
        assert_near(sum, 1, 1e-5);
        right += strcmp(m->class_names[best], names[i % 3]) == 0;
        fv_plane_free(ctx, &plane);
        fv_image_free(ctx, im);
    }
    fv_classifier_free(c);
    return right;
}

static void classes_are_learned(void **state)
{
    (void)state;
    place p = place_new();
    write_classes(p.images, 3, 20, 0);
    fv_train_options o = class_options(&p);
    static const char *const losses[] = {"plain", "balanced"};
    for (int i = 0; i < 2; i++) {
        o.loss = losses[i];
        o.label_smoothing = i ? 0.1 : 0;
        o.normalize = i ? "percentile" : NULL;
        assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
        fv_model *m = model_in(p.run);
        assert_string_equal(m->task, "classify");
        assert_int_equal(m->classes, 3);
        assert_string_equal(m->class_names[0], "dark"); /* natural order */
        assert_int_equal(m->side, 24);
        int right = right_answers(m, &p);
        if (right < 27)
            fail_msg("%s: %d of 30 are right", losses[i], right);
        fv_model_free(ctx, m);
    }
    empty_classes(p.images);
    place_free(&p);
}

static void stop_at_7(void *user, const fv_train_progress *p)
{
    (void)user;
    if (p->step == 7 && !p->end_of_epoch)
        fv_cancel(ctx);
}

static void stopped_runs_end_with_the_same_bits(void **state)
{
    (void)state;
    place p = place_new();
    char again[512];
    join(again, p.root, "again");
    write_classes(p.images, 2, 8, 0);
    fv_train_options o = class_options(&p);
    o.steps = 5;
    o.epochs = 3;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    assert_int_equal(fv_train(ctx, &o, again, stop_at_7, NULL), FV_ECANCEL);
    fv_uncancel(ctx);
    fv_fields_default(fv_train_fields, &o);
    o.resume = 1;
    assert_ok(fv_train(ctx, &o, again, NULL, NULL));
    fv_model *a = model_in(p.run), *b = model_in(again);
    assert_memory_equal(a->params, b->params,
                        (size_t)fv_param_count(a->graph, 0) * sizeof(float));
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    empty_folder(again);
    empty_classes(p.images);
    place_free(&p);
}

/* ---- fine-tuning ---- */

static void frozen_parameters_stay(void **state)
{
    (void)state;
    place p = place_new();
    char path[512], tuned[512];
    write_classes(p.images, 3, 6, 0);
    fv_train_options o = class_options(&p);
    o.epochs = 1;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    fv_model *a = model_in(p.run);
    join(path, p.run, "model.fovea");
    join(tuned, p.root, "tuned");
    o.init = path;
    o.freeze = "down*,bottom/conv?/*";
    assert_ok(fv_train(ctx, &o, tuned, NULL, NULL));
    fv_model *b = model_in(tuned);
    int stayed = 0, moved = 0;
    for (int i = 0; i < fv_param_list_size(a->graph); i++) {
        fv_param q = fv_param_at(a->graph, i);
        bool frozen = strncmp(q.name, "down", 4) == 0 ||
                      strncmp(q.name, "bottom", 6) == 0;
        bool same = memcmp(a->params + q.offset, b->params + q.offset,
                           (size_t)q.count * sizeof(float)) == 0;
        if (frozen != same)
            fail_msg("%s %s", q.name, same ? "stayed" : "moved");
        stayed += same;
        moved += !same;
    }
    assert_true(stayed > 10 && moved > 10);
    o.freeze = "up9*";
    assert_fails(fv_train(ctx, &o, tuned, NULL, NULL), FV_EINVAL, "up9*");
    o.freeze = "*";
    assert_fails(fv_train(ctx, &o, tuned, NULL, NULL), FV_EINVAL, "leaves no");
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    empty_folder(tuned);
    empty_classes(p.images);
    place_free(&p);
}

static void early_layers_learn_slower(void **state)
{
    (void)state;
    fv_graph *g;
    int64_t dim[] = {-1, 4};
    assert_ok(fv_graph_new(ctx, &g));
    fv_val x = fv_input(g, "x", 2, dim);
    x = fv_linear(g, "first", x, 4);
    x = fv_linear(g, "second", x, 4);
    fv_push(g, "last");
    x = fv_linear(g, "a", x, 4);
    fv_linear(g, "b", x, 4);
    fv_pop(g);
    fvi_run r = {.ctx = ctx, .net = {.graph = g}};
    r.o.layer_decay = 0.5;
    assert_ok(fvi_make_rates(&r));
    static const double want[] = {0.25, 0.25, 0.5, 0.5, 1, 1, 1, 1};
    for (int i = 0; i < 8; i++)
        assert_near(r.rate[i], want[i], 0);
    fvi_free(ctx, r.rate);
    fv_graph_free(g);
}

/* ---- finding ---- */

static fvi_run run_of(fv_train_options *o)
{
    fvi_run r = {.ctx = ctx, .o = *o, .task = &fvi_task_classify};
    r.names = json_object();
    return r;
}

static void run_end(fvi_run *r)
{
    fvi_sources_free(ctx, &r->sources);
    fvi_sources_free(ctx, &r->val_sources);
    fvi_names_free(ctx, &r->classes);
    json_decref(r->names);
}

static int count(const fvi_sources *s, fvi_role role, int64_t category)
{
    int n = 0;
    for (int64_t i = 0; i < s->count; i++)
        n += s->item[i].role == role && s->item[i].category == category;
    return n;
}

static void folders_may_be_parts(void **state)
{
    (void)state;
    place p = place_new();
    char train[512], test[512];
    join(train, p.images, "train");
    join(test, p.images, "test");
    write_classes(train, 3, 10, 0);
    write_classes(test, 2, 4, 0); /* the same names again */
    fv_train_options o = class_options(&p);
    o.val_fraction = 0.2;
    o.test_fraction = 0.5; /* there is a test part already */
    fvi_run r = run_of(&o);
    assert_ok(fvi_find_by_class(&r, 2));
    assert_int_equal(r.classes.count, 3);
    int val = 0;
    for (int c = 0; c < 3; c++) {
        int left = count(&r.sources, FVI_FOR_TRAINING, c);
        val += count(&r.sources, FVI_FOR_VALIDATION, c);
        assert_in_range(left, 1, 10);
        assert_int_equal(count(&r.sources, FVI_FOR_TEST, c), c ? 4 : 0);
    }
    assert_int_equal(val, 6);
    run_end(&r);
    empty_classes(train);
    empty_classes(test);
    place_free(&p);
}

static void a_table_may_say_the_class(void **state)
{
    (void)state;
    place p = place_new();
    char csv[512];
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "i%d.png", i);
        write_example(p.images, name, i % 2, (uint64_t)i);
    }
    join(csv, p.root, "classes.csv");
    const char *text = "class,id,split\nb10,i0,train\nb2,i1,train\n"
                       "b10,i2.png,val\nb2,i3,test\n";
    assert_ok(fvi_file_write(ctx, csv, text, strlen(text)));
    fv_train_options o = class_options(&p);
    o.split_csv = csv;
    fvi_run r = run_of(&o);
    assert_ok(fvi_find_by_class(&r, 2));
    assert_string_equal(r.classes.name[0], "b2");
    assert_int_equal(count(&r.sources, FVI_FOR_TRAINING, 0), 1);
    assert_int_equal(count(&r.sources, FVI_FOR_TRAINING, 1), 1);
    assert_int_equal(count(&r.sources, FVI_FOR_VALIDATION, 1), 1);
    assert_int_equal(count(&r.sources, FVI_FOR_TEST, 0), 1);
    run_end(&r);
    place_free(&p);
}

/* ---- the files of MNIST ---- */

static void write_gz(const char *folder, const char *name, const void *bytes,
                     size_t size)
{
    char path[512];
    join(path, folder, name);
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)size), size);
    gzclose(f);
}

/* `count` images of 5 x 7: pixel k of image i is i + k. */
static void write_idx(const char *folder, const char *part, int count)
{
    unsigned char images[16 + 35 * 20] = {0, 0, 8, 3, 0, 0, 0, 0,
                                          0, 0, 0, 5, 0, 0, 0, 7};
    unsigned char labels[8 + 20] = {0, 0, 8, 1};
    char name[64];
    images[7] = labels[7] = (unsigned char)count;
    for (int i = 0; i < count; i++) {
        labels[8 + i] = (unsigned char)(i % 3);
        for (int k = 0; k < 35; k++)
            images[16 + 35 * i + k] = (unsigned char)(i + k);
    }
    snprintf(name, sizeof name, "%s-images-idx3-ubyte.gz", part);
    write_gz(folder, name, images, 16 + 35 * (size_t)count);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte.gz", part);
    write_gz(folder, name, labels, 8 + (size_t)count);
}

static void files_of_mnist_are_read(void **state)
{
    (void)state;
    place p = place_new();
    write_idx(p.images, "train", 20);
    write_idx(p.images, "t10k", 6);
    fv_train_options o = class_options(&p);
    o.crop = 5;
    fvi_run r = run_of(&o);
    fv_model m = {.percentile = {0, 100}};
    fv_graph *g;
    int64_t dim[] = {-1, -1, -1, 1};
    assert_ok(fv_graph_new(ctx, &g));
    m.graph = g;
    m.image = fv_input(g, "image", 4, dim);
    r.model = &m;
    assert_ok(fvi_find_by_class(&r, 2));
    assert_ok(fvi_classify_read(&r));
    assert_int_equal(r.classes.count, 3);
    assert_int_equal(r.test_count, 6);
    assert_int_equal(r.train_count + r.val_count, 20);
    for (int64_t i = 0; i < r.train_count; i++) {
        const fv_pair *a = &r.train[i];
        int number = atoi(a->name + strlen("train-"));
        assert_int_equal(a->category, number % 3);
        assert_int_equal(a->plane.dim[0], 5);
        assert_int_equal(a->plane.dim[1], 7);
        for (int k = 0; k < 35; k++) /* 0 to 1 by percentiles 0 and 100 */
            assert_near(((float *)a->plane.data)[k], k / 34.0, 1e-6);
    }
    fv_pairs_free(ctx, r.train, r.train_count);
    fv_pairs_free(ctx, r.val, r.val_count);
    fv_graph_free(g);
    run_end(&r);
    place_free(&p);
}

static void broken_files_of_mnist_are_refused(void **state)
{
    (void)state;
    static const unsigned char wrong[][12] = {
        {0, 0, 9, 1, 0, 0, 0, 4, 1, 2, 3, 4}, /* type */
        {0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4}, /* too short */
        {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4}, /* too long */
        {0, 0, 8, 4, 0, 0, 0, 4, 1, 2, 3, 4}, /* extents */
        {0, 0, 8, 1, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
        {0x1f, 0x8b, 8, 0, 0, 0, 0, 3, 1, 2, 3, 4}, /* no gzip inside */
    };
    place p = place_new();
    fv_train_options o = class_options(&p);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[512];
        write_idx(p.images, "train", 4);
        join(path, p.images, "train-labels-idx1-ubyte.gz");
        assert_ok(fvi_file_write(ctx, path, wrong[i], sizeof wrong[i]));
        fvi_run r = run_of(&o);
        assert_fails(fvi_find_by_class(&r, 2), FV_EFORMAT, "idx1-ubyte");
        run_end(&r);
    }
    place_free(&p);
}

static void what_cannot_be_learned_is_refused(void **state)
{
    (void)state;
    place p = place_new();
    fv_train_options o = class_options(&p);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "classes");
    write_classes(p.images, 1, 3, 0);
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "1 classes");
    write_classes(p.images, 2, 3, 0);
    o.loss = "mae";
    assert_fails(fv_train(ctx, &o, p.run, NULL, NULL), FV_EINVAL, "balanced");
    empty_classes(p.images);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_learned),
        cmocka_unit_test(stopped_runs_end_with_the_same_bits),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(early_layers_learn_slower),
        cmocka_unit_test(folders_may_be_parts),
        cmocka_unit_test(a_table_may_say_the_class),
        cmocka_unit_test(files_of_mnist_are_read),
        cmocka_unit_test(broken_files_of_mnist_are_refused),
        cmocka_unit_test(what_cannot_be_learned_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
