/* The files of MNIST: whole, cut, flipped, and files that lie. */
#include "image/imagetest.h"

#include "image/idx.h"

#include <zlib.h>

enum { HEAD = 16, COUNT = 24, SIZE = HEAD + COUNT };

/* 2 images of 3 x 4: byte i is i + 1. */
static const unsigned char head[HEAD] = {0, 0, 8, 3, 0, 0, 0, 2,
                                         0, 0, 0, 3, 0, 0, 0, 4};

static void fill(unsigned char file[SIZE])
{
    memcpy(file, head, HEAD);
    for (int i = 0; i < COUNT; i++)
        file[HEAD + i] = (unsigned char)(i + 1);
}

static const char *plain(const void *bytes, size_t size)
{
    const char *path = scratch_path("digits");
    write_bytes(path, bytes, size);
    return path;
}

static const char *zipped(const void *bytes, size_t size)
{
    const char *path = scratch_path("digits");
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(f), Z_OK);
    return path;
}

static void assert_refused(const char *path, const char *words)
{
    fvi_idx idx;
    assert_int_equal(fvi_idx_read(ctx, path, &idx), FV_EFORMAT);
    if (!strstr(fv_message(ctx), words))
        fail_msg("'%s' does not say '%s'", fv_message(ctx), words);
    assert_non_null(strstr(fv_message(ctx), "digits"));
}

static void files_are_read_plain_and_compressed(void **state)
{
    unsigned char file[SIZE];
    (void)state;
    fill(file);
    for (int i = 0; i < 2; i++) {
        fvi_idx idx;
        const char *path = i ? zipped(file, SIZE) : plain(file, SIZE);
        assert_int_equal(fvi_idx_read(ctx, path, &idx), FV_OK);
        assert_int_equal(idx.ndim, 3);
        assert_int_equal(idx.dim[0], 2);
        assert_int_equal(idx.dim[2], 4);
        assert_int_equal(idx.item, 12);
        assert_memory_equal(idx.data, file + HEAD, COUNT);
        fvi_idx_free(ctx, &idx);
    }
}

static void cut_files_are_refused(void **state)
{
    unsigned char file[SIZE], longer[SIZE + 1] = {0};
    (void)state;
    fill(file);
    for (size_t n = 0; n < SIZE; n++) {
        const char *words = n < 8      ? "is not an idx file"
                            : n < HEAD ? "cut short"
                                       : "its extents ask for 40";
        assert_refused(plain(file, n), words);
        assert_refused(zipped(file, n), n < HEAD ? "" : words);
    }
    memcpy(longer, file, SIZE);
    assert_refused(plain(longer, SIZE + 1), "has 41 bytes");
    assert_refused(zipped(longer, SIZE + 1), "41 bytes");
}

static void cut_streams_are_refused(void **state)
{
    unsigned char file[SIZE], *stream = NULL;
    size_t size;
    (void)state;
    fill(file);
    assert_int_equal(
        fvi_file_read(ctx, zipped(file, SIZE), 1000, &stream, &size), FV_OK);
    for (size_t n = 3; n < size; n++)
        assert_refused(plain(stream, n), "gzip stream is damaged");
    fvi_free(ctx, stream);
}

static void heads_that_lie_are_refused(void **state)
{
    static const struct {
        int at;
        unsigned char byte;
        const char *words;
    } lies[] = {
        {0, 1, "is not an idx file"},
        {1, 9, "is not an idx file"},
        {2, 13, "is not an idx file"},
        {3, 0, "is not an idx file"},
        {3, 4, "is not an idx file"},
        {3, 255, "is not an idx file"},
        {7, 0, "zero"},
        {7, 3, "ask for 52"},
        {4, 255, "4 GiB"},
        {11, 0, "zero"},
        {8, 128, "4 GiB"},
        {12, 255, "4 GiB"},
        {3, 1, "ask for 10"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        unsigned char file[SIZE];
        fill(file);
        file[lies[i].at] = lies[i].byte;
        assert_refused(plain(file, SIZE), lies[i].words);
    }
}

/* Every bit turned over: an answer or a sentence, and nothing kept. */
static void flipped_bits_are_survived(void **state)
{
    unsigned char file[SIZE], *stream = NULL;
    size_t size, before, after, peak;
    (void)state;
    fill(file);
    assert_int_equal(
        fvi_file_read(ctx, zipped(file, SIZE), 1000, &stream, &size), FV_OK);
    fv_memory(ctx, &before, &peak);
    for (size_t bit = 0; bit < 8 * (size + SIZE); bit++) {
        bool packed = bit >= 8 * SIZE;
        size_t at = packed ? bit / 8 - SIZE : bit / 8;
        unsigned char *bytes = packed ? stream : file;
        fvi_idx idx;
        bytes[at] ^= (unsigned char)(1 << bit % 8);
        const char *path = plain(bytes, packed ? size : SIZE);
        if (fvi_idx_read(ctx, path, &idx) == FV_OK) {
            assert_int_equal(idx.item * idx.dim[0] + 4 + 4 * idx.ndim, SIZE);
            fvi_idx_free(ctx, &idx);
        }
        bytes[at] ^= (unsigned char)(1 << bit % 8);
    }
    fv_memory(ctx, &after, &peak);
    assert_int_equal(after, before);
    fvi_free(ctx, stream);
}

/* 64 MB of zeros behind a head that asks for 24 bytes. */
static void floods_end_early(void **state)
{
    enum { FLOOD = 64 << 20 };
    unsigned char *file = calloc(1, FLOOD);
    size_t live, before, after;
    (void)state;
    assert_non_null(file);
    memcpy(file, head, HEAD);
    const char *path = zipped(file, FLOOD);
    free(file);
    fv_memory(ctx, &live, &before);
    assert_refused(path, "more bytes than its extents ask for");
    fv_memory(ctx, &live, &after);
    assert_true(after <= before + (1 << 20));
}

static int forget_file(void **state)
{
    unlink(scratch_path("digits"));
    return image_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_plain_and_compressed),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(cut_streams_are_refused),
        cmocka_unit_test(heads_that_lie_are_refused),
        cmocka_unit_test(flipped_bits_are_survived),
        cmocka_unit_test(floods_end_early),
    };
    return cmocka_run_group_tests(tests, image_setup, forget_file);
}
