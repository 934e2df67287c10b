/* How large objects are: told from the style of an image, and images brought
 * to one size of objects. */
#include "train_test.h"

#include "train/task.h"

#include <math.h>

enum { SIDE = 96 };

/* Disks of one radius, on a lattice, in noise. */
static fv_pair disks(uint64_t number, double radius)
{
    fvi_rng r = fvi_rng_new(9, number);
    fv_pair p = {.plane = plane_of(SIDE, SIDE, 1), .pitch = 0.5};
    p.labels = labels_of(SIDE, SIDE);
    float *x = p.plane.data;
    uint32_t *label = p.labels.data, next = 1;
    for (int64_t i = 0; i < SIDE * SIDE; i++)
        x[i] = (float)(0.1 + 0.1 * fvi_rng_uniform(&r));
    for (double cy = 1.5 * radius; cy < SIDE; cy += 3 * radius)
        for (double cx = 1.5 * radius; cx < SIDE; cx += 3 * radius, next++)
            for (int64_t i = 0; i < SIDE * SIDE; i++)
                if (hypot((double)(i / SIDE) - cy, (double)(i % SIDE) - cx) <
                    radius) {
                    label[i] = next;
                    x[i] = (float)(0.8 + 0.2 * fvi_rng_uniform(&r));
                }
    return p;
}

/* `count` pairs whose radii rise from 3 to 16 px. */
static void draw(fv_pair *pairs, int count, uint64_t first)
{
    for (int i = 0; i < count; i++)
        pairs[i] = disks(first + (uint64_t)i, 3 + 13.0 * i / (count - 1));
}

static void erase(fv_pair *pairs, int count)
{
    for (int i = 0; i < count; i++) {
        free(pairs[i].plane.data);
        free(pairs[i].labels.data);
    }
}

/* A network with weights from a seed. */
static fv_model *network(const char *name)
{
    const fv_arch *arch;
    void *config;
    fv_model *m;
    assert_ok(fv_arch_find(ctx, name, &arch));
    assert_ok(fv_config_new(ctx, arch, &config));
    assert_ok(fv_field_set(ctx, arch->fields, config, "in", "1"));
    if (fv_field_find(arch->fields, "depth"))
        assert_ok(fv_field_set(ctx, arch->fields, config, "depth", "2"));
    if (fv_field_find(arch->fields, "base"))
        assert_ok(fv_field_set(ctx, arch->fields, config, "base", "8"));
    assert_ok(fv_model_new(ctx, arch, config, 4, &m));
    m->diameter = 16;
    return m;
}

/* Even features that nobody trained tell diameters from 6 to 32 px better
 * than always saying the middle one, on images they were not fitted to. */
static void styles_tell_diameters(void **state)
{
    (void)state;
    fv_pair train[12], val[7];
    fv_model *a = network("unet"), *b = network("unet");
    double error = 1, again = 1;
    draw(train, 12, 0);
    draw(val, 7, 100);
    assert_fails(fv_size_error(ctx, a, val, 7, &error), FV_ENOTSUP, "cannot");
    assert_ok(fv_fit_size(ctx, a, train, 12, 1));
    assert_ok(fv_size_error(ctx, a, val, 7, &error));
    fv_set_threads(ctx, 1);
    assert_ok(fv_fit_size(ctx, b, train, 12, 1));
    fv_set_threads(ctx, 2);
    assert_int_equal(a->size_count, b->size_count);
    assert_memory_equal(a->size, b->size,
                        (size_t)a->size_count * sizeof *a->size);
    memset(b->size, 0, (size_t)b->size_count * sizeof *b->size);
    b->size[b->size_count - 1] = (float)log(16);
    assert_ok(fv_size_error(ctx, b, val, 7, &again));
    if (!(again > 1.5 * error && error < 0.2))
        fail_msg("off by %g, a constant by %g", error, again);
    fv_model_free(ctx, a);
    fv_model_free(ctx, b);
    erase(train, 12);
    erase(val, 7);
}

static void what_cannot_be_learned(void **state)
{
    (void)state;
    fv_pair pairs[3];
    fv_model *flat = network("dncnn"), *m = network("unet");
    draw(pairs, 3, 0);
    assert_fails(fv_fit_size(ctx, flat, pairs, 3, 1), FV_ENOTSUP, "smaller");
    for (int i = 0; i < 3; i++)
        memset(pairs[i].labels.data, 0, SIDE * SIDE * sizeof(uint32_t));
    assert_fails(fv_fit_size(ctx, m, pairs, 3, 1), FV_EINVAL, "too few");
    assert_fails(fv_fit_size(ctx, m, pairs, 0, 1), FV_EINVAL, "no image");
    assert_null(m->size);
    fv_model_free(ctx, flat);
    fv_model_free(ctx, m);
    erase(pairs, 3);
}

/* Of many images some are looked at, from one end to the other. */
static void many_images(void **state)
{
    enum { MANY = 300, SHOWN = 40 };
    (void)state;
    static fv_pair pairs[MANY];
    fv_pair some[2] = {disks(0, 6), disks(1, 6)};
    fv_model *m = network("unet");
    double error = 0;
    memset(some[0].labels.data, 0, SIDE * SIDE * sizeof(uint32_t));
    for (int i = 0; i < MANY; i++)
        pairs[i] = some[i >= MANY - SHOWN];
    assert_ok(fv_fit_size(ctx, m, pairs, MANY, 1));
    assert_ok(fv_size_error(ctx, m, pairs, MANY, &error));
    assert_true(error < 0.5); /* and not NaN */
    fv_model_free(ctx, m);
    erase(some, 2);
}

/* Owned by the library, as pairs that were read. */
static void take_over(fv_pair *p)
{
    fv_tensor plane = p->plane, labels = p->labels;
    p->plane.data = fvi_alloc(ctx, (size_t)fv_count(plane) * sizeof(float));
    p->labels.data = fvi_alloc(ctx, (size_t)fv_count(labels) * sizeof(float));
    assert_ok(fv_copy(ctx, plane, p->plane));
    assert_ok(fv_copy(ctx, labels, p->labels));
    free(plane.data);
    free(labels.data);
}

static void images_come_to_one_diameter(void **state)
{
    (void)state;
    fv_pair pairs[4];
    draw(pairs, 4, 0);
    memset(pairs[3].labels.data, 0, SIDE * SIDE * sizeof(uint32_t));
    for (int i = 0; i < 4; i++)
        take_over(&pairs[i]);
    assert_ok(fvi_rescale_pairs(ctx, pairs, 4, 12));
    for (int i = 0; i < 4; i++) {
        double d = 0, zoom = (double)pairs[i].labels.dim[0] / SIDE;
        int64_t n = 1;
        assert_ok(fv_median_diameter(ctx, pairs[i].labels, &d, &n));
        assert_int_equal(pairs[i].plane.dim[0], pairs[i].labels.dim[0]);
        assert_int_equal(pairs[i].plane.dim[1], pairs[i].labels.dim[1]);
        assert_near(pairs[i].pitch, 0.5 / zoom, 0.01);
        assert_near(d, i < 3 ? 12 : 0, 0.6);
        if (i == 3)
            assert_int_equal(pairs[i].plane.dim[0], SIDE);
        fv_plane_free(ctx, &pairs[i].plane);
        fv_plane_free(ctx, &pairs[i].labels);
    }
}

/* A model of rescaled images estimates without being asked. */
static void a_rescaled_run(void **state)
{
    (void)state;
    place p = place_new();
    write_disks(p.images, p.labels, 6, 64);
    fv_train_options o = quick_options(&p);
    fv_predictor *predictor;
    fv_tensor maps, plane;
    o.rescale = 21;
    o.size = 1;
    o.epochs = 1;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    fv_model *m = model_in(p.run);
    assert_near(m->diameter, 21, 0);
    assert_int_equal(m->rescaled, 1);
    assert_non_null(m->size);
    plane = plane_of(64, 64, 1);
    for (int i = 0; i < 64 * 64; i++)
        ((float *)plane.data)[i] = (float)(i % 7);
    fv_predict_options how = {0};
    assert_ok(fv_predictor_new(ctx, m, how, &predictor));
    assert_ok(fv_predict(ctx, predictor, plane, 0, &maps));
    assert_true(fv_predictor_diameter(predictor) > 0);
    fv_plane_free(ctx, &maps);
    fv_predictor_free(predictor);
    fv_model_free(ctx, m);
    empty_folder(p.run);
    o.rescale = 0;
    o.size = 0;
    assert_ok(fv_train(ctx, &o, p.run, NULL, NULL));
    m = model_in(p.run);
    assert_true(m->diameter < 18);
    assert_int_equal(m->rescaled, 0);
    assert_null(m->size);
    fv_model_free(ctx, m);
    free(plane.data);
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_tell_diameters),
        cmocka_unit_test(what_cannot_be_learned),
        cmocka_unit_test(many_images),
        cmocka_unit_test(images_come_to_one_diameter),
        cmocka_unit_test(a_rescaled_run),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
