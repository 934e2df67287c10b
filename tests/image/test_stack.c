/* What pages mean: OME-XML, ImageJ, resolutions, 0-is-white. */
#include "image/tinytiff.h"

static tiny file;

/* Pages of 3 x 2 whose pixels are the number of the page. */
static void begin_pages(const char *description, int count, int big_endian)
{
    tiny_begin(&file, big_endian);
    for (int i = 0; i < count; i++) {
        unsigned char v[6];
        memset(v, i, sizeof v);
        tiny_add_page(&file, &(tiny_page){.width = 3,
                                          .height = 2,
                                          .bits = 8,
                                          .photometric = 1,
                                          .description = i ? NULL : description,
                                          .pixels = v,
                                          .pixel_bytes = sizeof v});
    }
}

static fv_image *read_file(void)
{
    fv_image *im = NULL;
    if (tiny_read(&file, &im) != FV_OK)
        fail_msg("%s", fv_message(ctx));
    return im;
}

/* The page that became each plane, in the order of the axes. */
static void assert_planes(const char *description, int pages, const char *axes,
                          const char *expected)
{
    begin_pages(description, pages, pages % 2);
    fv_image *im = read_file();
    assert_string_equal(im->axes, axes);
    const uint8_t *p = im->pixels.data;
    assert_int_equal(fv_count(im->pixels), 6 * (int64_t)strlen(expected));
    for (size_t i = 0; expected[i]; i++)
        for (int k = 0; k < 6; k++)
            assert_int_equal(p[6 * i + (size_t)k], expected[i] - '0');
    fv_image_free(ctx, im);
}

#define OME(pixels, inside)                                            \
    "<?xml version=\"1.0\"?><OME UUID=\"urn:uuid:me\"><Image><Pixels " \
    "SizeX=\"3\" SizeY=\"2\" " pixels ">" inside "</Pixels></Image></OME>"

static void dimension_order_names_the_axes(void **state)
{
    (void)state;
    assert_planes(
        OME("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"3\"", "<TiffData/>"),
        6, "ZCYX", "012345");
    assert_planes(OME("DimensionOrder=\"XYZCT\" SizeC=\"2\" SizeZ=\"3\"", ""),
                  6, "CZYX", "012345");
    assert_planes(OME("DimensionOrder=\"XYTZC\" SizeT=\"4\"",
                      "<TiffData IFD=\"0\" PlaneCount=\"4\"/>"),
                  4, "TYX", "0123");
}

static void tiff_data_places_the_pages(void **state)
{
    (void)state;
    assert_planes(OME("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"2\"",
                      "<TiffData IFD=\"3\"/>"
                      "<TiffData IFD=\"2\" FirstC=\"1\"/>"
                      "<TiffData IFD=\"0\" FirstZ=\"1\" PlaneCount=\"2\"/>"),
                  4, "ZCYX", "3201");
    /* A page that nobody mentions is not part of the image. */
    assert_planes(OME("DimensionOrder=\"XYCZT\" SizeC=\"2\"",
                      "<TiffData IFD=\"1\" PlaneCount=\"2\"/>"),
                  4, "CYX", "12");
}

static void missing_planes_are_an_error(void **state)
{
    fv_image *im = NULL;
    (void)state;
    begin_pages(OME("DimensionOrder=\"XYCZT\" SizeC=\"3\"",
                    "<TiffData IFD=\"0\" PlaneCount=\"2\"/>"),
                2, 0);
    assert_int_equal(tiny_read(&file, &im), FV_EFORMAT);
    begin_pages(OME("DimensionOrder=\"XYCZT\" SizeC=\"2\"",
                    "<TiffData IFD=\"0\"><UUID>urn:uuid:me</UUID></TiffData>"
                    "<TiffData IFD=\"0\" FirstC=\"1\"><UUID FileName=\"b\">"
                    "urn:uuid:other</UUID></TiffData>"),
                1, 0);
    assert_int_equal(tiny_read(&file, &im), FV_ENOTSUP);
    assert_non_null(strstr(fv_message(ctx), "another file"));
    begin_pages(OME("DimensionOrder=\"XYCZT\" SizeC=\"2\" SizeZ=\"2000000000\" "
                    "SizeT=\"2000000000\"",
                    "<TiffData IFD=\"0\"/>"),
                1, 0);
    assert_int_equal(tiny_read(&file, &im), FV_EFORMAT);
    assert_null(im);
}

static void useless_xml_leaves_plain_slices(void **state)
{
    (void)state;
    assert_planes("<OME><Image><Pixels SizeX=\"3\"", 3, "ZYX", "012");
    assert_planes(OME("DimensionOrder=\"XYCCT\" SizeC=\"3\"", ""), 3, "ZYX",
                  "012");
    assert_planes("<OME><BinaryOnly MetadataFile=\"x\"/></OME>", 2, "ZYX",
                  "01");
    assert_planes(NULL, 1, "YX", "0");
}

static void units_are_converted(void **state)
{
    (void)state;
    begin_pages(OME("DimensionOrder=\"XYCZT\" PhysicalSizeX=\"65\" "
                    "PhysicalSizeXUnit=\"nm\" PhysicalSizeY=\"0.065\" "
                    "PhysicalSizeZ=\"2\" PhysicalSizeZUnit=\"pixel\"",
                    "<Channel Name=\"\xb5-one\"/>"), /* Latin-1 */
                1, 0);
    fv_image *im = read_file();
    assert_near(im->pitch[2], 0.065, 1e-12);
    assert_near(im->pitch[1], 0.065, 1e-12);
    assert_near(im->pitch[0], 0, 0);
    assert_string_equal(im->name[0], "\xc2\xb5-one");
    fv_image_free(ctx, im);
}

static void imagej_counts_its_planes(void **state)
{
    (void)state;
    assert_planes("ImageJ=1.53t\nimages=6\nchannels=2\nslices=3\n", 6, "ZCYX",
                  "012345");
    assert_planes("ImageJ=1.53t\nimages=4\nframes=2\nslices=2\n", 4, "TZYX",
                  "0123");
    /* Cut by another program. */
    assert_planes("ImageJ=1.53t\nimages=9\nslices=9\n", 2, "ZYX", "01");
}

static void imagej_may_have_one_directory_for_all(void **state)
{
    unsigned char v[24];
    (void)state;
    for (int big = 0; big < 2; big++) {
        for (int i = 0; i < 24; i++)
            v[i] = (unsigned char)i;
        tiny_page p = {.width = 3,
                       .height = 1,
                       .bits = 16,
                       .photometric = 1,
                       .description = "ImageJ=1.53t\nimages=4\nchannels=2\n"
                                      "frames=2\nunit=\\u00B5m\n",
                       .per_unit = 5,
                       .unit = 1,
                       .pixels = v,
                       .pixel_bytes = sizeof v};
        tiny_begin(&file, big);
        tiny_add_page(&file, &p);
        fv_image *im = read_file();
        assert_string_equal(im->axes, "TCYX");
        assert_near(im->pitch[2], 0.2, 1e-9);
        for (int i = 0; i < 12; i++)
            assert_int_equal(((uint16_t *)im->pixels.data)[i],
                             big ? 2 * i << 8 | (2 * i + 1)
                                 : (2 * i + 1) << 8 | 2 * i);
        fv_image_free(ctx, im);
        im = NULL;
        p.description = "ImageJ=1.53t\nimages=4000\n";
        tiny_begin(&file, big);
        tiny_add_page(&file, &p);
        assert_int_equal(tiny_read(&file, &im), FV_EFORMAT);
        assert_null(im);
    }
}

static void white_zero_is_inverted_but_for_imagej(void **state)
{
    static const unsigned char v[] = {0, 1, 255};
    tiny_page p = {
        .width = 3, .height = 1, .bits = 8, .pixels = v, .pixel_bytes = 3};
    (void)state;
    for (int imagej = 0; imagej < 2; imagej++) {
        p.description = imagej ? "ImageJ=1.53t\n" : NULL;
        tiny_begin(&file, 0);
        tiny_add_page(&file, &p);
        fv_image *im = read_file();
        for (int i = 0; i < 3; i++)
            assert_int_equal(((uint8_t *)im->pixels.data)[i],
                             imagej ? v[i] : 255 - v[i]);
        fv_image_free(ctx, im);
    }
}

static void assert_pitch(double per_unit, int unit, double expected)
{
    static const unsigned char v[3];
    tiny_page p = {.width = 3,
                   .height = 1,
                   .bits = 8,
                   .photometric = 1,
                   .pixels = v,
                   .pixel_bytes = 3,
                   .per_unit = per_unit,
                   .unit = unit};
    tiny_begin(&file, 0);
    tiny_add_page(&file, &p);
    fv_image *im = read_file();
    assert_near(im->pitch[2], expected, 1e-6);
    assert_near(im->pitch[1], expected, 1e-6);
    assert_near(im->pitch[0], 0, 0);
    fv_image_free(ctx, im);
}

static void printers_do_not_set_the_pitch(void **state)
{
    (void)state;
    assert_pitch(72, 2, 0);
    assert_pitch(300, 2, 0);
    assert_pitch(118.11, 3, 0);
    assert_pitch(50000, 1, 0);
    assert_pitch(50000, 3, 0.2);
    assert_pitch(25400, 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dimension_order_names_the_axes),
        cmocka_unit_test(tiff_data_places_the_pages),
        cmocka_unit_test(missing_planes_are_an_error),
        cmocka_unit_test(useless_xml_leaves_plain_slices),
        cmocka_unit_test(units_are_converted),
        cmocka_unit_test(imagej_counts_its_planes),
        cmocka_unit_test(imagej_may_have_one_directory_for_all),
        cmocka_unit_test(white_zero_is_inverted_but_for_imagej),
        cmocka_unit_test(printers_do_not_set_the_pitch),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
