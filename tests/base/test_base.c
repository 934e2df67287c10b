/* The base floor: text, random numbers, files, memory accounting, fields. */
#include "base/base.h"
#include "context.h"
#include "fovea/field.h"
#include "german.h"

/* Known answers of Philox 4x32-10 from the authors' kat_vectors. */
static void philox_gives_the_published_numbers(void **state)
{
    uint32_t w[4];
    (void)state;
    fvi_philox(0, 0, 0, w);
    assert_int_equal(w[0], 0x6627e8d5);
    assert_int_equal(w[1], 0xe169c58d);
    assert_int_equal(w[2], 0xbc57ac4c);
    assert_int_equal(w[3], 0x9b00dbd8);
    fvi_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, w);
    assert_int_equal(w[0], 0x408f276d);
    assert_int_equal(w[1], 0x41c83b0e);
    assert_int_equal(w[2], 0xa20bc7c6);
    assert_int_equal(w[3], 0x6d5451fd);
}

static void sha256_gives_the_published_digests(void **state)
{
    char hex[65];
    (void)state;
    fvi_sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    fvi_sha256("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
}

static void sha256_takes_parts_of_any_length(void **state)
{
    enum { MANY = 1000000 };
    static char text[200];
    fvi_sha s;
    char hex[65];
    (void)state;
    memset(text, 'a', sizeof text);
    fvi_sha_begin(&s);
    for (size_t left = MANY, n = 0; left; left -= n) {
        n = (n + 37) % 199;
        n = n < left ? n : left;
        fvi_sha_add(&s, text, n);
    }
    fvi_sha_end(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                             "f1809a48a497200e046d39ccc7112cd0");
}

static void poisson_and_normal_have_their_moments(void **state)
{
    static const double means[] = {0.5, 7, 29, 31, 400};
    (void)state;
    for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
        fvi_rng r = fvi_rng_new(3, k);
        double sum = 0, squares = 0, n = 40000;
        for (int i = 0; i < (int)n; i++) {
            double x = (double)fvi_rng_poisson(&r, means[k]);
            sum += x;
            squares += x * x;
        }
        double mean = sum / n, var = squares / n - mean * mean;
        assert_near(mean, means[k], 5 * sqrt(means[k] / n));
        assert_near(var, means[k], 0.05 * means[k]);
    }
    fvi_rng r = fvi_rng_new(1, 1);
    double sum = 0, squares = 0;
    for (int i = 0; i < 40000; i++) {
        double x = fvi_rng_normal(&r);
        sum += x;
        squares += x * x;
    }
    assert_near(sum / 40000, 0, 0.02);
    assert_near(squares / 40000, 1, 0.03);
}

static void natural_order_counts_numbers(void **state)
{
    (void)state;
    assert_int_equal(fvi_natural_order("img2", "img10"), -1);
    assert_int_equal(fvi_natural_order("img10", "img2"), 1);
    assert_int_equal(fvi_natural_order("a007", "a7"), 0);
    assert_int_equal(fvi_natural_order("a", "ab"), -1);
    assert_int_equal(fvi_text_distance("treshold", "threshold"), 1);
    assert_int_equal(fvi_text_distance("taht", "that"), 1);
}

static void the_memory_limit_refuses(void **state)
{
    (void)state;
    fv_set_memory_limit(ctx, 1 << 20);
    void *small = fvi_alloc(ctx, 1000);
    assert_non_null(small);
    assert_null(fvi_alloc(ctx, 2 << 20));
    assert_non_null(strstr(fv_message(ctx), "memory limit"));
    assert_null(fvi_calloc(ctx, SIZE_MAX / 2, 4));
    assert_null(fvi_alloc(ctx, SIZE_MAX - 10));
    fvi_free(ctx, small);
    fv_set_memory_limit(ctx, 0);
}

typedef struct options {
    int width;
    double rate;
    const char *kind;
    int fast;
} options;

static const fv_field fields[] = {
    FV_INT(options, width, 32, 1, 64, "channels", "how wide"),
    FV_REAL(options, rate, 0.1, 0, 1, "", "how fast"),
    FV_CHOICE(options, kind, "a", "a|bc|d", "which"),
    FV_FLAG(options, fast, "hurry"), FV_END};

static void fields_parse_and_explain(void **state)
{
    options o;
    char text[64];
    (void)state;
    fv_fields_default(fields, &o);
    assert_int_equal(o.width, 32);
    assert_int_equal(fv_field_set(ctx, fields, &o, "rate", "0.3"), FV_OK);
    fv_field_get(fv_field_find(fields, "rate"), &o, text, sizeof text);
    assert_string_equal(text, "0.3");
    assert_int_equal(fv_field_set(ctx, fields, &o, "kind", "bc"), FV_OK);
    assert_int_equal(fv_field_set(ctx, fields, &o, "kind", "b"), FV_EINVAL);
    assert_int_equal(fv_field_set(ctx, fields, &o, "width", "65"), FV_EINVAL);
    assert_int_equal(fv_field_set(ctx, fields, &o, "width", "3.5"), FV_EINVAL);
    assert_int_equal(fv_field_set(ctx, fields, &o, "fast", "yes"), FV_OK);
    assert_int_equal(o.fast, 1);
    assert_int_equal(fv_field_set(ctx, fields, &o, "witdh", "3"), FV_EINVAL);
    assert_non_null(strstr(fv_message(ctx), "nearest is 'width'"));
}

static void fields_have_points_in_any_locale(void **state)
{
    options o;
    char text[64];
    (void)state;
    german_or_skip();
    fv_fields_default(fields, &o);
    fv_status status = fv_field_set(ctx, fields, &o, "rate", "0.3");
    fv_field_get(fv_field_find(fields, "rate"), &o, text, sizeof text);
    german_end();
    assert_ok(status);
    assert_near(o.rate, 0.3, 0);
    assert_string_equal(text, "0.3");
}

static void files_are_all_or_nothing(void **state)
{
    (void)state;
    char folder[] = "/tmp/fv_base_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *deep = fvi_path_join(ctx, folder, "a/b");
    assert_int_equal(fvi_make_folder(ctx, deep), FV_OK);
    char *path = fvi_path_join(ctx, deep, "x10.ome.tif");
    assert_int_equal(fvi_file_write(ctx, path, "hello", 5), FV_OK);
    unsigned char *bytes;
    size_t size;
    assert_int_equal(fvi_file_read(ctx, path, 10, &bytes, &size), FV_OK);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "hello", 6);
    fvi_free(ctx, bytes);
    assert_int_equal(fvi_file_read(ctx, path, 4, &bytes, &size), FV_EFORMAT);
    assert_int_equal(fvi_file_read(ctx, deep, 4, &bytes, &size), FV_EIO);
    fvi_file f;
    assert_int_equal(fvi_file_create(ctx, path, true, &f), FV_OK);
    assert_int_equal(fvi_file_add(&f, "broken", 6), FV_OK);
    fvi_file_discard(&f);
    fvi_names names;
    assert_int_equal(fvi_list_folder(ctx, deep, &names), FV_OK);
    assert_int_equal(names.count, 1);
    char *stem = fvi_path_stem(ctx, path);
    assert_string_equal(stem, "x10");
    unlink(path);
    rmdir(deep);
    fvi_names_free(ctx, &names);
    fvi_free(ctx, stem);
    fvi_free(ctx, path);
    fvi_free(ctx, deep);
    assert_int_equal(fvi_file_write(ctx, "/dev/full/x", "a", 1), FV_EIO);
}

static void threads_are_as_many_as_wished(void **state)
{
    const char *before = getenv("OMP_NUM_THREADS");
    char *kept = before ? strdup(before) : NULL;
    (void)state;
    setenv("OMP_NUM_THREADS", "3", 1);
    fv_set_threads(ctx, 0);
    assert_int_equal(fv_threads(ctx), 3);
    fv_set_threads(ctx, 2);
    assert_int_equal(fv_threads(ctx), 2);
    setenv("OMP_NUM_THREADS", "many", 1);
    fv_set_threads(ctx, 0);
    assert_true(fv_threads(ctx) >= 1 && fv_threads(ctx) < 100000);
    unsetenv("OMP_NUM_THREADS");
    if (kept)
        setenv("OMP_NUM_THREADS", kept, 1);
    free(kept);
    fv_set_threads(ctx, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_numbers),
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(sha256_takes_parts_of_any_length),
        cmocka_unit_test(poisson_and_normal_have_their_moments),
        cmocka_unit_test(natural_order_counts_numbers),
        cmocka_unit_test(the_memory_limit_refuses),
        cmocka_unit_test(threads_are_as_many_as_wished),
        cmocka_unit_test(fields_parse_and_explain),
        cmocka_unit_test(fields_have_points_in_any_locale),
        cmocka_unit_test(files_are_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
