/* Pieces of images in files: the same numbers as the image read whole, for
 * every way in which a TIFF can lay them out. */
#include "image/bands.h"
#include "image/imagetest.h"

#include <tiffio.h>

enum { HEIGHT = 93, WIDTH = 118 };

typedef struct layout {
    const char *name;
    int bits, samples, planar, tiled, rows, compression, photometric, predictor;
    const char *mode; /* of TIFFOpen: byte order */
    int pieces;       /* whether pieces come from the file */
    int orientation;
} layout;

static const layout layouts[] = {
    {"strips", 8, 1, 1, 0, 7, 1, 1, 1, "w", 1, 1},
    {"one strip", 8, 1, 1, 0, HEIGHT, 1, 1, 1, "w", 1, 1},
    {"swapped", 16, 1, 1, 0, 11, 1, 1, 1, "wb", 1, 1},
    {"swapped floats", 32, 1, 1, 0, HEIGHT, 1, 1, 1, "wb", 1, 1},
    {"deflate", 16, 1, 1, 0, 16, 8, 1, 2, "w", 1, 1},
    {"differences", 16, 1, 1, 0, 16, 1, 1, 2, "w", 1, 1},
    {"lzw", 8, 3, 1, 0, 5, 5, 2, 1, "w", 1, 1},
    {"tiles", 16, 1, 1, 32, 48, 8, 1, 1, "w", 1, 1},
    {"color tiles", 8, 3, 1, 64, 16, 5, 2, 1, "wb", 1, 1},
    {"planes apart", 8, 3, 2, 0, 9, 1, 2, 1, "w", 1, 1},
    {"tiles apart", 16, 4, 2, 32, 32, 1, 1, 1, "w", 1, 1},
    {"bits", 1, 1, 1, 0, 13, 1, 1, 1, "w", 1, 1},
    {"twelve bits", 12, 1, 1, 0, 13, 1, 1, 1, "w", 1, 1},
    {"white is 0", 8, 1, 1, 0, 13, 1, 0, 1, "w", 1, 1},
    {"palette", 8, 1, 1, 32, 32, 1, 3, 1, "w", 1, 1},
    {"inks", 8, 4, 1, 0, 13, 1, 5, 1, "w", 0, 1},
    {"turned", 8, 1, 1, 0, 13, 1, 1, 1, "w", 0, 6},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static void set_tags(TIFF *t, const layout *l)
{
    uint16_t map[3][256];
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, l->bits);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, l->samples);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, l->planar);
    TIFFSetField(t, TIFFTAG_COMPRESSION, l->compression);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, l->photometric);
    TIFFSetField(t, TIFFTAG_ORIENTATION, l->orientation);
    if (l->bits == 32)
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    if (l->compression != 1)
        TIFFSetField(t, TIFFTAG_PREDICTOR, l->predictor);
    for (int i = 0; i < 256; i++)
        for (int c = 0; c < 3; c++)
            map[c][i] = (uint16_t)(257 * ((i * (c + 3)) & 255));
    if (l->photometric == PHOTOMETRIC_PALETTE)
        TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    if (l->tiled) {
        TIFFSetField(t, TIFFTAG_TILEWIDTH, l->tiled);
        TIFFSetField(t, TIFFTAG_TILELENGTH, l->rows);
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, l->rows);
    }
}

/* Random bytes, but floats that are numbers. */
static void fill(unsigned char *data, int64_t size, int bits, fvi_rng *r)
{
    for (int64_t i = 0; i < size; i++)
        data[i] = (unsigned char)fvi_rng_below(r, 256);
    for (int64_t i = 0; bits == 32 && i < size / 4; i++)
        ((float *)(void *)data)[i] = (float)fvi_rng_normal(r);
}

static void write_page(TIFF *t, const layout *l, fvi_rng *r)
{
    set_tags(t, l);
    int64_t size = l->tiled ? TIFFTileSize(t) : TIFFStripSize(t);
    unsigned char *data = calloc((size_t)size, 1);
    uint32_t n = l->tiled ? TIFFNumberOfTiles(t) : TIFFNumberOfStrips(t);
    for (uint32_t i = 0; i < n; i++) {
        int64_t per = n / (l->planar == 2 ? (uint32_t)l->samples : 1);
        int64_t rows = (int64_t)HEIGHT - (i % per) * l->rows;
        int64_t all =
            l->tiled || rows >= l->rows ? size : rows * TIFFScanlineSize(t);
        fill(data, size, l->bits, r);
        assert_true((l->tiled ? TIFFWriteEncodedTile(t, i, data, all)
                              : TIFFWriteEncodedStrip(t, i, data, all)) == all);
    }
    free(data);
    assert_true(TIFFWriteDirectory(t));
}

static const char *write_file(const layout *l, int pages)
{
    const char *path = scratch_path("source.tif");
    fvi_rng r = fvi_rng_new(3, 4);
    TIFF *t = TIFFOpen(path, l->mode);
    assert_non_null(t);
    for (int i = 0; i < pages; i++)
        write_page(t, l, &r);
    TIFFClose(t);
    return path;
}

static void compare(fv_source *s, fv_tensor plane, int64_t z, int64_t y,
                    int64_t x, int64_t h, int64_t w, const char *name)
{
    int64_t dim[3] = {h, w, plane.dim[2]}, nonfinite = -1;
    fv_tensor piece = fv_dense(NULL, FV_F32, 3, dim);
    piece.data = malloc((size_t)fv_count(piece) * sizeof(float) + 1);
    if (fv_source_read(s, 0, z, y, x, piece, &nonfinite) != FV_OK)
        fail_msg("%s: %s", name, fv_message(ctx));
    assert_int_equal(nonfinite, 0);
    for (int64_t i = 0; i < h; i++)
        if (memcmp((float *)piece.data + i * w * dim[2],
                   (float *)plane.data + ((y + i) * plane.dim[1] + x) * dim[2],
                   (size_t)(w * dim[2]) * sizeof(float)) != 0)
            fail_msg("%s: row %lld of the piece at %lld, %lld differs", name,
                     (long long)i, (long long)y, (long long)x);
    free(piece.data);
}

static void read_pieces(const char *path, int64_t z, const char *name)
{
    fv_image *im;
    fv_source *s;
    fv_tensor plane;
    fvi_rng r = fvi_rng_new(9, 1);
    assert_int_equal(fv_image_read(ctx, path, NULL, &im), FV_OK);
    assert_int_equal(fv_image_plane(ctx, im, 0, z, &plane, NULL), FV_OK);
    if (fv_source_open(ctx, path, NULL, &s) != FV_OK)
        fail_msg("%s: %s", name, fv_message(ctx));
    assert_string_equal(fv_source_image(s)->axes, im->axes);
    assert_true(fv_same_shape(fv_source_image(s)->pixels, im->pixels));
    int64_t H = plane.dim[0], W = plane.dim[1];
    compare(s, plane, z, 0, 0, H, W, name);
    for (int k = 0; k < 20; k++) {
        int64_t h = fvi_rng_below(&r, H + 1), w = fvi_rng_below(&r, W + 1);
        if (h && w)
            compare(s, plane, z, fvi_rng_below(&r, H - h + 1),
                    fvi_rng_below(&r, W - w + 1), h, w, name);
    }
    fv_source_close(s);
    fv_plane_free(ctx, &plane);
    fv_image_free(ctx, im);
}

static void pieces_are_those_of_the_image(void **state)
{
    (void)state;
    for (int i = 0; i < LAYOUTS; i++) {
        fv_source *s;
        const char *path = write_file(&layouts[i], 1);
        read_pieces(path, 0, layouts[i].name);
        assert_int_equal(fv_source_open(ctx, path, NULL, &s), FV_OK);
        if (fv_source_has_pieces(s) != layouts[i].pieces)
            fail_msg("%s: %d", layouts[i].name, fv_source_has_pieces(s));
        fv_source_close(s);
        unlink(path);
    }
}

static void every_slice_of_a_stack(void **state)
{
    (void)state;
    const char *path = write_file(&layouts[2], 5);
    for (int64_t z = 0; z < 5; z++)
        read_pieces(path, z, "stack");
    unlink(path);
    int64_t dim[4] = {2, 3, 40, 50};
    fv_image *im = new_image(FV_U16, "ZCYX", dim);
    path = scratch_path("written.tif");
    assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
    fv_image_free(ctx, im);
    for (int64_t z = 0; z < 2; z++)
        read_pieces(path, z, "our own");
    unlink(path);
}

static void other_formats_are_read_whole(void **state)
{
    (void)state;
    int64_t dim[2] = {30, 40};
    fv_image *im = new_image(FV_U8, "YX", dim);
    const char *path = scratch_path("plain.png");
    assert_int_equal(fv_image_write(ctx, path, im), FV_OK);
    fv_image_free(ctx, im);
    read_pieces(path, 0, "png");
    unlink(path);
}

static void what_is_refused(void **state)
{
    (void)state;
    float room[12];
    fv_source *s = NULL;
    int64_t dim[3] = {3, 4, 1};
    fv_tensor piece = fv_dense(room, FV_F32, 3, dim);
    assert_int_equal(fv_source_open(ctx, "/nowhere.tif", NULL, &s), FV_EIO);
    const char *path = write_file(&layouts[1], 1);
    assert_int_equal(fv_source_open(ctx, path, NULL, &s), FV_OK);
    const int64_t bad[][4] = {{0, 0, HEIGHT - 2, 0}, {0, 0, 0, WIDTH - 3},
                              {0, 0, -1, 0},         {0, 0, 0, -1},
                              {1, 0, 0, 0},          {0, 1, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fv_source_read(s, bad[i][0], bad[i][1], bad[i][2],
                                        bad[i][3], piece, NULL),
                         FV_EINVAL);
    piece.dim[2] = 2;
    assert_int_equal(fv_source_read(s, 0, 0, 0, 0, piece, NULL), FV_ESHAPE);
    fv_source_close(s);
    assert_int_equal(truncate(path, 6000), 0); /* the directory comes last */
    assert_int_equal(fv_source_open(ctx, path, NULL, &s), FV_EFORMAT);
    unlink(path);
}

static int64_t until_refusal;

static void *grant(void *user, size_t size)
{
    (void)user;
    return until_refusal-- > 0 ? aligned_alloc(64, (size + 63) / 64 * 64)
                               : NULL;
}

static void release(void *user, void *block)
{
    (void)user;
    free(block);
}

static fv_status read_once(fv_ctx *c, const char *path)
{
    float room[12];
    fv_source *s;
    int64_t dim[3] = {2, 2, 3};
    FV_TRY(fv_source_open(c, path, NULL, &s));
    fv_status status =
        fv_source_read(s, 0, 0, 50, 60, fv_dense(room, FV_F32, 3, dim), NULL);
    fv_source_close(s);
    return status;
}

static void refused_memory_is_survived(void **state)
{
    (void)state;
    static const fv_allocator allocator = {grant, release, NULL};
    const char *path = write_file(&layouts[8], 2);
    fv_status status = FV_ENOMEM;
    for (int64_t n = 0; n < 1000 && status != FV_OK; n++) {
        fv_ctx *c;
        size_t live, peak;
        until_refusal = 1000;
        assert_int_equal(fv_ctx_new(&allocator, &c), FV_OK);
        until_refusal = n;
        status = read_once(c, path);
        fv_memory(c, &live, &peak);
        assert_int_equal(live, 0);
        assert_true(status == FV_OK || status == FV_ENOMEM);
        fv_ctx_free(c);
    }
    assert_int_equal(status, FV_OK);
    unlink(path);
}

/* ---- percentiles of a picture in bands ---- */

static fv_status band(void *user, int64_t top, fv_tensor out)
{
    const fv_tensor *t = user;
    return fv_copy(ctx, fv_slice(*t, 0, top, top + out.dim[0]), out);
}

static void percentiles_in_bands(void **state)
{
    (void)state;
    int64_t dim[3] = {1500, 800, 3};
    fv_tensor t = fv_dense(NULL, FV_F32, 3, dim);
    fvi_rng r = fvi_rng_new(5, 5);
    t.data = malloc((size_t)fv_count(t) * sizeof(float));
    for (int64_t i = 0; i < fv_count(t); i++)
        ((float *)t.data)[i] =
            i % 3 ? (float)fvi_rng_normal(&r) : (float)fvi_rng_below(&r, 300);
    fvi_bands b = {dim[0], dim[1], dim[2], band, &t};
    for (int joint = 0; joint < 2; joint++) {
        double low[2][3], high[2][3];
        assert_int_equal(
            fv_percentiles(ctx, t, 1, 99.8, joint, low[0], high[0]), FV_OK);
        assert_int_equal(
            fvi_percentiles_of(ctx, &b, 1, 99.8, joint, low[1], high[1]),
            FV_OK);
        assert_memory_equal(low[0], low[1], sizeof low[0]);
        assert_memory_equal(high[0], high[1], sizeof high[0]);
    }
    double x[3];
    assert_int_equal(fvi_percentiles_of(ctx, &b, 9, 3, 0, x, x), FV_EINVAL);
    free(t.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_those_of_the_image),
        cmocka_unit_test(every_slice_of_a_stack),
        cmocka_unit_test(other_formats_are_read_whole),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(refused_memory_is_survived),
        cmocka_unit_test(percentiles_in_bands),
    };
    return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
