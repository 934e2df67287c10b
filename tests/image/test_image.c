/* Images written and read again, label images, and what is refused. */
#include "image/imagetest.h"

static const int64_t five[] = {2, 3, 4, 11, 13}, color[] = {9, 8, 3};

static fv_image *read_back(const char *path)
{
    fv_image *im = NULL;
    if (fv_image_read(ctx, path, NULL, &im) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    assert_int_equal(unlink(path), 0);
    return im;
}

static void round_trip(fv_dtype dtype, const char *axes, const int64_t dim[],
                       const char *name)
{
    const char *path = scratch_path(name);
    fv_image *im = new_image(dtype, axes, dim);
    if (fv_image_write(ctx, path, im) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    fv_image *back = read_back(path);
    assert_same_pixels(im, back);
    assert_int_equal(im->channels, back->channels);
    assert_int_equal(im->rgb, back->rgb);
    fv_image_free(ctx, im);
    fv_image_free(ctx, back);
}

static void tiff_keeps_every_type_and_axis(void **state)
{
    static const char *const axes[] = {
        "YX",    "ZYX",   "CYX",   "TYX",   "ZCYX", "CZYX",  "TZYX",
        "TZCYX", "CTZYX", "TCZYX", "ZTCYX", "CYXS", "TZYXS", "YXS"};
    (void)state;
    for (int d = FV_F32; d <= FV_I32; d++)
        for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
            int64_t dim[FV_MAX_DIM] = {2, 3, 4, 11, 13};
            int n = (int)strlen(axes[i]);
            memcpy(dim, five + 5 - n, (size_t)n * sizeof dim[0]);
            if (axes[i][n - 1] == 'S')
                dim[n - 1] = 3;
            round_trip((fv_dtype)d, axes[i], dim, "a.tif");
        }
}

static void png_and_npy_keep_what_they_can(void **state)
{
    static const int64_t gray[] = {7, 300};
    (void)state;
    round_trip(FV_U8, "YX", gray, "a.png");
    round_trip(FV_U16, "YX", gray, "a.PNG");
    round_trip(FV_U8, "YXS", color, "a.png");
    round_trip(FV_U16, "YXS", color, "a.png");
    for (int d = FV_F32; d <= FV_I32; d++) {
        round_trip((fv_dtype)d, "YX", gray, "a.npy");
        round_trip((fv_dtype)d, "YXS", color, "a.npy");
        round_trip((fv_dtype)d, "CYX", five + 2, "a.npy");
    }
}

static void many_strips_are_one_image(void **state)
{
    static const int64_t dim[] = {1500, 700};
    (void)state;
    round_trip(FV_U16, "YX", dim, "a.tif");
    round_trip(FV_F32, "YX", dim, "a.tiff");
}

static void pitch_and_names_come_back(void **state)
{
    static const double pitch[3] = {1.25, 0.1083333333333, 0.2};
    const char *path = scratch_path("a.tif");
    fv_image *im = new_image(FV_U16, "CZYX", five + 1);
    (void)state;
    memcpy(im->pitch, pitch, sizeof pitch);
    snprintf(im->name[0], 32, "DAPI <&\"1\">");
    snprintf(im->name[2], 32, "\xce\xb1-tubulin");
    assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
    fv_image *head = NULL;
    assert_int_equal(fv_image_read_header(ctx, path, &head), FV_OK);
    assert_null(head->pixels.data);
    assert_true(fv_same_shape(head->pixels, im->pixels));
    fv_image *back = read_back(path);
    for (int i = 0; i < 3; i++) {
        assert_near(back->pitch[i], pitch[i], 0);
        assert_near(head->pitch[i], pitch[i], 0);
        assert_string_equal(back->name[i], im->name[i]);
    }
    fv_image_free(ctx, im);
    fv_image_free(ctx, head);
    fv_image_free(ctx, back);
}

static void png_keeps_a_microscope_pitch(void **state)
{
    static const int64_t dim[] = {3, 4};
    fv_image *im = new_image(FV_U8, "YX", dim);
    (void)state;
    im->pitch[1] = 0.5;
    im->pitch[2] = 0.325;
    assert_int_equal(fv_image_write(ctx, scratch_path("a.png"), im), FV_OK);
    fv_image *back = read_back(scratch_path("a.png"));
    assert_near(back->pitch[1], 0.5, 1e-6);
    assert_near(back->pitch[2], 0.325, 1e-6);
    assert_near(back->pitch[0], 0, 0);
    fv_image_free(ctx, im);
    fv_image_free(ctx, back);
}

static void what_cannot_be_written_leaves_no_file(void **state)
{
    static const int64_t gray[] = {4, 5};
    fv_image *stack = new_image(FV_U8, "ZYX", five + 2);
    fv_image *real = new_image(FV_F32, "YX", gray);
    (void)state;
    assert_int_equal(fv_image_write(ctx, scratch_path("a.png"), stack),
                     FV_ENOTSUP);
    assert_int_equal(fv_image_write(ctx, scratch_path("a.png"), real),
                     FV_ENOTSUP);
    assert_int_equal(fv_image_write(ctx, scratch_path("a.bmp"), real),
                     FV_ENOTSUP);
    assert_int_equal(fv_image_write(ctx, scratch_path("no/a.tif"), real),
                     FV_EIO);
    assert_int_equal(fv_image_write(ctx, scratch_path("no/a.npy"), real),
                     FV_EIO);
    /* The scratch folder is removed at the end, so it must be empty. */
    fv_image_free(ctx, stack);
    fv_image_free(ctx, real);
}

static void axes_and_extents_are_checked(void **state)
{
    static const char *const bad[] = {"",    "Y",   "XY",     "SYX", "ZZYX",
                                      "YXC", "QYX", "TZCYXS", "YXSS"};
    static const int64_t one[6] = {1, 1, 1, 1, 1, 1}, zero[] = {0, 4};
    fv_image *im = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fv_image_new(ctx, FV_U8, bad[i], one, &im), FV_EINVAL);
    assert_int_equal(fv_image_new(ctx, FV_U8, "YXS", one, &im), FV_ESHAPE);
    assert_int_equal(fv_image_new(ctx, FV_U8, "YX", zero, &im), FV_ESHAPE);
    assert_null(im);
}

static void write_labels(const char *path, const uint32_t *v, int64_t h,
                         int64_t w, const double pitch[3])
{
    int64_t dim[] = {h, w};
    union {
        const uint32_t *in;
        void *out;
    } p = {v};
    if (fv_labels_write(ctx, path, fv_dense(p.out, FV_U32, 2, dim), pitch) !=
        FV_OK)
        fail_msg("%s", fv_message(ctx));
}

static void labels_are_16_bits_until_they_need_32(void **state)
{
    static const uint32_t few[] = {0, 1, 2, 65535, 7, 7};
    static const uint32_t many[] = {0, 1, 2, 65536, 4294967295u, 7};
    static const double pitch[3] = {0, 0.5, 0.5};
    const char *tif = scratch_path("l.tif"), *png = scratch_path("l.png");
    fv_image *im = NULL;
    int64_t dim[] = {2, 3};
    (void)state;
    write_labels(tif, few, 2, 3, pitch);
    write_labels(png, few, 2, 3, NULL);
    assert_int_equal(fv_image_read(ctx, tif, NULL, &im), FV_OK);
    assert_int_equal(im->pixels.dtype, FV_U16);
    fv_image_free(ctx, im);
    assert_int_equal(fv_labels_read(ctx, tif, NULL, &im), FV_OK);
    assert_memory_equal(im->pixels.data, few, sizeof few);
    assert_near(im->pitch[2], 0.5, 0);
    fv_image_free(ctx, im);
    assert_int_equal(fv_labels_read(ctx, png, NULL, &im), FV_OK);
    assert_memory_equal(im->pixels.data, few, sizeof few);
    fv_image_free(ctx, im);
    unlink(png);
    write_labels(tif, many, 2, 3, NULL);
    assert_int_equal(fv_labels_read(ctx, tif, NULL, &im), FV_OK);
    assert_memory_equal(im->pixels.data, many, sizeof many);
    uint32_t *own = im->pixels.data;
    assert_int_equal(
        fv_labels_write(ctx, png, fv_dense(own, FV_U32, 2, dim), NULL),
        FV_EINVAL);
    assert_int_not_equal(access(png, F_OK), 0);
    fv_image_free(ctx, im);
    unlink(tif);
}

static void refuse_labels(const char *path, fv_status expected)
{
    fv_image *im = NULL;
    assert_int_equal(fv_labels_read(ctx, path, NULL, &im), expected);
    assert_null(im);
    assert_non_null(strstr(fv_message(ctx), path));
    unlink(path);
}

static void pictures_are_not_labels(void **state)
{
    static const int64_t dim[] = {2, 3};
    const char *path = scratch_path("l.tif");
    fv_image *rgb = new_image(FV_U8, "YXS", color);
    fv_image *negative = new_image(FV_I16, "YX", dim);
    fv_image *broken = new_image(FV_F32, "YX", dim);
    fv_image *whole = new_image(FV_F32, "YX", dim), *back = NULL;
    (void)state;
    ((int16_t *)negative->pixels.data)[4] = -1;
    for (int i = 0; i < 6; i++)
        ((float *)whole->pixels.data)[i] = (float)i;
    assert_int_equal(fv_image_write(ctx, path, rgb), FV_OK);
    refuse_labels(path, FV_EFORMAT);
    assert_int_equal(fv_image_write(ctx, path, negative), FV_OK);
    refuse_labels(path, FV_EFORMAT);
    assert_int_equal(fv_image_write(ctx, path, broken), FV_OK);
    refuse_labels(path, FV_EFORMAT);
    assert_int_equal(fv_image_write(ctx, path, whole), FV_OK);
    assert_int_equal(fv_labels_read(ctx, path, NULL, &back), FV_OK);
    assert_int_equal(((uint32_t *)back->pixels.data)[5], 5);
    unlink(path);
    fv_image_free(ctx, rgb);
    fv_image_free(ctx, negative);
    fv_image_free(ctx, broken);
    fv_image_free(ctx, whole);
    fv_image_free(ctx, back);
}

static void limits_are_kept(void **state)
{
    static const int64_t dim[] = {40, 50};
    static const char *const name[] = {"a.tif", "a.png", "a.npy"};
    fv_limits side = {.max_side = 49}, bytes = {.max_bytes = 1999};
    fv_limits enough = {.max_side = 50, .max_bytes = 2000};
    fv_image *im = new_image(FV_U8, "YX", dim), *back = NULL;
    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *path = scratch_path(name[i]);
        assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
        assert_int_equal(fv_image_read(ctx, path, &side, &back), FV_EFORMAT);
        assert_int_equal(fv_image_read(ctx, path, &bytes, &back), FV_EFORMAT);
        assert_null(back);
        assert_int_equal(fv_image_read(ctx, path, &enough, &back), FV_OK);
        fv_image_free(ctx, back);
        back = NULL;
        unlink(path);
    }
    fv_image_free(ctx, im);
}

static void odd_paths_get_a_sentence(void **state)
{
    fv_image *im = NULL;
    (void)state;
    assert_int_equal(fv_image_read(ctx, scratch_path("none.tif"), NULL, &im),
                     FV_EIO);
    assert_int_equal(fv_image_read(ctx, scratch, NULL, &im), FV_EIO);
    assert_non_null(strstr(fv_message(ctx), "folder"));
    write_bytes(scratch_path("e.tif"), "", 0);
    assert_int_equal(fv_image_read(ctx, scratch_path("e.tif"), NULL, &im),
                     FV_EFORMAT);
    assert_non_null(strstr(fv_message(ctx), "empty"));
    write_bytes(scratch_path("e.tif"), "PK\3\4zip", 7);
    assert_int_equal(fv_image_read(ctx, scratch_path("e.tif"), NULL, &im),
                     FV_ENOTSUP);
    unlink(scratch_path("e.tif"));
    assert_null(im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiff_keeps_every_type_and_axis),
        cmocka_unit_test(png_and_npy_keep_what_they_can),
        cmocka_unit_test(many_strips_are_one_image),
        cmocka_unit_test(pitch_and_names_come_back),
        cmocka_unit_test(png_keeps_a_microscope_pitch),
        cmocka_unit_test(what_cannot_be_written_leaves_no_file),
        cmocka_unit_test(axes_and_extents_are_checked),
        cmocka_unit_test(labels_are_16_bits_until_they_need_32),
        cmocka_unit_test(pictures_are_not_labels),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(odd_paths_get_a_sentence),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
