/* Measurements against skimage.measure.regionprops, and on objects whose
 * numbers are known. */
#include "german.h"
#include "task/task.h"
#include "task_test.h"

static void measurements_match_skimage(void **state)
{
    (void)state;
    fv_tensor labels = golden_as("measure", "labels", FV_U32);
    fv_tensor image = golden_as("measure", "image", FV_F32);
    fv_tensor want = golden_find(&gold, "measure", "objects");
    fv_objects o;
    assert_ok(fv_measure(ctx, labels, image, &o));
    assert_int_equal(o.count, want.dim[0]);
    assert_int_equal(o.channels, 2);
    for (int64_t k = 0; k < o.count; k++) {
        const double *v = (double *)want.data + k * want.dim[1];
        const fv_object *p = o.object + k;
        assert_int_equal(p->label, v[0]);
        for (int i = 0; i < 4; i++)
            assert_int_equal(p->box[i], v[1 + i]);
        assert_near(p->center[0], v[5], 1e-9);
        assert_near(p->center[1], v[6], 1e-9);
        assert_int_equal(p->area, v[7]);
        assert_near(p->perimeter, v[8], 1e-9);
        assert_near(p->eccentricity, v[9], 1e-7);
        assert_near(p->solidity, v[10], 1e-12);
        assert_near(p->major, v[11], 1e-7);
        assert_near(p->minor, v[12], 1e-6);
        assert_near(p->orientation, v[13], 1e-6);
        for (int i = 0; i < 6; i++)
            assert_near(o.intensities[6 * k + i], v[14 + i], 1e-5);
    }
    fv_objects_free(ctx, &o);
    free(labels.data);
    free(image.data);
}

/* A block of 4 x 6 pixels: variance of n steps is (n^2 - 1) / 12. */
static void a_block_has_known_numbers(void **state)
{
    (void)state;
    fv_tensor l = new_labels(10, 12);
    for (int y = 3; y < 7; y++)
        for (int x = 2; x < 8; x++)
            ((uint32_t *)l.data)[12 * y + x] = 3000000000u;
    fv_objects o;
    assert_ok(fv_measure(ctx, l, (fv_tensor){.ndim = -1}, &o));
    assert_int_equal(o.count, 1);
    assert_null(o.intensities);
    assert_int_equal(o.object->label, 3000000000u);
    assert_int_equal(o.object->area, 24);
    assert_near(o.object->center[0], 4.5, 1e-12);
    assert_near(o.object->center[1], 4.5, 1e-12);
    assert_near(o.object->major, 4 * sqrt(35. / 12), 1e-12);
    assert_near(o.object->minor, 4 * sqrt(15. / 12), 1e-12);
    assert_near(o.object->solidity, 1, 0);
    assert_near(fabs(o.object->orientation), acos(0), 1e-12);
    fv_objects_free(ctx, &o);
    free(l.data);
}

static void nothing_and_everything_are_measured(void **state)
{
    (void)state;
    static const int64_t shape[][2] = {{0, 0},  {0, 4},  {1, 1},
                                       {1, 70}, {70, 1}, {50, 60}};
    for (int s = 0; s < 6; s++)
        for (uint32_t v = 0; v < 2; v++) {
            int64_t h = shape[s][0], w = shape[s][1];
            fv_objects o;
            fv_tensor l = new_labels(h, w);
            fv_tensor image = new_tensor(FV_F32, 3, h, w, 1);
            for (int64_t i = 0; i < h * w; i++)
                ((uint32_t *)l.data)[i] = v;
            assert_ok(fv_measure(ctx, l, image, &o));
            assert_int_equal(o.count, h * w > 0 && v);
            if (o.count) {
                assert_int_equal(o.object->area, h * w);
                assert_near(o.object->solidity, 1, 0);
                assert_near(o.intensities[0], 0, 0);
            }
            fv_objects_free(ctx, &o);
            free(l.data);
            free(image.data);
        }
}

/* Every pixel its own object, with labels far apart. */
static void many_objects_stay_apart(void **state)
{
    (void)state;
    enum { SIDE = 300 };
    fv_tensor l = new_labels(SIDE, SIDE);
    fv_objects o;
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        ((uint32_t *)l.data)[i] = (SIDE * SIDE - i) * 40000u;
    assert_ok(fv_measure(ctx, l, (fv_tensor){.ndim = -1}, &o));
    assert_int_equal(o.count, SIDE * SIDE);
    assert_int_equal(o.object[0].label, 40000);
    assert_near(o.object[0].center[0], SIDE - 1, 0);
    assert_near(o.object[5].perimeter, 0, 0);
    assert_near(o.object[5].major, 0, 0);
    fv_objects_free(ctx, &o);
    free(l.data);
}

static void measuring_does_not_depend_on_threads(void **state)
{
    (void)state;
    enum { SIDE = 300 };
    fv_tensor labels = new_labels(SIDE, SIDE);
    fv_tensor image = new_tensor(FV_F32, 3, SIDE, SIDE, 2);
    fv_objects one, many;
    for (int64_t i = 0; i < SIDE * SIDE; i++)
        ((uint32_t *)labels.data)[i] =
            (uint32_t)(draw(5) ? i / SIDE / 9 * 40 + i % SIDE / 13 : 0);
    for (int64_t i = 0; i < SIDE * SIDE * 2; i++)
        ((float *)image.data)[i] = (float)draw(1000) / 7;
    fv_set_threads(ctx, 1);
    assert_ok(fv_measure(ctx, labels, image, &one));
    for (int t = 2; t < 5; t++) {
        fv_set_threads(ctx, t);
        assert_ok(fv_measure(ctx, labels, image, &many));
        assert_int_equal(one.count, many.count);
        assert_memory_equal(one.object, many.object,
                            (size_t)one.count * sizeof *one.object);
        assert_memory_equal(one.intensities, many.intensities,
                            (size_t)one.count * 6 * sizeof(double));
        fv_objects_free(ctx, &many);
    }
    fv_set_threads(ctx, 0);
    fv_objects_free(ctx, &one);
    free(labels.data);
    free(image.data);
}

static void tables_have_points_in_any_locale(void **state)
{
    (void)state;
    german_or_skip();
    fv_object one = {.label = 1, .area = 4, .center = {1.5, 2.5}};
    fv_objects o = {.object = &one, .count = 1};
    fvi_text t = {.ctx = ctx};
    fvi_objects_text(&t, &o, NULL);
    german_end();
    assert_non_null(strstr(t.data, "\n1,4,1.5,2.5,0,0,0,0,0,"));
    fvi_text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measurements_match_skimage),
        cmocka_unit_test(a_block_has_known_numbers),
        cmocka_unit_test(nothing_and_everything_are_measured),
        cmocka_unit_test(many_objects_stay_apart),
        cmocka_unit_test(measuring_does_not_depend_on_threads),
        cmocka_unit_test(tables_have_points_in_any_locale),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
