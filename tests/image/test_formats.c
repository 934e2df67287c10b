/* Sample files of every format, against what other readers see in them
 * (tests/golden/images.csv by tools/make_golden_images.py). */
#include "image/imagetest.h"

typedef struct expectation {
    char file[200], axes[8], shape[40], dtype[8], measure[8], value[80];
} expectation;

/* Splits one line at commas; empty fields are allowed. */
static int parse(char *line, expectation *e)
{
    char *field[] = {e->file,  e->axes,    e->shape,
                     e->dtype, e->measure, e->value};
    size_t room[] = {sizeof e->file,  sizeof e->axes,    sizeof e->shape,
                     sizeof e->dtype, sizeof e->measure, sizeof e->value};
    line[strcspn(line, "\r\n")] = 0;
    for (int i = 0; i < 6; i++) {
        size_t n = strcspn(line, ",");
        if (n >= room[i])
            return 0;
        memcpy(field[i], line, n);
        field[i][n] = 0;
        if (line[n] == 0)
            return i == 5;
        line += n + 1;
    }
    return 0;
}

static void describe_shape(const fv_image *im, char *text, size_t room)
{
    int at = 0;
    for (int i = 0; i < im->pixels.ndim; i++)
        at += snprintf(text + at, room - (size_t)at, "%s%lld", i ? "x" : "",
                       (long long)im->pixels.dim[i]);
}

/* The means of the last axis of an RGB image, or of all pixels (u8). */
static int means_agree(const fv_image *im, const char *value)
{
    int samples = im->rgb ? 3 : 1, ok = 1;
    const uint8_t *p = im->pixels.data;
    int64_t n = fv_count(im->pixels) / samples;
    for (int c = 0; c < samples; c++) {
        double sum = 0;
        char *end;
        for (int64_t i = 0; i < n; i++)
            sum += p[i * samples + c];
        double expected = strtod(value, &end);
        ok = ok && end != value && fabs(sum / (double)n - expected) < 0.5;
        value = end;
    }
    return ok;
}

static int pixels_agree(const fv_image *im, const expectation *e)
{
    char hex[65];
    if (strcmp(e->measure, "mean") == 0)
        return means_agree(im, e->value);
    fvi_sha256(im->pixels.data,
               (size_t)fv_count(im->pixels) * fv_dtype_size(im->pixels.dtype),
               hex);
    return strncmp(hex, e->value, 16) == 0 && strlen(e->value) == 16;
}

static int agrees(const char *root, const expectation *e)
{
    char path[1300], shape[64];
    fv_image *im = NULL;
    snprintf(path, sizeof path, "%s/%s", root, e->file);
    fv_status status = fv_image_read(ctx, path, NULL, &im);
    if (strcmp(e->measure, "error") == 0) {
        if (status != FV_OK)
            return fv_message(ctx)[0] != 0;
        print_error("%s: was read, must be refused\n", e->file);
        fv_image_free(ctx, im);
        return 0;
    }
    if (status != FV_OK) {
        print_error("%s\n", fv_message(ctx));
        return 0;
    }
    describe_shape(im, shape, sizeof shape);
    const char *dtype = fv_dtype_name(im->pixels.dtype);
    int same = strcmp(im->axes, e->axes) == 0 && strcmp(shape, e->shape) == 0 &&
               strcmp(dtype, e->dtype) == 0;
    int ok = same && pixels_agree(im, e);
    if (!ok)
        print_error("%s: %s %s %s, expected %s %s %s%s\n", e->file, im->axes,
                    shape, dtype, e->axes, e->shape, e->dtype,
                    same ? "; pixels differ" : "");
    fv_image_free(ctx, im);
    return ok;
}

static void samples_are_what_other_readers_see(void **state)
{
    char path[1024], line[512];
    const char *root = samples();
    int wrong = 0, count = 0;
    (void)state;
    if (!root)
        skip();
    snprintf(path, sizeof path, "%s/golden/images.csv", getenv("FV_TEST_DIR"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f)); /* names of the columns */
    while (fgets(line, sizeof line, f)) {
        expectation e;
        if (!parse(line, &e))
            fail_msg("images.csv: cannot read '%s'", line);
        wrong += !agrees(root, &e);
        count++;
    }
    fclose(f);
    print_message("%d files, %d differ\n", count, wrong);
    assert_true(count > 400);
    assert_int_equal(wrong, 0);
}

typedef struct metadata {
    const char *file, *axes;
    double pitch[3];
    const char *name[3];
} metadata;

static void metadata_is_read(void **state)
{
    static const metadata table[] = {
        {"tiff_made/imagej_hyperstack_tzcyx_u16.tif",
         "TZCYX",
         {1.5, 0.325, 0.325},
         {"", ""}},
        {"tiff_made/imagej_f32_zyx.tif", "ZYX", {0, 0, 0}, {""}},
        {"tiff_made/ome_tczyx_u8.ome.tif",
         "TCZYX",
         {1, 0.2, 0.2},
         {"DAPI", "GFP"}},
        {"ome_tiff/multi-channel-z-series.ome.tif",
         "CZYX",
         {0, 0, 0},
         {"", "", ""}},
        {"tiff_made/rgb_planar_u8.tif",
         "YXS",
         {0, 0, 0},
         {"red", "green", "blue"}},
        /* 72 dots per inch belong to a printer */
        {"tiff_pillow/hopper_float_dpi_2.tif",
         "YXS",
         {0, 0, 0},
         {"red", "green", "blue"}},
    };
    const char *root = samples();
    (void)state;
    if (!root)
        skip();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char path[1300];
        fv_image *im = NULL;
        snprintf(path, sizeof path, "%s/%s", root, table[i].file);
        assert_int_equal(fv_image_read_header(ctx, path, &im), FV_OK);
        assert_string_equal(im->axes, table[i].axes);
        for (int a = 0; a < 3; a++)
            assert_near(im->pitch[a], table[i].pitch[a], 1e-6);
        for (int c = 0; c < 3 && table[i].name[c]; c++)
            assert_string_equal(im->name[c], table[i].name[c]);
        fv_image_free(ctx, im);
    }
}

/* A palette is color for an image and nothing for labels. */
static void labels_in_a_palette_are_indices(void **state)
{
    static const char *const files[] = {"png_suite/basn3p08.png",
                                        "tiff_imagetiff/palette-1c-8b.tiff"};
    const char *root = samples();
    (void)state;
    if (!root)
        skip();
    for (int i = 0; i < 2; i++) {
        char path[1300];
        fv_image *im = NULL;
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        assert_int_equal(fv_image_read(ctx, path, NULL, &im), FV_OK);
        assert_int_equal(im->rgb, 1);
        fv_image_free(ctx, im);
        assert_int_equal(fv_labels_read(ctx, path, NULL, &im), FV_OK);
        assert_int_equal(im->rgb, 0);
        fv_image_free(ctx, im);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_what_other_readers_see),
        cmocka_unit_test(metadata_is_read),
        cmocka_unit_test(labels_in_a_palette_are_indices),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
