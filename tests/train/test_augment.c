/* Crops: exact where they can be, image and labels in register, reproducible.*/
#include "task/task.h"
#include "train_test.h"

#include "fovea/augment.h"
#include "train/warp.h"

static const fv_augment still = {.scale_min = 1, .scale_max = 1};

/* Blocks of 9 px, each with its own label; the image is the label. */
static void make_blocks(fv_tensor image, fv_tensor labels)
{
    int64_t w = labels.dim[1];
    for (int64_t i = 0; i < fv_count(labels); i++) {
        uint32_t label = (uint32_t)(1 + i / w / 9 * 10 + i % w / 9);
        ((uint32_t *)labels.data)[i] = label;
        ((float *)image.data)[i] = (float)label;
    }
}

typedef struct scene {
    fv_tensor image, labels, crop, truth;
} scene;

static scene scene_new(int64_t h, int64_t w, int64_t side)
{
    scene s = {plane_of(h, w, 1), labels_of(h, w), plane_of(side, side, 1),
               labels_of(side, side)};
    make_blocks(s.image, s.labels);
    return s;
}

static void scene_free(scene *s)
{
    free(s->image.data);
    free(s->labels.data);
    free(s->crop.data);
    free(s->truth.data);
}

static float pixel(fv_tensor t, int64_t y, int64_t x)
{
    return ((const float *)t.data)[y * t.dim[1] + x];
}

static uint32_t label(fv_tensor t, int64_t y, int64_t x)
{
    return ((const uint32_t *)t.data)[y * t.dim[1] + x];
}

static void number_pixels(fv_tensor image)
{
    for (int64_t i = 0; i < fv_count(image); i++)
        ((float *)image.data)[i] = (float)i;
}

static void flips_and_quarter_turns_are_exact(void **state)
{
    static const double maps[][2][2] = {{{1, 0}, {0, 1}},
                                        {{-1, 0}, {0, 1}},
                                        {{1, 0}, {0, -1}},
                                        {{0, 1}, {-1, 0}},
                                        {{0, -1}, {1, 0}}};
    (void)state;
    scene s = scene_new(20, 30, 8);
    number_pixels(s.image);
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
        fvi_warp w = {.center = {5 + 3.5, 11 + 3.5}};
        memcpy(w.map, maps[k], sizeof w.map);
        fvi_warp_apply(&w, s.image, s.labels, s.crop, s.truth, NULL);
        for (int i = 0; i < 8; i++)
            for (int j = 0; j < 8; j++) {
                double v = i - 3.5, u = j - 3.5;
                int64_t y = (int64_t)(8.5 + w.map[0][0] * v + w.map[0][1] * u);
                int64_t x = (int64_t)(14.5 + w.map[1][0] * v + w.map[1][1] * u);
                assert_true(pixel(s.crop, i, j) == pixel(s.image, y, x));
                assert_int_equal(label(s.truth, i, j), label(s.labels, y, x));
            }
    }
    scene_free(&s);
}

static void a_still_crop_is_a_copy(void **state)
{
    (void)state;
    scene s = scene_new(24, 24, 24);
    number_pixels(s.image);
    assert_ok(fv_augment_crop(ctx, &still, 1, 2, 3, s.image, s.labels, s.crop,
                              s.truth));
    assert_memory_equal(s.crop.data, s.image.data, 24 * 24 * sizeof(float));
    assert_memory_equal(s.truth.data, s.labels.data, 24 * 24 * 4);
    scene_free(&s);
}

/* Where a label has no other label around it, the image must show its number
 * whatever the map (two pixels around: the map may turn by 45 degrees). */
static int64_t compare_inside(const scene *s)
{
    int64_t n = 0, side = s->truth.dim[0];
    for (int64_t y = 2; y + 2 < side; y++)
        for (int64_t x = 2; x + 2 < side; x++) {
            uint32_t l = label(s->truth, y, x);
            bool inside = true;
            for (int64_t k = 0; k < 25; k++)
                inside &= label(s->truth, y + k / 5 - 2, x + k % 5 - 2) == l;
            if (!inside)
                continue;
            assert_near(pixel(s->crop, y, x), l, 1e-4);
            n++;
        }
    return n;
}

static void labels_follow_the_image(void **state)
{
    (void)state;
    fv_augment a = {.flip = 1,
                    .rotate = 1,
                    .scale_min = 0.9,
                    .scale_max = 2,
                    .elastic = 3,
                    .foreground = 0.5};
    scene s = scene_new(70, 85, 64);
    for (uint64_t i = 0; i < 20; i++) {
        assert_ok(fv_augment_crop(ctx, &a, 7, 1, i, s.image, s.labels, s.crop,
                                  s.truth));
        assert_true(compare_inside(&s) > 300);
    }
    scene_free(&s);
}

static void the_same_numbers_give_the_same_crop(void **state)
{
    (void)state;
    fv_augment a = {.flip = 1,
                    .rotate = 1,
                    .scale_min = 0.5,
                    .scale_max = 2,
                    .elastic = 2,
                    .intensity = 0.3,
                    .noise = 0.1,
                    .blur = 2,
                    .invert = 0.5,
                    .foreground = 0.5};
    scene s = scene_new(50, 40, 32), t = scene_new(50, 40, 32);
    size_t bytes = 32 * 32 * sizeof(float);
    assert_ok(
        fv_augment_crop(ctx, &a, 1, 2, 3, s.image, s.labels, s.crop, s.truth));
    assert_ok(
        fv_augment_crop(ctx, &a, 1, 2, 3, s.image, s.labels, t.crop, t.truth));
    assert_memory_equal(s.crop.data, t.crop.data, bytes);
    assert_memory_equal(s.truth.data, t.truth.data, bytes);
    for (uint64_t k = 0; k < 3; k++) {
        assert_ok(fv_augment_crop(ctx, &a, 1 + (k == 0), 2 + (k == 1),
                                  3 + (k == 2), s.image, s.labels, t.crop,
                                  t.truth));
        assert_memory_not_equal(s.crop.data, t.crop.data, bytes);
    }
    scene_free(&s);
    scene_free(&t);
}

static void objects_come_to_the_center(void **state)
{
    (void)state;
    fv_augment a = still;
    a.foreground = 1;
    scene s = scene_new(60, 60, 16);
    memset(s.labels.data, 0, 60 * 60 * sizeof(uint32_t));
    ((uint32_t *)s.labels.data)[17 * 60 + 41] = 9;
    for (uint64_t i = 0; i < 10; i++) {
        assert_ok(fv_augment_crop(ctx, &a, 1, 1, i, s.image, s.labels, s.crop,
                                  s.truth));
        assert_int_equal(label(s.truth, 8, 8), 9);
    }
    scene_free(&s);
}

static void small_pictures_are_mirrored(void **state)
{
    (void)state;
    scene one = scene_new(1, 1, 8), s = scene_new(4, 4, 16);
    assert_ok(fv_augment_crop(ctx, &still, 1, 1, 1, one.image, one.labels,
                              one.crop, one.truth));
    for (int i = 0; i < 64; i++)
        assert_true(((float *)one.crop.data)[i] == 1);
    number_pixels(s.image);
    fvi_warp w = {.map = {{1, 0}, {0, 1}}, .center = {7.5 - 6, 7.5 - 6}};
    fvi_warp_apply(&w, s.image, s.labels, s.crop, s.truth, NULL);
    static const int at[16] = {0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3};
    for (int i = 0; i < 16; i++) /* crop pixel 0 is picture pixel -6 */
        assert_true(pixel(s.crop, 6, i) == (float)at[i]);
    scene_free(&one);
    scene_free(&s);
}

/* An image that holds its own x: what it reads beyond is the displacement. */
static void elastic_warps_are_as_large_as_asked(void **state)
{
    (void)state;
    fv_augment a = still;
    a.elastic = 3;
    scene s = scene_new(400, 400, 128);
    double sum = 0, n = 0;
    for (int64_t i = 0; i < 400 * 400; i++)
        ((float *)s.image.data)[i] = (float)(i % 400);
    for (uint64_t k = 0; k < 40; k++) {
        fv_tensor middle = s.image;
        assert_ok(fv_augment_crop(ctx, &a, 1, 1, k, middle, s.labels, s.crop,
                                  s.truth));
        fvi_rng r = fvi_rng_new(1 ^ fvi_hash_text("geometry"), 1ull << 32 ^ k);
        fvi_warp w = fvi_warp_draw(&still, &r, s.labels, 128, NULL);
        for (int64_t i = 0; i < 128 * 128; i++) {
            double still_x = w.center[1] + (double)(i % 128) - 63.5;
            double d = (double)((float *)s.crop.data)[i] - still_x;
            if (still_x < 20 || still_x > 380)
                continue;
            sum += d * d;
            n++;
        }
    }
    assert_near(sqrt(sum / n), 3, 0.3);
    scene_free(&s);
}

static void blur_keeps_the_sum(void **state)
{
    (void)state;
    fv_tensor t = plane_of(41, 41, 2), scratch = plane_of(41, 41, 2);
    float *x = t.data;
    x[(20 * 41 + 20) * 2] = 1;
    for (int i = 0; i < 41 * 41; i++)
        x[2 * i + 1] = 5;
    fvi_smooth(t.dim, t.data, scratch.data, 2, 1);
    double sum = 0, moment = 0;
    for (int i = 0; i < 41 * 41; i++) {
        sum += (double)x[2 * i];
        moment += (double)x[2 * i] * (i / 41 - 20) * (i / 41 - 20);
        assert_near(x[2 * i + 1], 5, 1e-5);
    }
    assert_near(sum, 1, 1e-5);
    assert_near(sqrt(moment), 2, 0.05);
    free(t.data);
    free(scratch.data);
}

static void wrong_shapes_are_named(void **state)
{
    (void)state;
    scene s = scene_new(20, 20, 8), t = scene_new(21, 20, 8);
    fv_augment bad = {.scale_min = 2, .scale_max = 1};
    assert_fails(fv_augment_crop(ctx, &still, 1, 1, 1, s.image, t.labels,
                                 s.crop, s.truth),
                 FV_ESHAPE, "20x20");
    assert_fails(
        fv_augment_crop(ctx, &bad, 1, 1, 1, s.image, s.labels, s.crop, s.truth),
        FV_EINVAL, "zoom");
    scene_free(&s);
    scene_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_and_quarter_turns_are_exact),
        cmocka_unit_test(a_still_crop_is_a_copy),
        cmocka_unit_test(labels_follow_the_image),
        cmocka_unit_test(the_same_numbers_give_the_same_crop),
        cmocka_unit_test(objects_come_to_the_center),
        cmocka_unit_test(small_pictures_are_mirrored),
        cmocka_unit_test(elastic_warps_are_as_large_as_asked),
        cmocka_unit_test(blur_keeps_the_sum),
        cmocka_unit_test(wrong_shapes_are_named),
    };
    return cmocka_run_group_tests(tests, setup, close_context);
}
