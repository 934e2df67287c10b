/* Files for other programs. Writes sets of labels and their exports into a
 * folder, checks what C can check, and leaves the rest to check_exports.py,
 * which reads the folder with nothing but Python's own modules. */
#include "task/color.h"

#include "task_test.h"

#include "fovea/image.h"

static char folder[512];

static const char *path_of(int set, const char *ending)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%d%s", folder, set, ending);
    return path;
}

/* Labels as text: height, width, then numbers. */
static void save_labels(int set, fv_tensor l)
{
    FILE *f = fopen(path_of(set, ".txt"), "w");
    assert_non_null(f);
    fprintf(f, "%lld %lld\n", (long long)l.dim[0], (long long)l.dim[1]);
    for (int64_t i = 0; i < fv_count(l); i++)
        fprintf(f, "%u ", ((uint32_t *)l.data)[i]);
    fclose(f);
}

static fv_tensor labels_of(int set)
{
    if (set == 0)
        return golden_as("measure", "labels", FV_U32);
    if (set == 1)
        return golden_as("clean", "labels", FV_U32);
    if (set == 2)
        return new_labels(7, 5);
    if (set == 3) { /* beyond what 16-bit coordinates reach */
        fv_tensor wide = new_labels(8, 33000);
        for (int y = 2; y < 6; y++)
            for (int x = 32900; x < 32910 + y; x++)
                ((uint32_t *)wide.data)[33000 * y + x] = 80000;
        return wide;
    }
    fv_tensor l = new_labels(3 + set, 25 - set);
    for (int64_t i = 0; i < fv_count(l); i++)
        ((uint32_t *)l.data)[i] = (uint32_t)draw(set % 3 + 2);
    return l;
}

enum { SETS = 16 };

static void exports_are_written(void **state)
{
    (void)state;
    static const double pitch[3] = {0, 0.5, 0.25};
    for (int set = 0; set < SETS; set++) {
        fv_objects o;
        fv_tensor l = labels_of(set);
        save_labels(set, l);
        assert_ok(fv_geojson_write(ctx, path_of(set, ".geojson"), l));
        assert_ok(fv_rois_write(ctx, path_of(set, ".zip"), l));
        assert_ok(fv_measure(ctx, l, (fv_tensor){.ndim = -1}, &o));
        assert_ok(fv_objects_write_csv(ctx, path_of(set, ".csv"), &o,
                                       set % 2 ? pitch : NULL));
        fv_objects_free(ctx, &o);
        free(l.data);
    }
}

static void exports_repeat_byte_for_byte(void **state)
{
    (void)state;
    fv_tensor l = labels_of(0);
    unsigned char *a, *b;
    size_t size_a, size_b;
    assert_ok(fv_rois_write(ctx, path_of(0, "_again.zip"), l));
    assert_ok(fvi_file_read(ctx, path_of(0, ".zip"), 1 << 24, &a, &size_a));
    assert_ok(
        fvi_file_read(ctx, path_of(0, "_again.zip"), 1 << 24, &b, &size_b));
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    fvi_free(ctx, a);
    fvi_free(ctx, b);
    free(l.data);
}

static void failed_exports_leave_nothing(void **state)
{
    (void)state;
    fv_tensor l = labels_of(0);
    fv_tensor plane = new_tensor(FV_F32, 3, l.dim[0], l.dim[1], 1);
    char path[700];
    snprintf(path, sizeof path, "%s/absent/x.png", folder);
    assert_int_equal(fv_rois_write(ctx, path, l), FV_EIO);
    assert_int_equal(fv_geojson_write(ctx, path, l), FV_EIO);
    assert_non_null(strstr(fv_message(ctx), "absent"));
    assert_int_equal(fv_overlay_write(ctx, path, plane, l), FV_EIO);
    assert_false(fvi_is_file(path));
    free(l.data);
    free(plane.data);
}

/* Objects that touch differ in color as long as the palette lasts. */
static void neighbors_differ_in_color(void **state)
{
    (void)state;
    enum { SIDE = 120, BLOCK = 10 };
    fv_tensor l = new_labels(SIDE, SIDE);
    uint32_t *v = l.data;
    for (int64_t i = 0; i < SIDE * SIDE; i++) {
        int64_t y = i / SIDE / BLOCK, x = (i % SIDE + y % 2 * 5) / BLOCK;
        v[i] = (uint32_t)(1000 * y + x + 1);
    }
    fvi_tally color = {.ctx = ctx};
    assert_ok(fvi_color_objects(ctx, v, SIDE, SIDE, &color));
    for (int64_t i = SIDE; i < SIDE * SIDE; i++) {
        int64_t k = i % SIDE ? i - 1 : i - SIDE;
        if (v[i] != v[k])
            assert_int_not_equal(color.sum[fvi_tally_find(&color, v[i])],
                                 color.sum[fvi_tally_find(&color, v[k])]);
        if (v[i] != v[i - SIDE])
            assert_int_not_equal(
                color.sum[fvi_tally_find(&color, v[i])],
                color.sum[fvi_tally_find(&color, v[i - SIDE])]);
    }
    fvi_tally_free(&color);
    free(l.data);
}

static bool in_palette(const uint8_t *rgb)
{
    for (int c = 0; c < FVI_COLORS; c++)
        if (memcmp(rgb, fvi_palette[c], 3) == 0)
            return true;
    return false;
}

/* A gray ramp with one block: gray outside and inside, color on the rim. */
static void overlay_draws_the_rim(void **state)
{
    (void)state;
    enum { SIDE = 30 };
    for (int channels = 1; channels < 5; channels++) {
        fv_tensor l = new_labels(SIDE, SIDE);
        fv_tensor plane = new_tensor(FV_F32, 3, SIDE, SIDE, channels);
        fv_image *im;
        for (int i = 0; i < SIDE * SIDE; i++) {
            int y = i / SIDE, x = i % SIDE;
            ((uint32_t *)l.data)[i] =
                y > 4 && y < 20 && x > 6 && x < 18 ? 70000 : 0;
            for (int c = 0; c < channels; c++)
                ((float *)plane.data)[i * channels + c] = (float)x;
        }
        assert_ok(fv_overlay_write(ctx, path_of(channels, ".png"), plane, l));
        assert_ok(fv_image_read(ctx, path_of(channels, ".png"), NULL, &im));
        assert_true(im->rgb);
        const uint8_t *v = im->pixels.data;
        for (int i = 0; i < SIDE * SIDE; i++) {
            int y = i / SIDE, x = i % SIDE;
            bool in = ((uint32_t *)l.data)[i] != 0;
            bool rim = in && (y == 5 || y == 19 || x == 7 || x == 17);
            assert_int_equal(in_palette(v + 3 * i), rim);
            if (!rim)
                assert_int_equal(v[3 * i], v[3 * i + 2]);
        }
        assert_int_equal(v[0], 0);
        assert_int_equal(v[3 * (SIDE - 1)], 255);
        fv_image_free(ctx, im);
        free(l.data);
        free(plane.data);
    }
}

static int make_folder(void **state)
{
    const char *given = getenv("FV_EXPORTS");
    snprintf(folder, sizeof folder, "%s",
             given ? given : "/tmp/fovea_exports_test");
    return setup(state) || fvi_make_folder(ctx, folder) != FV_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_are_written),
        cmocka_unit_test(exports_repeat_byte_for_byte),
        cmocka_unit_test(failed_exports_leave_nothing),
        cmocka_unit_test(neighbors_differ_in_color),
        cmocka_unit_test(overlay_draws_the_rim),
    };
    return cmocka_run_group_tests(tests, make_folder, teardown);
}
